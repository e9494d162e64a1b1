/**
 * Fingerprints of a picture, made where the reader is: SHA-256 of its bytes, PDQ of what it shows, and the digest of its
 * pixels where browsers decode as Countermark does. They are computed in a worker, off the page's own thread.
 * @module
 */

import { sha256, toUtf8 } from "./bytes.js";
import { CountermarkError } from "./errors.js";
import { MAX_MEDIA_BYTES } from "./limits.js";
import { canonical, pdq } from "./pdq.js";
import { orientationOfWebp, upright } from "./webp.js";

export class UnreadablePicture extends CountermarkError {}

/**
 * @typedef {object} Fingerprints
 * @property {Uint8Array} sha256 of the bytes
 * @property {{ hash: Uint8Array, quality: number }} pdq 32 bytes; of quality below 50 it is too plain to search by
 * @property {Uint8Array | null} pixelsSha256 of the decoded pixels; null where another decoder may give others (JPEG,
 *   WebP, AVIF), and where the picture is not opaque
 * @property {number} width in pixels, upright
 * @property {number} height
 */

const MAX_SECONDS = 60; // twelve megapixels take less than one
/** Of a picture that is decoded: 480 MB of a page's memory; the largest cameras have 102 megapixels. */
export const MAX_PIXELS = 120_000_000;

/** In this thread; throws UnreadablePicture. @param {Blob} file @returns {Promise<Fingerprints>} */
export async function computeFingerprints(file) {
  if (file.size > MAX_MEDIA_BYTES) throw new UnreadablePicture(`a picture has at most ${MAX_MEDIA_BYTES} bytes`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const picture = await decode(file, bytes);
  const { width, height } = picture;
  return { sha256: await sha256(bytes), pdq: pdq(canonical(picture)), pixelsSha256: await digestPixels(picture, bytes), width, height };
}

/** In a worker of its own, which ends with it; throws UnreadablePicture. @param {Blob} file @returns {Promise<Fingerprints>} */
export function fingerprint(file) {
  const worker = new Worker(new URL("./fingerprint_worker.js", import.meta.url), { type: "module" });
  return new Promise((/** @type {(found: Fingerprints) => void} */ resolve, reject) => {
    setTimeout(() => reject(new UnreadablePicture("the picture took too long to look at")), MAX_SECONDS * 1000);
    worker.onmessage = ({ data }) => ("refusal" in data ? reject(new UnreadablePicture(data.refusal)) : resolve(data));
    worker.onerror = () => reject(new UnreadablePicture("the picture could not be looked at in this browser"));
    worker.postMessage(file);
  }).finally(() => worker.terminate());
}

/** Upright, over white, its colour profile not applied. @param {Blob} file @param {Uint8Array<ArrayBuffer>} bytes */
async function decode(file, bytes) {
  const orientation = orientationOfWebp(bytes);
  const imageOrientation = orientation === 1 ? "from-image" : "none";
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation });
  } catch (cause) {
    throw new UnreadablePicture("this browser cannot decode the picture", { cause });
  }
  try {
    const [width, height] = orientation < 5 ? [bitmap.width, bitmap.height] : [bitmap.height, bitmap.width];
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
