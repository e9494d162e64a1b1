/**
 * A signed note: text, and lines of signatures by named keys (C2SP signed-note), and the cosignatures of witnesses (C2SP
 * tlog-cosignature). A note's text means nothing before `verifyNote`. ML-DSA-44 keys are read; their signatures are not
 * checked here, since no browser has the algorithm.
 * @module
 */

import { concat, fromBase64, fromUtf8, sha256, toBase64, toHex, toUtf8 } from "./bytes.js";
import { MalformedNote, SignatureInvalid, UntrustedNote, UnusableKey } from "./errors.js";
import { PublicKey } from "./keys.js";
import {
  MAX_COSIGNED_NAME_BYTES,
  MAX_NOTE_BYTES,
  MAX_NOTE_SIGNATURES,
  MAX_VERIFIER_KEY_CHARACTERS,
} from "./limits.js";

export const ED25519 = 0x01;
export const COSIGNATURE_V1 = 0x04;
export const ML_DSA_44 = 0x06;
const ML_DSA_PUBLIC_BYTES = 1312;
export const ML_DSA_SIGNATURE_BYTES = 2420;
const MAX_TIME = 2n ** 63n - 1n;

/** A public key with its name: what a verifier is configured with. */
export class VerifierKey {
  /**
   * @param {string} name as in the signature lines; for a log, its origin
   * @param {number} type `ED25519`, `COSIGNATURE_V1` or `ML_DSA_44`
   * @param {Uint8Array<ArrayBuffer>} data of the public key
   * @param {string} keyId 8 hexadecimal digits
   */
  constructor(name, type, data, keyId) {
    this.name = name;
    this.type = type;
    this.data = data;
    this.keyId = keyId;
    this.publicKey = type === ML_DSA_44 ? undefined : new PublicKey("Ed25519", data);
  }

  /**
   * Reads `name+hex8(key ID)+base64(type ‖ public key)`, the hex in either case. Throws MalformedNote.
   * @param {string} vkey
   */
  static async parse(vkey) {
    if (vkey.length > MAX_VERIFIER_KEY_CHARACTERS) throw new MalformedNote("a verifier key this long is not one we can check");
    const [, name, keyId, material] = /^([^+]*)\+([0-9A-Fa-f]{8})\+(.*)$/s.exec(vkey) ?? [];
    if (name === undefined || keyId === undefined || material === undefined) {
      throw new MalformedNote("a verifier key is NAME+KEYID+BASE64");
    }
    const [type, ...rest] = fromBase64(material, MalformedNote);
    const data = Uint8Array.from(rest);
    checkName(name);
    if (type !== ED25519 && type !== COSIGNATURE_V1 && type !== ML_DSA_44) {
      throw new MalformedNote("a verifier key of a type that is not one we can check");
    }
    if (type === ML_DSA_44) {
      if (toUtf8(name).length > MAX_COSIGNED_NAME_BYTES) throw new MalformedNote("a name of more than 255 bytes");
      if (data.length !== ML_DSA_PUBLIC_BYTES) throw new MalformedNote(`an ML-DSA-44 key has ${ML_DSA_PUBLIC_BYTES} bytes`);
    }
    const computed = toHex((await sha256(toUtf8(name), Uint8Array.of(0x0a, type), data)).subarray(0, 4));
    const key = usable(name, type, data, computed);
    if (computed !== keyId.toLowerCase()) {
      throw new MalformedNote("the key ID of the verifier key is that of another key");
    }
    return key;
  }

  /** As `parse` reads it: what two equal keys have in common. */
  toString() {
    return `${this.name}+${this.keyId}+${toBase64(concat(Uint8Array.of(this.type), this.data))}`;
  }

  /** @param {VerifierKey} other */
  equals(other) {
    return this.toString() === other.toString();
  }

  /**
   * Checks one signature line's bytes against a note's text. Throws SignatureInvalid, MalformedNote.
   * @param {string} text
   * @param {Uint8Array<ArrayBuffer>} signature
   */
  async verify(text, signature) {
    if (this.publicKey === undefined) throw new SignatureInvalid("ML-DSA-44 signatures are not checked here");
    if (this.type === ED25519) return this.publicKey.verify(signature, toUtf8(text));
    const { time, rest } = this.readCosignature(signature);
    return this.publicKey.verify(rest, toUtf8(`cosignature/v1\ntime ${time}\n${text}`));
  }

  /** Takes apart a cosignature; nothing is checked. @param {Uint8Array<ArrayBuffer>} signature */
  readCosignature(signature) {
    const length = 8 + (this.type === ML_DSA_44 ? ML_DSA_SIGNATURE_BYTES : 64);
    if (signature.length !== length) throw new MalformedNote(`a cosignature has ${length} bytes, not ${signature.length}`);
    const time = BigInt(`0x${toHex(signature.subarray(0, 8))}`);
    if (time > MAX_TIME) throw new MalformedNote("a cosignature's time is 0 to 2^63 - 1 seconds");
    return { time, rest: signature.slice(8) };
  }
}

/** @param {string} name @param {number} type @param {Uint8Array<ArrayBuffer>} data @param {string} keyId */
function usable(name, type, data, keyId) {
  try {
    return new VerifierKey(name, type, data, keyId);
  } catch (cause) {
    if (!(cause instanceof UnusableKey)) throw cause;
    throw new MalformedNote(`the verifier key of ${name} is not usable: ${cause.message}`, { cause });
  }
}

/**
 * One signature line: who says to have signed, and the bytes after the key ID.
 * @typedef {{ name: string, keyId: string, signature: Uint8Array<ArrayBuffer> }} NoteSignature
 */

/**
 * A text that ends in a newline, and its signatures in the order of their lines, of which nothing is checked yet.
 * @typedef {{ text: string, signatures: NoteSignature[] }} Note
 */

/** Reads a signed note. Throws MalformedNote. @param {Uint8Array} data @returns {Note} */
export function parseNote(data) {
  if (data.length > MAX_NOTE_BYTES) throw new MalformedNote(`a note of more than ${MAX_NOTE_BYTES} bytes`);
  const whole = fromUtf8(data, MalformedNote);
  const blank = whole.lastIndexOf("\n\n");
  if (blank < 0) throw new MalformedNote("a note without a blank line before its signatures");
  const [text, block] = [whole.slice(0, blank + 1), whole.slice(blank + 2)];
  if (CONTROL.test(text)) throw new MalformedNote("a note holds a control character");
  if (!block.endsWith("\n")) {
    throw new MalformedNote("a note without signature lines, or without a newline at its end");
  }
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > MAX_NOTE_SIGNATURES) {
    throw new MalformedNote(`a note with more than ${MAX_NOTE_SIGNATURES} signatures`);
  }
  return { text, signatures: lines.map(parseLine) };
}

/**
 * Checks every signature that names one of `keys`; other lines are ignored, and so are those by ML-DSA-44 keys.
 * @param {Note} note
 * @param {readonly VerifierKey[]} keys
 * @returns {Promise<{ key: VerifierKey, time: bigint }[]>} the keys that signed, each once, with the time of a
 *   cosignature (seconds since 1970; 0 for a log's own signature)
 * @throws UntrustedNote: none of `keys` signed, or a signature that names one of them fails
 */
export async function verifyNote(note, keys) {
  const known = new Map(keys.filter((key) => key.publicKey).map((key) => [`${key.name} ${key.keyId}`, key]));
  const distinct = new Set(keys.filter((key) => key.publicKey).map(String));
  if (known.size !== distinct.size) throw new UntrustedNote("two trusted keys share a name and a key ID");
  /** @type {Map<VerifierKey, bigint>} */
  const verified = new Map();
  for (const { name, keyId, signature } of note.signatures) {
    const key = known.get(`${name} ${keyId}`);
    if (key === undefined) continue;
    try {
      await key.verify(note.text, signature);
    } catch (cause) {
      if (!(cause instanceof SignatureInvalid || cause instanceof MalformedNote)) throw cause;
      throw new UntrustedNote(`the signature by ${key.name} does not verify`, { cause });
    }
    verified.set(key, key.type === ED25519 ? 0n : key.readCosignature(signature).time);
  }
  if (!verified.size) throw new UntrustedNote("no signature by a trusted key");
  return [...verified].map(([key, time]) => ({ key, time }));
}

/** @param {string} line @returns {NoteSignature} */
function parseLine(line) {
  const [, name, encoded] = /^— ([^ ]*) (.*)$/su.exec(line) ?? [];
  if (name === undefined || encoded === undefined) {
    throw new MalformedNote("a signature line is an em dash, a name and base64, with a space between each");
  }
  checkName(name);
  const data = fromBase64(encoded, MalformedNote);
  if (data.length < 5) throw new MalformedNote("a signature line without a signature");
  return { name, keyId: toHex(data.subarray(0, 4)), signature: data.slice(4) };
}

const CONTROL = /[\x00-\x09\x0b-\x1f]/;
// White space as Python's str.isspace has it: U+001C to U+001F are control characters, and U+FEFF is none.
const SPACE = /(?!\uFEFF)[\s\x85]/;

/** @param {string} name */
function checkName(name) {
  if (!name || name.includes("+") || SPACE.test(name) || CONTROL.test(name)) {
    throw new MalformedNote("a key name is not empty and has no space, plus or control character");
  }
}

