/** The vectors that Python and JavaScript share. */

import { readFileSync } from "node:fs";

import { concat } from "../src/bytes.js";

const FOLDER = new URL("../../../tests/vectors/", import.meta.url);

/** @param {string} name @returns {any} */
export const vectors = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** The receipt of a case in transparency/receipts.json. @param {any} each @returns {Uint8Array} */
export function receiptOf({ receipt: { base, edits } }) {
  let data = /** @type {Uint8Array} */ (bytes(vectors("transparency/receipts.json").bases[base]));
  for (const [at, remove, insert] of edits) data = concat(data.subarray(0, at), bytes(insert), data.subarray(at + remove));
  return data;
}
