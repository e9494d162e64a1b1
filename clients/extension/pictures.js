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
