// @ts-check
/** Reading what lies at an address: in the page, as far as the site lets its own page, and in the panel. */

/**
 * At most so many bytes, as a blob; or why not: "unreachable" where the browser tells no more (the network, or the site
 * lets no other read it), "network" where the site answers with something else, "too-large".
 * @param {string} source
 * @param {number} maxBytes
 * @returns {Promise<Blob | "unreachable" | "network" | "too-large">}
 */
globalThis.readPicture = async function readPicture(source, maxBytes) {
  const MAX_SECONDS = 60; // 50 MB in a minute is 7 Mbit/s
  let answer;
  try {
    const signal = AbortSignal.timeout(1000 * MAX_SECONDS);
    answer = await fetch(source, { credentials: "omit", referrerPolicy: "no-referrer", cache: "force-cache", signal });
  } catch {
    return "unreachable";
  }
  if (!answer.ok || !answer.body) return "network";
  const parts = [];
  let size = 0;
  const reader = answer.body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.length;
      if (size > maxBytes) {
        void reader.cancel();
        return "too-large";
      }
      parts.push(part.value);
    }
  } catch {
    return "network";
  }
  return new Blob(parts, { type: answer.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "" });
};
