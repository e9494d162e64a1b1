/**
 * Canonical JSON: one sequence of bytes for each value.
 *
 * RFC 8785 on top of I-JSON (RFC 7493): keys sorted by UTF-16 code units, no white space, numbers as ECMAScript prints
 * them, no integer beyond 2^53 - 1, no lone surrogate. That no name is given twice follows from the comparison of the
 * bytes: the parser keeps one of the two.
 * @module
 */

import { fromUtf8, toUtf8 } from "./bytes.js";
import { MalformedRecord } from "./errors.js";
import { MAX_RECORD_DEPTH } from "./limits.js";

/** @typedef {null | boolean | number | string | JsonArray | JsonObject} Json */
/** @typedef {Json[]} JsonArray */
/** @typedef {{ [name: string]: Json }} JsonObject */

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** The RFC 8785 text of a value. Throws MalformedRecord for one that has none. @param {Json} value @returns {string} */
export function canonicalText(value) {
  switch (typeof value) {
    case "string":
      if (LONE_SURROGATE.test(value)) throw new MalformedRecord("has no canonical JSON: a lone surrogate");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new MalformedRecord("has no canonical JSON: not a finite number");
      break;
    case "object":
      if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
      if (value !== null) {
        const members = value;
        const names = Object.keys(members).sort();
        return `{${names.map((name) => `${canonicalText(name)}:${canonicalText(members[name] ?? null)}`).join(",")}}`;
      }
  }
  return JSON.stringify(value);
}

/** The RFC 8785 bytes of a value. @param {Json} value */
export function canonicalJson(value) {
  return toUtf8(canonicalText(value));
}

/**
 * The JSON object that has exactly these canonical bytes.
 * @param {Uint8Array} data
 * @param {number} limit the most bytes that are looked at
 * @param {number} [depth] the most levels of objects and arrays
 * @returns {{ [name: string]: Json }}
 */
export function parseCanonical(data, limit, depth = MAX_RECORD_DEPTH) {
  if (data.length > limit) throw new MalformedRecord(`has ${data.length} bytes, more than ${limit}`);
  const text = fromUtf8(data, MalformedRecord);
  checkTokens(text, depth);
  /** @type {Json} */
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MalformedRecord("is not JSON", { cause });
  }
  if (!isObject(value)) throw new MalformedRecord("is not a JSON object");
  if (canonicalText(value) !== text) throw new MalformedRecord("is not in canonical form (RFC 8785)");
  return value;
}

/** @param {Json | undefined} value @returns {value is { [name: string]: Json }} */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const IN_A_NUMBER = "0123456789.eE+-";
const FRACTIONAL = /[.eE]/;

/**
 * Bounds nesting before the recursive parser, and integers, of which it loses digits. Character by character: an
 * expression for whole strings runs out of its stack on a long one.
 * @param {string} text
 * @param {number} depth
 */
function checkTokens(text, depth) {
  let [level, quoted] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quoted) {
      if (character === "\\") at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') {
      quoted = true;
    } else if (character === "[" || character === "{") {
      level += 1;
      if (level > depth) throw new MalformedRecord(`is nested more than ${depth} levels deep`);
    } else if (character === "]" || character === "}") {
      level -= 1;
    } else if (IN_A_NUMBER.includes(character)) {
      const start = at;
      while (at + 1 < text.length && IN_A_NUMBER.includes(text.charAt(at + 1))) at += 1;
      const number = text.slice(start, at + 1);
      if (!FRACTIONAL.test(number) && Math.abs(Number(number)) > Number.MAX_SAFE_INTEGER) {
        throw new MalformedRecord("has no canonical JSON: an integer beyond 2^53 - 1");
      }
    }
  }
}
