/** Bytes: hexadecimal, base64 and UTF-8 in their one spelling, and SHA-256 (Web Cryptography). */

import { CountermarkError } from "./errors.js";

const CHUNK = 0x8000; // arguments that every engine takes in one call

/** @param {...Uint8Array} parts @returns {Uint8Array<ArrayBuffer>} */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function equal(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** SHA-256 of the parts in a row: 32 bytes. @param {...Uint8Array} parts @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

/** @param {Uint8Array} data */
export function toHex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text an even number of hexadecimal digits @returns {Uint8Array<ArrayBuffer>} */
export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Unsigned, big-endian. @param {bigint} value @param {number} width bytes @returns {Uint8Array<ArrayBuffer>} */
export function toBigEndian(value, width) {
  return fromHex(value.toString(16).padStart(2 * width, "0"));
}

/** Standard base64 with padding (RFC 4648 section 4). @param {Uint8Array} data */
export function toBase64(data) {
  let binary = "";
  for (let at = 0; at < data.length; at += CHUNK) {
    binary += String.fromCharCode(...data.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

/**
 * The bytes that `toBase64` would spell as `text`.
 * @template {CountermarkError} E
 * @param {string} text
 * @param {new (message: string) => E} refusal what is thrown for every other spelling
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text, refusal) {
  /** @type {Uint8Array<ArrayBuffer>} */
  let data;
  try {
    data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new refusal("not base64");
  }
  if (toBase64(data) !== text) throw new refusal("not the canonical base64 of these bytes");
  return data;
}

/** Base64url without `=` (RFC 4648 section 5). @param {Uint8Array} data */
export function toBase64Url(data) {
  return toBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The bytes that `toBase64Url` would spell as `text`.
 * @template {CountermarkError} E
 * @param {string} text
 * @param {new (message: string) => E} refusal
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64Url(text, refusal) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new refusal("not base64url");
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat(-text.length & 3);
  return fromBase64(padded, refusal);
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function toUtf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @template {CountermarkError} E
 * @param {Uint8Array} data
 * @param {new (message: string) => E} refusal what is thrown for bytes that are not UTF-8
 */
export function fromUtf8(data, refusal) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new refusal("not UTF-8");
  }
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;

/**
 * An ASCII decimal of 0 to `maximum` without sign or leading zeros.
 * @template {CountermarkError} E
 * @param {string} text
 * @param {new (message: string) => E} refusal
 * @param {bigint} maximum
 */
export function parseDecimal(text, refusal, maximum) {
  if (!DECIMAL.test(text) || BigInt(text) > maximum) {
    throw new refusal(`not a decimal of 0 to ${maximum} without leading zeros`);
  }
  return BigInt(text);
}

/**
 * One SHA-256 hash in base64 (44 characters).
 * @template {CountermarkError} E
 * @param {string} text
 * @param {new (message: string) => E} refusal
 */
export function parseHash(text, refusal) {
  if (text.length !== 44) throw new refusal("a hash has 44 characters of base64");
  const data = fromBase64(text, refusal);
  if (data.length !== 32) throw new refusal("a hash has 32 bytes");
  return data;
}
