/**
 * A receipt: all that is needed to check offline that a record was logged, and by whom it was signed.
 *
 * The `.countermark` file is one JSON object in RFC 8785 canonical form; docs/reference/receipts.md has its members.
 * @module
 */

import { fromBase64, parseHash, sha256, toHex, toUtf8 } from "./bytes.js";
import { canonicalJson, isObject, parseCanonical } from "./canonical_json.js";
import { CountermarkError, MalformedReceipt } from "./errors.js";
import {
  MAX_PROOF_HASHES,
  MAX_RECEIPT_BYTES,
  MAX_RECEIPT_RECORDS,
  MAX_RECORD_DEPTH,
  MAX_TIMESTAMP_BYTES,
} from "./limits.js";
import { ED25519, VerifierKey } from "./note.js";
import { parseRecord } from "./records.js";
import { parseStatement } from "./statement.js";
import { TlogProof } from "./tlog_proof.js";

/** @import { Json } from "./canonical_json.js" */
/** @import { Record } from "./records.js" */
/** @import { Statement } from "./statement.js" */

const FORMAT = "countermark-receipt";
const LEVELS_AROUND_A_RECORD = 3;

/**
 * A log entry with its record and the proof that it is in the log.
 * @typedef {object} LoggedRecord
 * @property {Uint8Array | null} canonical the record's bytes; null where its content is sealed or erased
 * @property {Record | null} record the same, parsed
 * @property {string} recordId by the record's own bytes where they are at hand: 64 hexadecimal digits
 * @property {Statement} statement
 * @property {TlogProof} proof
 * @property {bigint} index as the proof claims it
 */

/**
 * Of the statement in an earlier tree, with a token that is not checked here.
 * @typedef {{ proof: TlogProof, token: Uint8Array, consistency: Uint8Array[] }} Stamp
 */

export class Receipt {
  /**
   * @param {LoggedRecord} subject the record that the receipt is for
   * @param {LoggedRecord[]} keys the records about keys, in log order
   * @param {LoggedRecord} genesis the log's first entry
   * @param {LoggedRecord[]} chain what else belongs to the subject, in log order
   * @param {VerifierKey} logKey as the receipt claims it: not verified, unless the reader has it from elsewhere
   * @param {Stamp | undefined} stamp
   * @param {boolean} truncated whoever made it states that more belongs to the subject than it could hold
   */
  constructor(subject, keys, genesis, chain, logKey, stamp, truncated) {
    this.subject = subject;
    this.keys = keys;
    this.genesis = genesis;
    this.chain = chain;
    this.logKey = logKey;
    this.stamp = stamp;
    this.truncated = truncated;
  }

  /** Genesis, keys, subject and chain. */
  get entries() {
    return [this.genesis, ...this.keys, this.subject, ...this.chain];
  }

  /**
   * Reads a `.countermark` file: every part is well-formed, and nothing is verified yet. Throws MalformedReceipt.
   * @param {Uint8Array} data
   */
  static async parse(data) {
    try {
      const receipt = await read(data);
      checkForm(receipt);
      return receipt;
    } catch (cause) {
      if (cause instanceof MalformedReceipt || !(cause instanceof CountermarkError)) throw cause;
      throw new MalformedReceipt(`a part of the receipt does not parse: ${cause.message}`, { cause });
    }
  }
}

/** @param {Uint8Array} data */
async function read(data) {
  const value = parseCanonical(data, MAX_RECEIPT_BYTES, MAX_RECORD_DEPTH + LEVELS_AROUND_A_RECORD);
  const optional = ["timestamp", "truncated"].filter((name) => Object.hasOwn(value, name));
  const required = ["chain", "format", "genesis", "keys", "log_key", "subject", "version"];
  const receipt = members(value, [...required, ...optional], "a receipt");
  if (receipt.format !== FORMAT) throw new MalformedReceipt(`the format of a receipt is ${FORMAT}`);
  if (receipt.version !== 1) throw new MalformedReceipt("this reads receipts of version 1");
  if (optional.includes("truncated") && receipt.truncated !== true) {
    throw new MalformedReceipt("truncated is true, or left out");
  }
  return new Receipt(
    await entry(receipt.subject),
    await entries(receipt.keys, "keys"),
    await entry(receipt.genesis),
    await entries(receipt.chain, "chain"),
    await VerifierKey.parse(text(receipt.log_key, "log_key")),
    optional.includes("timestamp") ? stamp(receipt.timestamp) : undefined,
    optional.includes("truncated"),
  );
}

/** @param {Receipt} receipt */
function checkForm(receipt) {
  if (receipt.logKey.type !== ED25519) throw new MalformedReceipt("the log's key is an Ed25519 verifier key");
  const { stamp: stamped } = receipt;
  if (receipt.entries.some((each) => each.proof.extra) || stamped?.proof.extra) {
    throw new MalformedReceipt("the proofs of a receipt carry no extra data");
  }
  if (stamped && (stamped.token.length < 1 || stamped.token.length > MAX_TIMESTAMP_BYTES)) {
    throw new MalformedReceipt(`a timestamp has a token of 1 to ${MAX_TIMESTAMP_BYTES} bytes`);
  }
  for (const [name, list] of Object.entries({ keys: receipt.keys, chain: receipt.chain })) {
    if (list.some((each, position) => position > 0 && each.index <= /** @type {LoggedRecord} */ (list[position - 1]).index)) {
      throw new MalformedReceipt(`${name} is in log order, each index once`);
    }
  }
  if ([receipt.genesis, ...receipt.keys, receipt.subject].some((each) => each.record === null)) {
    throw new MalformedReceipt("the subject, the genesis and the keys have their records");
  }
}

/** @param {Json | undefined} value @param {string[]} names @param {string} what */
function members(value, names, what) {
  const expected = [...names].sort();
  if (!isObject(value) || JSON.stringify(Object.keys(value).sort()) !== JSON.stringify(expected)) {
    throw new MalformedReceipt(`${what} has exactly the members ${expected.join(", ")}`);
  }
  return value;
}

/** @param {Json | undefined} value @returns {Promise<LoggedRecord>} */
async function entry(value) {
  const { record, statement, proof } = members(value, ["proof", "record", "statement"], "an entry");
  if (record !== null && !isObject(record)) throw new MalformedReceipt("a record is an object, or null");
  const canonical = record === null || record === undefined ? null : canonicalJson(record);
  const parsed = parseStatement(fromBase64(text(statement, "statement"), MalformedReceipt));
  const proven = TlogProof.parse(toUtf8(text(proof, "proof")));
  return {
    canonical,
    record: canonical && parseRecord(canonical),
    recordId: canonical ? toHex(await sha256(canonical)) : parsed.recordId,
    statement: parsed,
    proof: proven,
    index: proven.index,
  };
}

/** @param {Json | undefined} value @param {string} name */
async function entries(value, name) {
  if (!Array.isArray(value) || value.length > MAX_RECEIPT_RECORDS) {
    throw new MalformedReceipt(`${name} is an array of at most ${MAX_RECEIPT_RECORDS} entries`);
  }
  return Promise.all(value.map(entry));
}

/** @param {Json | undefined} value @returns {Stamp} */
function stamp(value) {
  const proven = isObject(value) && Object.hasOwn(value, "consistency");
  const { consistency, proof, token } = members(value, ["proof", "token", ...(proven ? ["consistency"] : [])], "a timestamp");
  if (proven && (!Array.isArray(consistency) || consistency.length < 1 || consistency.length > MAX_PROOF_HASHES)) {
    throw new MalformedReceipt(`consistency is an array of 1 to ${MAX_PROOF_HASHES} hashes, or left out`);
  }
  const hashes = Array.isArray(consistency) ? consistency : [];
  return {
    proof: TlogProof.parse(toUtf8(text(proof, "proof"))),
    token: fromBase64(text(token, "token"), MalformedReceipt),
    consistency: hashes.map((hash) => parseHash(text(hash, "a hash"), MalformedReceipt)),
  };
}

/** @param {Json | undefined} value @param {string} name */
function text(value, name) {
  if (typeof value !== "string") throw new MalformedReceipt(`${name} is a string`);
  return value;
}
