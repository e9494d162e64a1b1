/**
 * Public keys: Ed25519 (RFC 8032) and ES256, ECDSA on P-256 with SHA-256 (RFC 9053 section 2.1).
 *
 * A key is named by its COSE key thumbprint (RFC 9679) and written in JSON as a JWK (RFC 7517; RFC 8037 for Ed25519).
 * @module
 */

import { concat, fromBase64Url, sha256, toHex } from "./bytes.js";
import { checkPoint, checkSignature } from "./ed25519.js";
import { SignatureInvalid, Undecided, UnusableKey } from "./errors.js";

const SIGNATURE_BYTES = 64;
const P256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** @typedef {"Ed25519" | "ES256"} Algorithm */

/** A public key that has passed the checks of its algorithm. */
export class PublicKey {
  /**
   * Throws UnusableKey.
   * @param {Algorithm} algorithm
   * @param {Uint8Array<ArrayBuffer>} raw Ed25519: the 32 bytes of the point; ES256: 65 bytes, 04 ‖ x ‖ y
   */
  constructor(algorithm, raw) {
    this.algorithm = algorithm;
    this.raw = raw;
    if (algorithm === "Ed25519") checkPoint(raw);
    else checkP256(raw);
    /** @type {Promise<string> | undefined} */
    this._thumbprint = undefined;
    /** @type {Promise<CryptoKey> | undefined} */
    this._imported = undefined;
  }

  /** 64 hexadecimal digits: SHA-256 of the COSE key with its required parameters alone (RFC 9679 section 4). */
  thumbprint() {
    this._thumbprint ??= sha256(coseKey(this)).then(toHex);
    return this._thumbprint;
  }

  /** @param {PublicKey} other */
  equals(other) {
    return this.algorithm === other.algorithm && toHex(this.raw) === toHex(other.raw);
  }

  /**
   * Accepts a signature of 64 bytes over the message. Throws SignatureInvalid for any other bytes; Undecided where the
   * runtime has no such algorithm.
   * @param {Uint8Array<ArrayBuffer>} signature
   * @param {Uint8Array<ArrayBuffer>} message
   */
  async verify(signature, message) {
    if (signature.length !== SIGNATURE_BYTES) {
      throw new SignatureInvalid(`a signature has ${SIGNATURE_BYTES} bytes, not ${signature.length}`);
    }
    if (this.algorithm === "Ed25519") checkSignature(signature);
    this._imported ??= this._import();
    const parameters = this.algorithm === "Ed25519" ? "Ed25519" : { name: "ECDSA", hash: "SHA-256" };
    if (!(await crypto.subtle.verify(parameters, await this._imported, signature, message))) {
      throw new SignatureInvalid(`the ${this.algorithm} signature does not verify`);
    }
  }

  async _import() {
    const parameters = this.algorithm === "Ed25519" ? "Ed25519" : { name: "ECDSA", namedCurve: "P-256" };
    try {
      return await crypto.subtle.importKey("raw", this.raw, parameters, false, ["verify"]);
    } catch (cause) {
      throw new Undecided(`this browser cannot check ${this.algorithm} signatures`, { cause });
    }
  }

  /**
   * The key of a JWK that has its required members and no others. Throws UnusableKey.
   * @param {{ [name: string]: unknown }} jwk
   */
  static fromJwk(jwk) {
    const { kty, crv, x, y, ...others } = jwk;
    if (Object.keys(others).length === 0 && typeof x === "string") {
      if (kty === "OKP" && crv === "Ed25519" && !("y" in jwk)) return new PublicKey("Ed25519", coordinate("x", x));
      if (kty === "EC" && crv === "P-256" && typeof y === "string") {
        return new PublicKey("ES256", concat(Uint8Array.of(4), coordinate("x", x), coordinate("y", y)));
      }
    }
    throw new UnusableKey("a JWK with kty OKP, crv Ed25519, x, or with kty EC, crv P-256, x, y expected");
  }
}

/** kty, crv, x and for P-256 y (RFC 9053 section 7) in deterministic CBOR. @param {PublicKey} key */
function coseKey({ algorithm, raw }) {
  const x = Uint8Array.of(0x21, 0x58, 32);
  if (algorithm === "Ed25519") return concat(Uint8Array.of(0xa3, 1, 1, 0x20, 6), x, raw);
  const y = Uint8Array.of(0x22, 0x58, 32);
  return concat(Uint8Array.of(0xa4, 1, 2, 0x20, 1), x, raw.subarray(1, 33), y, raw.subarray(33));
}

/** @param {string} name @param {string} text */
function coordinate(name, text) {
  const value = fromBase64Url(text, UnusableKey);
  if (value.length !== 32) throw new UnusableKey(`JWK member ${name}: 32 bytes expected, not ${value.length}`);
  return value;
}

/** @param {Uint8Array} raw */
function checkP256(raw) {
  if (raw.length !== 65 || raw[0] !== 4) throw new UnusableKey("ES256: an uncompressed P-256 point of 65 bytes expected");
  const x = BigInt(`0x${toHex(raw.subarray(1, 33))}`);
  const y = BigInt(`0x${toHex(raw.subarray(33))}`);
  if (x >= P256 || y >= P256 || (y * y - (x * x * x - 3n * x + P256_B)) % P256 !== 0n) {
    throw new UnusableKey("ES256: not a point of the curve");
  }
}
