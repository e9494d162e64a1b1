/**
 * Fingerprints of a picture, made where the reader is: SHA-256 of its bytes, PDQ of what it shows, and the digest of its
 * pixels where browsers decode as Countermark does. They are computed in a worker, off the page's own thread.
 * @module
 */

import { sha256, toUtf8 } from "./bytes.js";
import { CountermarkError } from "./errors.js";
import { CANONICAL_SIDE, MAX_MEDIA_BYTES } from "./limits.js";
import { canonical, pdq } from "./pdq.js";
import { orientationOfWebp, upright } from "./webp.js";

export class UnreadablePicture extends CountermarkError {}

/**
 * @typedef {object} Fingerprints
 * @property {Uint8Array} sha256 of the bytes
 * @property {{ hash: Uint8Array, quality: number }} pdq 32 bytes; of quality below 50 it is too plain to search by
 * @property {Uint8Array | null} pixelsSha256 of the decoded pixels; null where another decoder may give others (JPEG,
 *   WebP, AVIF), where the picture is not opaque, and where it was shrunk
 * @property {number} width in pixels, upright
 * @property {number} height
 */

const MAX_SECONDS = 60; // twelve megapixels take less than one
/** Of a picture that is decoded: 480 MB of a page's memory; the largest cameras have 102 megapixels. */
export const MAX_PIXELS = 120_000_000;

/** Of the longest side that browsers shrink a picture to, which they do faster than `canonical`: of PDQ at most 2 bits change. */
const SHRUNK_SIDE = 3 * CANONICAL_SIDE;

/** In pixels, as an element of a page has it. @typedef {{ width: number, height: number }} Size */

/** In this thread; else as `fingerprint`. @param {Blob} file @param {Size} [size] @returns {Promise<Fingerprints>} */
export async function computeFingerprints(file, size) {
  if (file.size > MAX_MEDIA_BYTES) throw new UnreadablePicture(`a picture has at most ${MAX_MEDIA_BYTES} bytes`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const orientation = orientationOfWebp(bytes);
  const large = size && Math.max(size.width, size.height) > SHRUNK_SIDE ? size : null;
  const picture = await decode(file, orientation, large && shrunk(large));
  const pixelsSha256 = large ? null : await digestPixels(picture, bytes);
  const { width, height } = large ? uprightSize(orientation, large) : picture;
  return { sha256: await sha256(bytes), pdq: pdq(canonical(picture)), pixelsSha256, width, height };
}

/** @param {Size} size */
function shrunk({ width, height }) {
  const scale = SHRUNK_SIDE / Math.max(width, height);
  return { resizeWidth: Math.max(1, Math.round(scale * width)), resizeHeight: Math.max(1, Math.round(scale * height)) };
}

/** The size upright. @param {number} orientation @param {Size} size as stored @returns {Size} */
const uprightSize = (orientation, { width, height }) => (orientation < 5 ? { width, height } : { width: height, height: width });

const start = () => new Worker(new URL("./fingerprint_worker.js", import.meta.url), { type: "module" });

/** @type {Worker | undefined} */
let started;

/** Starts the worker of the next picture, which takes a browser about as long as the look-up of a small one. */
export function prepare() {
  started ??= start();
}

/**
 * In a worker of its own, which ends with it; throws UnreadablePicture.
 * @param {Blob} file
 * @param {Size} [size] where it is known, and the pixels themselves are not asked for: a large picture is then shrunk while it is decoded
 * @returns {Promise<Fingerprints>}
 */
export function fingerprint(file, size) {
  const worker = started ?? start();
  started = undefined;
  return new Promise((/** @type {(found: Fingerprints) => void} */ resolve, reject) => {
    setTimeout(() => reject(new UnreadablePicture("the picture took too long to look at")), MAX_SECONDS * 1000);
    worker.onmessage = ({ data }) => ("refusal" in data ? reject(new UnreadablePicture(data.refusal)) : resolve(data));
    worker.onerror = () => reject(new UnreadablePicture("the picture could not be looked at in this browser"));
    worker.postMessage({ file, size });
  }).finally(() => worker.terminate());
}

/** Upright, over white, its colour profile not applied. @param {Blob} file @param {number} orientation of a WebP @param {ImageBitmapOptions | null} resized */
async function decode(file, orientation, resized) {
  const imageOrientation = orientation === 1 ? "from-image" : "none";
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation, resizeQuality: "medium", ...resized });
  } catch (cause) {
    throw new UnreadablePicture("this browser cannot decode the picture", { cause });
  }
  try {
    const { width, height } = uprightSize(orientation, bitmap);
    if (width * height > MAX_PIXELS) throw new UnreadablePicture(`a picture has at most ${MAX_PIXELS} pixels`);
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context) throw new UnreadablePicture("this browser has no canvas for the picture");
    context.setTransform(...upright(orientation, bitmap.width, bitmap.height));
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, data, opaque: layOverWhite(data) };
  } finally {
    bitmap.close();
  }
}

/** Whether there was nothing to lay over. @param {Uint8ClampedArray} data */
function layOverWhite(data) {
  let opaque = true;
  for (let at = 3; at < data.length; at += 4) {
    const alpha = /** @type {number} */ (data[at]);
    if (alpha === 255) continue;
    opaque = false;
    for (let channel = at - 3; channel < at; channel += 1) {
      data[channel] = (/** @type {number} */ (data[channel]) * alpha + 255 * (255 - alpha)) / 255;
    }
  }
  return opaque;
}

/** @param {{ width: number, height: number, data: Uint8ClampedArray, opaque: boolean }} picture @param {Uint8Array} bytes */
async function digestPixels({ width, height, data, opaque }, bytes) {
  const isPng = [0x89, 0x50, 0x4e, 0x47].every((byte, at) => bytes[at] === byte);
  if (!isPng || !opaque || bytes[24] !== 8) return null; // 8 bits a channel
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = /** @type {number} */ (data[from]);
    rgb[to + 1] = /** @type {number} */ (data[from + 1]);
    rgb[to + 2] = /** @type {number} */ (data[from + 2]);
  }
  return sha256(toUtf8(`RGB8 ${width} ${height}\n`), rgb);
}
