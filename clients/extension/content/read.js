// @ts-check
/** Reading what lies at an address: in the page, as far as the site lets its own page, and in the extension. */

/**
 * The bytes of an answer; null where they are more than this.
 * @param {Response} answer
 * @param {number} maxBytes
 * @returns {Promise<Blob | null>}
 */
globalThis.readBounded = async function readBounded({ body, headers }, maxBytes) {
  const parts = [];
  let size = 0;
  const reader = body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.length;
    if (size > maxBytes) {
      void reader?.cancel();
      return null;
    }
    parts.push(part.value);
  }
  return new Blob(parts, { type: headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "" });
};

/**
 * At most so many bytes, as a blob; or why not: "unreachable" where the browser tells no more (the network, or the site
 * lets no other read it), "network" where the site answers with something else, "too-large".
 * @param {string} source
 * @param {number} maxBytes
 * @param {number} maxSeconds
 * @returns {Promise<Blob | "unreachable" | "network" | "too-large">}
 */
globalThis.readPicture = async function readPicture(source, maxBytes, maxSeconds) {
  let answer;
  try {
    const signal = AbortSignal.timeout(1000 * maxSeconds);
    answer = await fetch(source, { credentials: "omit", referrerPolicy: "no-referrer", cache: "force-cache", signal });
  } catch {
    return "unreachable";
  }
  if (!answer.ok || !answer.body) return "network";
  try {
    return (await globalThis.readBounded(answer, maxBytes)) ?? "too-large";
  } catch {
    return "network";
  }
};
