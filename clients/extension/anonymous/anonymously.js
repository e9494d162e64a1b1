// @ts-check
/**
 * Requests that do not tell who makes them. A browser states, as `Origin`, the address of the page that asks; that of an
 * extension is drawn by chance for each installation in Firefox, so that it would be an identifier. A page in a sandbox has
 * an origin of its own that nobody can name, which is stated as `null`: it asks, and hands over what comes.
 * @module
 */

/**
 * Of a registry; `data` is null where it is larger than was asked for.
 * @typedef {{ isRedirect: boolean, status: number, retryAfter: string | null, data: Blob | null }} Answer
 */

const SILENT_SECONDS = 10; // beyond those of an answer: the page in the sandbox did not load, or was ended

/** @type {Promise<Window> | undefined} */
let opened;

/** @returns {Promise<Window>} */
function open() {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.sandbox.add("allow-scripts");
  frame.src = new URL("frame.html", import.meta.url).href;
  document.body.append(frame);
  return new Promise((resolve) => {
    frame.onload = () => resolve(/** @type {Window} */ (frame.contentWindow));
  });
}

/**
 * @template T
 * @param {"readAnswer" | "readPicture"} name of what `frame.js` does
 * @param {...unknown} args
 * @returns {Promise<T>}
 */
async function done(name, ...args) {
  const page = await (opened ??= open());
  const { port1: here, port2: there } = new MessageChannel();
  const answered = new Promise((resolve) => {
    here.onmessage = ({ data }) => resolve(data);
  });
  page.postMessage([name, ...args], "*", [there]); // an origin that nobody can name is not to be named here either
  return answered.finally(() => here.close());
}

/**
 * Whatever a registry answers.
 * @param {string} url
 * @param {RequestInit} asked
 * @param {number} maxBytes
 * @param {number} maxSeconds
 * @returns {Promise<Answer | "down" | "slow">}
 */
export function readAnswer(url, asked, maxBytes, maxSeconds) {
  const silent = new Promise((resolve) => setTimeout(resolve, 1000 * (maxSeconds + SILENT_SECONDS), "slow"));
  return Promise.race([done("readAnswer", url, asked, maxBytes, maxSeconds), silent]);
}

/** As that of `content/read.js`. @type {typeof globalThis.readPicture} */
export const readPicture = (source, maxBytes) => done("readPicture", source, maxBytes);
