/**
 * Which Ed25519 encodings are acceptable: the checks of a strict verifier that libraries leave out.
 *
 * RFC 8032 sections 5.1.3 and 5.1.7: a point has one encoding, the eight points of small order are refused, as public
 * key and as R, and S is below the group order.
 */

import { SignatureInvalid, UnusableKey } from "./errors.js";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const SMALL_ORDER_Y = new Set([0n, 1n, P - 1n, ORDER_8_Y, P - ORDER_8_Y]);

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
  let result = 1n;
  for (let factor = base % P; exponent > 0n; exponent >>= 1n, factor = (factor * factor) % P) {
    if (exponent & 1n) result = (result * factor) % P;
  }
  return result;
}

const D = (P - ((121665n * power(121666n, P - 2n)) % P)) % P;

/** @param {Uint8Array} data */
function littleEndian(data) {
  return data.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/**
 * @template {Error} E
 * @param {Uint8Array} encoding
 * @param {new (message: string) => E} refusal
 */
function checkedY(encoding, refusal) {
  if (encoding.length !== 32) throw new refusal(`an Ed25519 point has 32 bytes, not ${encoding.length}`);
  const y = littleEndian(encoding) & (2n ** 255n - 1n);
  if (y >= P) throw new refusal("an Ed25519 point whose y coordinate is not reduced");
  if (SMALL_ORDER_Y.has(y)) throw new refusal("an Ed25519 point of small order");
  return y;
}

/** Accepts the 32 bytes of a public key. Throws UnusableKey. @param {Uint8Array} encoding */
export function checkPoint(encoding) {
  const y = checkedY(encoding, UnusableKey);
  const y2 = (y * y) % P;
  if (power((y2 - 1n + P) * (D * y2 + 1n), (P - 1n) / 2n) !== 1n) {
    throw new UnusableKey("Ed25519: not a point of the Ed25519 curve");
  }
}

/** Accepts the 64 bytes of a signature, R and S. Throws SignatureInvalid. @param {Uint8Array} signature */
export function checkSignature(signature) {
  checkedY(signature.subarray(0, 32), SignatureInvalid);
  if (littleEndian(signature.subarray(32)) >= L) {
    throw new SignatureInvalid("an Ed25519 signature whose S is not reduced");
  }
}
