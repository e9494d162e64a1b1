/**
 * A log's own keys: which of them sign the checkpoints of which sizes, and how one leads to another.
 *
 * The genesis record names the first ones; each `log.key` record those that take over, for the trees that hold it. A
 * change is signed by every key that was in force and by every one that comes into force, so that whoever trusts one of
 * the old keys can follow it. ML-DSA-44 signatures are not checked here.
 * @module
 */

import { toUtf8 } from "./bytes.js";
import { MalformedNote, SignatureInvalid, UntrustedNote } from "./errors.js";
import { ED25519, ML_DSA_44, ML_DSA_SIGNATURE_BYTES, VerifierKey } from "./note.js";

/** @import { LogGenesis, LogKey } from "./records.js" */
/** @import { CountermarkError } from "./errors.js" */
/** @import { Outcome } from "./receipt_report.js" */

export class LogKeys {
  /**
   * @param {string} origin
   * @param {[bigint, VerifierKey[]][]} changes the keys that sign trees of that size and more, until the next change
   */
  constructor(origin, changes) {
    this.origin = origin;
    this.changes = changes;
  }

  /** The keys that a genesis record names. Throws UntrustedNote. @param {LogGenesis} genesis */
  static async fromGenesis({ origin, log_keys }) {
    return new LogKeys(origin, [[0n, await readKeys(log_keys, origin)]]);
  }

  /** The keys that sign the largest trees. */
  get current() {
    return this.at(2n ** 64n);
  }

  /** The keys that sign the tree of `size` entries. @param {bigint} size */
  at(size) {
    return this.changes.findLast(([first]) => first <= size)?.[1] ?? [];
  }

  /**
   * These keys and the change at `index`. Throws SignatureInvalid, UntrustedNote.
   * @param {bigint} index
   * @param {LogKey} record
   */
  async follow(index, { log_keys, signatures }) {
    const newest = this.changes.at(-1)?.[0] ?? 0n;
    if (index < newest) throw new SignatureInvalid(`the log.key record at index ${index} is not the newest`);
    const keys = await readKeys(log_keys, this.origin);
    const lines = ["countermark log key v1", this.origin, ...this.current.map((key) => `from ${key}`), ...keys.map((key) => `to ${key}`)];
    const message = toUtf8(lines.map((line) => `${line}\n`).join(""));
    const signers = [...new Map([...this.current, ...keys].map((key) => [`${key}`, key])).values()];
    if (signatures.length !== signers.length) {
      throw new SignatureInvalid(
        `the log.key record at index ${index} has ${signatures.length} signatures, and needs ${signers.length}`,
      );
    }
    for (const [position, key] of signers.entries()) {
      const signature = /** @type {Uint8Array<ArrayBuffer>} */ (signatures[position]);
      try {
        if (key.publicKey) await key.publicKey.verify(signature, message);
        else if (signature.length !== ML_DSA_SIGNATURE_BYTES) {
          throw new SignatureInvalid(`an ML-DSA-44 signature has ${ML_DSA_SIGNATURE_BYTES} bytes`);
        }
      } catch (cause) {
        if (!(cause instanceof SignatureInvalid)) throw cause;
        throw new SignatureInvalid(`the log.key record at index ${index} is not signed with key ${key.keyId}`, { cause });
      }
    }
    return new LogKeys(this.origin, [...this.changes, [index + 1n, keys]]);
  }

  /** Accepts a key that signs the largest trees. Throws UntrustedNote. @param {VerifierKey} key */
  checkInForce(key) {
    if (includes(this.current, key)) return;
    if (this.changes.some(([, keys]) => includes(keys, key))) {
      const retired = (this.changes.at(-1)?.[0] ?? 0n) - 1n;
      throw new UntrustedNote(`the log key was retired at index ${retired}, before this checkpoint`);
    }
    throw new UntrustedNote("neither the genesis record nor a log.key record names the log key");
  }

  /** Whether a key of this history has signed what leads to `current`. @param {VerifierKey} key */
  vouchedBy(key) {
    return this.changes.length > 1 && this.changes.some(([, keys]) => includes(keys, key));
  }
}

/** @param {readonly VerifierKey[]} keys @param {VerifierKey} key */
export const includes = (keys, key) => keys.some((each) => each.equals(key));

/** @param {string[]} vkeys @param {string} origin */
async function readKeys(vkeys, origin) {
  const keys = await Promise.all(vkeys.map((vkey) => VerifierKey.parse(vkey))).catch((cause) => {
    if (!(cause instanceof MalformedNote)) throw cause;
    throw new UntrustedNote(`a key of the log ${origin} is not usable: ${cause.message}`, { cause });
  });
  if (keys.some((key) => key.name !== origin || (key.type !== ED25519 && key.type !== ML_DSA_44))) {
    throw new UntrustedNote(`a key of the log ${origin} is not one of a log, or has another name`);
  }
  if (!keys.some((key) => key.type === ED25519)) throw new UntrustedNote(`the log ${origin} has no Ed25519 key`);
  if (new Set(keys.map(String)).size !== keys.length) {
    throw new UntrustedNote(`a key of the log ${origin} is named twice`);
  }
  return keys;
}

/**
 * What a reader's own trusted keys say of the key that a receipt names as its log's: step 2 of checking a receipt.
 * @param {VerifierKey} logKey as the receipt names it, not verified
 * @param {bigint} size of the tree that everything is proven in
 * @param {LogKeys | CountermarkError} logKeys what the receipt's own records say, or why they say nothing
 * @param {readonly VerifierKey[]} trusted Ed25519 and cosignature/v1 keys that the reader has from elsewhere
 * @param {ReadonlyMap<string, bigint>} retired of trusted keys that their log has retired, the largest tree of each
 * @returns {[Outcome, string]}
 */
export function judgeLogKey(logKey, size, logKeys, trusted, retired) {
  const { name } = logKey;
  const largest = retired.get(`${logKey}`) ?? size;
  if (size > largest) return ["fails", `${name} has retired this key: it signs trees of up to ${largest} entries`];
  if (includes(trusted, logKey)) return ["holds", `the key of ${name} is one you trust`];
  // Whoever has since got hold of a retired key can sign with it.
  const leads = (/** @type {VerifierKey} */ key) =>
    logKeys instanceof LogKeys && !retired.has(`${key}`) && logKeys.vouchedBy(key);
  if (trusted.some(leads)) return ["holds", `a key of ${name} that you trust has handed over to this one`];
  if (trusted.some((key) => key.type === ED25519)) {
    return ["fails", `the receipt's key of ${name} is not among those you trust`];
  }
  return ["not checked", `no trusted log key was given: the receipt claims to be of ${name}; not verified`];
}
