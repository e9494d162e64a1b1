// @ts-check
/**
 * Requests that do not tell who makes them. A browser states, as `Origin`, the address of the page that asks; that of an
 * extension is drawn by chance for each installation in Firefox, so that it would be an identifier. A page in a sandbox has
 * an origin of its own that nobody can name, which is stated as `null`: it asks, and hands over what comes.
 * @module
 */

import { within } from "../patience.js";

/**
 * Of a registry; `data` is null where it is larger than was asked for.
 * @typedef {{ isRedirect: boolean, status: number, retryAfter: string | null, data: Blob | null }} Answer
 */

const SILENT_SECONDS = 10; // beyond those of an answer: the page in the sandbox did not load, or was ended

/** @type {{ frame: HTMLIFrameElement, loaded: Promise<unknown> } | undefined} */
let opened;

function open() {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.sandbox.add("allow-scripts");
  frame.src = new URL("frame.html", import.meta.url).href;
  const loaded = new Promise((resolve) => {
    frame.onload = resolve;
  });
  document.body.append(frame);
  return { frame, loaded };
}

/**
 * @param {string} silent what it comes to where the page in the sandbox says nothing: then the next question has another one
 * @param {number} maxSeconds
 * @param {"readAnswer" | "readPicture"} name of what `frame.js` does
 * @param {...unknown} args
 * @returns {Promise<any>}
 */
async function done(silent, maxSeconds, name, ...args) {
  const { frame, loaded } = (opened ??= open());
  const { port1: here, port2: there } = new MessageChannel();
  const answered = new Promise((resolve) => {
    here.onmessage = ({ data }) => resolve(data);
  });
  // An origin that nobody can name is not to be named here either.
  void loaded.then(() => frame.contentWindow?.postMessage([name, ...args], "*", [there]));
  const answer = await within(maxSeconds + SILENT_SECONDS, answered, null);
  here.close();
  if (answer !== null) return answer;
  frame.remove();
  if (opened?.frame === frame) opened = undefined;
  return silent;
}

/**
 * Whatever a registry answers.
 * @param {string} url
 * @param {RequestInit} asked
 * @param {number} maxBytes
 * @param {number} maxSeconds
 * @returns {Promise<Answer | "down" | "slow">}
 */
export const readAnswer = (url, asked, maxBytes, maxSeconds) => done("slow", maxSeconds, "readAnswer", url, asked, maxBytes, maxSeconds);

/** As that of `content/read.js`. @type {typeof globalThis.readPicture} */
export const readPicture = (source, maxBytes, maxSeconds) => done("network", maxSeconds, "readPicture", source, maxBytes, maxSeconds);
