// @ts-check
/**
 * The pictures of a page, and how their bytes are had: by the page itself where the site lets it; by the extension, where
 * the user has let it read from that one site; else as the screen shows them.
 * @module
 */

import "./content/read.js";
import { readPicture } from "./anonymous/anonymously.js";
import { MAX_PIXELS, fingerprint } from "./countermark/fingerprint.js";
import { MAX_MEDIA_BYTES } from "./countermark/limits.js";
import { within } from "./patience.js";

/** @import { Fingerprints, Size } from "./countermark/fingerprint.js" */

/**
 * @typedef {object} Picture of a page
 * @property {number} frameId
 * @property {string} source address of the largest version; "" where there is none
 * @property {string} shown address of what is shown
 * @property {"img" | "background" | "canvas" | "video" | "document" | "inline-svg"} kind
 * @property {number} width in pixels; 0 where it is not known
 * @property {number} height
 * @property {string} description
 * @property {number} [element] by which the page knows it
 */

/** @typedef {Picture & { tabId: number, windowId: number, pageOrigin?: string }} Click what was asked for */

/**
 * @typedef {object} Had
 * @property {Blob} blob
 * @property {"page" | "origin" | "drawn" | "screen"} how by the page; by a permission for its site; and, as re-encoded
 *   copies of what is seen, of a canvas, video or revoked address, and of the screen
 * @property {string} host that it lies on; "" where it lies in the page
 * @property {Size} [size] where this browser can decode it
 * @property {Fingerprints} [fingerprints] where they had to be made
 */

const LOOK_SECONDS = 10; // at a page: the largest take about one
const MAX_SECONDS = 60; // of a picture: 50 MB in a minute is 7 Mbit/s
const THUMBNAIL_SIDE = 160; // pixels: 80 on a fine display
const MIN_SIDE = 16; // pixels: below are icons, spacers and counters
const ALIKE_BITS = 31; // of PDQ's 256: a search goes as far
const MIN_QUALITY = 50; // of PDQ: below, a picture is too plain to compare by
const STILL = 0.002; // share of what is seen: two pixels of a thousand
const LOOKS = 2; // at what may move while the page loads what it was scrolled to; Chrome allows two in a second

/** Why a picture cannot be had. */
export class PictureError extends Error {
  /**
   * @param {"needs-origin" | "gone" | "changed" | "tainted" | "too-large" | "too-small" | "not-a-picture" | "not-in-view"
   *   | "network" | "drawing" | "closed"} reason
   * @param {string} [host] that the picture lies on
   * @param {string} [pattern] of "needs-origin": what `chrome.permissions.request` is to ask for
   */
  constructor(reason, host = "", pattern = "") {
    super(reason);
    this.name = "PictureError";
    this.reason = reason;
    this.host = host;
    this.pattern = pattern;
  }
}

/**
 * Those of a page and of its frames, as far as they are of the same site; the largest first. Throws PictureError
 * ("closed") where the browser lets no extension look.
 * @param {number} tabId
 * @returns {Promise<Picture[]>}
 */
export async function listPictures(tabId) {
  const list = () => countermark.list();
  // One frame that hangs keeps the browser from telling of any.
  const answers = (await inject({ tabId, allFrames: true }, LOOK_SECONDS, list)) ?? (await inject({ tabId }, LOOK_SECONDS, list));
  if (!answers) throw new PictureError("closed");
  const found = answers.flatMap(({ frameId, result }) => (result ?? []).map((/** @type {object} */ each) => ({ frameId, ...each })));
  return found.sort((one, other) => other.width * other.height - one.width * one.height);
}

/**
 * The one that a menu was opened on; null where it cannot be told which.
 * @param {chrome.contextMenus.OnClickData} info
 * @param {number} tabId
 * @returns {Promise<Picture | null>}
 */
export async function findPicture(info, tabId) {
  const { frameId = 0, srcUrl = "", mediaType } = info;
  const shown = mediaType === "image" ? srcUrl : "";
  const target = /** @type {any} */ (info).targetElementId; // Firefox
  const find = (/** @type {string} */ address, /** @type {any} */ element) => countermark.find(address, element);
  const answers = await inject({ tabId, frameIds: [frameId] }, LOOK_SECONDS, find, shown, target ?? null);
  const found = answers?.[0]?.result;
  if (found) return { frameId, ...found };
  const isClosed = found === undefined; // of another site than the page's: the browser has named all that is known
  return shown && isClosed ? { frameId, source: shown, shown, kind: "img", width: 0, height: 0, description: "" } : null;
}

/** A small copy of what the page shows, to choose by; null where it would be fetched, or the page may not draw it. @param {Click} click */
export async function thumbnail(click) {
  const draw = (/** @type {any} */ ...asked) => countermark.draw(...asked);
  const small = await ask(click, draw, click.element ?? null, click.shown, THUMBNAIL_SIDE);
  return small?.data ? assembled(click, small) : null;
}

/** Its bytes. Throws PictureError. @param {Click} click @returns {Promise<Had>} */
export async function picture(click) {
  if (click.kind === "inline-svg") throw new PictureError("drawing");
  if (click.width * click.height > MAX_PIXELS) throw new PictureError("too-large", hostOf(click.source));
  if (!click.source) return examined({ ...(await draw(click)), host: "" });
  const shown = () => bytes(click, click.shown).then(examined);
  if (click.source === click.shown) return shown();
  try {
    const largest = await bytes(click, click.source).then(examined);
    const smaller = await shown();
    if (await isAlike(largest, smaller)) return largest;
    return smaller; // whatever the page offers as its larger version
  } catch (error) {
    if (error instanceof PictureError && error.reason !== "needs-origin") return shown();
    throw error;
  }
}

/** What the screen shows of it: a re-encoded copy, and only as much as is seen. Throws PictureError. @param {Click} click @returns {Promise<Had>} */
export async function screenshot(click) {
  const { tabId, element, shown } = click;
  if (element === undefined) throw new PictureError("closed"); // in a frame that does not tell where
  const tab = await chrome.tabs.get(tabId).catch(() => null);
  if (!tab) throw new PictureError("gone");
  if (!tab.active) throw new PictureError("not-in-view");
  /** @type {string} */
  let address;
  /** @type {{ left: number, top: number, right: number, bottom: number }} */
  let box;
  try {
    for (let look = 1; ; look += 1) {
      box = refused(await ask(click, (number, address) => countermark.show(number, address), element, shown));
      address = await chrome.tabs.captureVisibleTab(tab.windowId, { format: "png" }).catch(() => {
        throw new PictureError("closed");
      });
      const after = refused(await ask(click, (number, address) => countermark.where(number, address), element, shown));
      if (Object.entries(box).every(([side, place]) => Math.abs(after[side] - place) < STILL)) break;
      if (look === LOOKS) throw new PictureError("changed");
    }
  } finally {
    await ask(click, () => countermark.restore());
  }
  const screen = await createImageBitmap(await (await fetch(address)).blob());
  const [left, top] = [Math.round(box.left * screen.width), Math.round(box.top * screen.height)];
  const [right, bottom] = [Math.round(box.right * screen.width), Math.round(box.bottom * screen.height)];
  const canvas = new OffscreenCanvas(Math.max(1, right - left), Math.max(1, bottom - top));
  canvas.getContext("2d")?.drawImage(screen, -left, -top);
  screen.close();
  return examined({ blob: await canvas.convertToBlob(), how: "screen", host: hostOf(click.source) });
}

/** @param {Click} click @param {string} source @returns {Promise<Had>} */
async function bytes(click, source) {
  const { protocol, host, hostname } = new URL(source);
  if (protocol === "data:") return { blob: blobOf(await globalThis.readPicture(source, MAX_MEDIA_BYTES, MAX_SECONDS), host), how: "page", host };
  const found = await ask(click, (...asked) => countermark.read(...asked), source, MAX_MEDIA_BYTES, MAX_SECONDS);
  if (found?.data !== undefined) return { blob: await assembled(click, found), how: "page", host };
  if (found && found.fault !== "unreachable") throw new PictureError(found.fault, host);
  if (protocol === "blob:") return { ...(await draw(click)), host: "" };
  if (protocol !== "http:" && protocol !== "https:") throw new PictureError("closed", host);
  const pattern = `${protocol}//${hostname}/*`;
  const isAllowed = await chrome.permissions.contains({ origins: [pattern] });
  const read = await (isAllowed ? globalThis.readPicture : readPicture)(source, MAX_MEDIA_BYTES, MAX_SECONDS);
  if (read === "unreachable" && !isAllowed) throw new PictureError("needs-origin", host, pattern);
  return { blob: blobOf(read, host), how: isAllowed ? "origin" : "page", host };
}

/** @param {Blob | "unreachable" | "network" | "too-large"} read @param {string} host */
function blobOf(read, host) {
  if (typeof read !== "string") return read;
  throw new PictureError(read === "unreachable" ? "network" : read, host);
}

/** What a canvas or video shows, or a picture whose address the page has revoked. @param {Click} click */
async function draw(click) {
  const answer = await ask(click, (number, address) => countermark.draw(number, address), click.element ?? null, click.shown);
  return { blob: await assembled(click, refused(answer)), how: /** @type {const} */ ("drawn") };
}

/** @param {any} answer of the page */
function refused(answer) {
  if (!answer) throw new PictureError("gone");
  if (answer.fault) throw new PictureError(answer.fault);
  return answer;
}

/** What the page hands over in parts. @param {Click} click @param {{ type: string, size: number, data: string }} first */
async function assembled(click, { type, size, data }) {
  const parts = [Uint8Array.fromBase64(data)];
  for (let had = parts[0]?.length ?? 0; had < size; had += parts.at(-1)?.length ?? 0) {
    const next = await ask(click, (start) => countermark.more(start), had);
    if (!next) throw new PictureError("gone");
    parts.push(Uint8Array.fromBase64(next));
  }
  return new Blob(parts, { type });
}

/** That it is a picture, and neither too large nor too small, before anything decodes it. @param {Had} had @returns {Promise<Had>} */
async function examined(had) {
  const { blob, host } = had;
  if (blob.type === "image/svg+xml") throw new PictureError("drawing", host);
  const image = new Image();
  const address = URL.createObjectURL(blob);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
      image.src = address;
    });
  } catch {
    if (await isOfOtherFormat(blob)) return had;
    throw new PictureError("not-a-picture", host);
  } finally {
    URL.revokeObjectURL(address);
  }
  const { naturalWidth: width, naturalHeight: height } = image;
  if (width * height > MAX_PIXELS) throw new PictureError("too-large", host);
  if (width < MIN_SIDE || height < MIN_SIDE) throw new PictureError("too-small", host);
  return { ...had, size: { width, height } };
}

/** Whether a file begins as TIFF, HEIC or AVIF do, which services read and some browsers do not. @param {Blob} blob */
async function isOfOtherFormat(blob) {
  const start = String.fromCharCode(...new Uint8Array(await blob.slice(0, 8).arrayBuffer()));
  return start.startsWith("II*\0") || start.startsWith("MM\0*") || start.endsWith("ftyp");
}

/** Whether a larger version shows what is shown. Makes the fingerprints of the larger. @param {Had} larger @param {Had} smaller */
async function isAlike(larger, smaller) {
  const [one, other] = await Promise.all([fingerprint(larger.blob, larger.size), fingerprint(smaller.blob, smaller.size)]);
  larger.fingerprints = one;
  smaller.fingerprints = other;
  if (Math.min(one.pdq.quality, other.pdq.quality) < MIN_QUALITY) return false;
  let bits = 0;
  one.pdq.hash.forEach((byte, at) => {
    for (let differing = byte ^ (other.pdq.hash[at] ?? 0); differing; differing &= differing - 1) bits += 1;
  });
  return bits <= ALIKE_BITS;
}

/** @param {string} address */
function hostOf(address) {
  return URL.canParse(address) ? new URL(address).host : "";
}

/**
 * What the page's document answers; undefined where it is gone or closed to the extension.
 * @param {{ tabId: number, frameId: number }} place
 * @param {(...args: any[]) => any} func
 * @param {...(string | number | null)} args
 * @returns {Promise<any>}
 */
async function ask({ tabId, frameId }, func, ...args) {
  const answers = await inject({ tabId, frameIds: [frameId] }, MAX_SECONDS + LOOK_SECONDS, func, ...args);
  return answers?.[0]?.result;
}

/**
 * What documents answer; undefined where they are gone, closed to the extension, or silent for so long.
 * @param {chrome.scripting.InjectionTarget} target
 * @param {number} seconds
 * @param {(...args: any[]) => any} func
 * @param {...(string | number | null)} args
 * @returns {Promise<chrome.scripting.InjectionResult<any>[] | undefined>}
 */
async function inject(target, seconds, func, ...args) {
  const injected = async () => {
    await chrome.scripting.executeScript({ target, injectImmediately: true, files: ["content/read.js", "content/page.js"] });
    return chrome.scripting.executeScript({ target, injectImmediately: true, func, args });
  };
  return within(seconds, injected(), undefined).catch(() => undefined);
}
