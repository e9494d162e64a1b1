// @ts-check
/**
 * The pictures of a page, and how their bytes are had.
 * @module
 */

/** @param {number} tabId @returns {Promise<any[]>} */
export async function listPictures(tabId) {
  return [];
}

/** @param {number} tabId @param {number} frameId @param {string} shown @returns {Promise<any>} */
export async function findPicture(tabId, frameId, shown) {
  return { frameId, source: shown, shown, kind: "img", width: 0, height: 0 };
}

/** Why the bytes of a picture are not had. */
export class PictureError extends Error {
  /** @param {string} reason @param {{ host?: string, pattern?: string }} [where] */
  constructor(reason, { host, pattern } = {}) {
    super(reason);
    this.reason = reason;
    this.host = host;
    this.pattern = pattern;
  }
}

/** @param {any} click @returns {Promise<{ blob: Blob, how: "page" | "origin" | "screen" | "drawn", host: string }>} */
export async function picture({ source }) {
  const response = await fetch(source, { credentials: "omit", referrerPolicy: "no-referrer" }).catch(() => null);
  if (!response?.ok) throw new PictureError("network");
  return { blob: await response.blob(), how: "page", host: new URL(source).host };
}

export const screenshot = picture;
