// @ts-check
/** What the page of no origin does for `anonymously.js`. No module: browsers let such a page load none. */

/** @import { Answer } from "./anonymously.js" */

const done = {
  readPicture: globalThis.readPicture,

  /**
   * Whatever a registry answers, without cookies, referrer or redirects; or why there is no answer.
   * @param {string} url
   * @param {RequestInit} asked
   * @param {number} maxBytes
   * @param {number} maxSeconds
   * @returns {Promise<Answer | "down" | "slow">}
   */
  async readAnswer(url, asked, maxBytes, maxSeconds) {
    const signal = AbortSignal.timeout(1000 * maxSeconds);
    try {
      const answer = await fetch(url, { ...asked, credentials: "omit", referrerPolicy: "no-referrer", redirect: "manual", cache: "no-store", signal });
      const { type, status, headers } = answer;
      return { isRedirect: type === "opaqueredirect", status, retryAfter: headers.get("Retry-After"), data: await globalThis.readBounded(answer, maxBytes) };
    } catch {
      return signal.aborted ? "slow" : "down";
    }
  },
};

addEventListener("message", async ({ data: [name, ...args], ports: [port] }) => {
  port?.postMessage(await /** @type {any} */ (done)[name](...args));
});
