/** The vectors that Python and JavaScript share. */

import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../tests/vectors/", import.meta.url);

/** @param {string} name @returns {any} */
export const vectors = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
