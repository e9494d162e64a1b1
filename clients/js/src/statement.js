/**
 * The statement: what a publisher signs and the log takes in as an entry.
 *
 * COSE_Sign1 (RFC 9052 section 4.2, tag 18) as a hash envelope (RFC 9995): the payload is the SHA-256 of a record's
 * canonical bytes. Always 191 bytes, in deterministic CBOR (RFC 8949 section 4.2.1):
 *
 *     18([ << {1: algorithm, 4: kid, 258: -16, 259: content type} >>, {}, payload, signature ])
 * @module
 */

import { concat, equal, toHex, toUtf8 } from "./bytes.js";
import { MalformedStatement, SignatureInvalid } from "./errors.js";
import { recordId } from "./records.js";

/** @import { Algorithm, PublicKey } from "./keys.js" */

const CONTENT_TYPE = toUtf8("application/vnd.countermark.record+json");
/** @type {{ [A in Algorithm]: number }} the identifiers of RFC 9053 section 2, -8 and -7, as CBOR has them */
const ALGORITHMS = { Ed25519: 0x27, ES256: 0x26 };
const STATEMENT_BYTES = 191;
const KID_AT = 10;
const PAYLOAD_AT = 93;
const SIGNATURE_AT = 127;

/** A well-formed statement; whether its signature holds is for `verifyStatement` to say. */
export class Statement {
  /** @param {Uint8Array<ArrayBuffer>} data @param {Algorithm} algorithm */
  constructor(data, algorithm) {
    this.data = data;
    this.algorithm = algorithm;
    /** COSE key thumbprint of the signing key, 64 hexadecimal digits. */
    this.kid = toHex(data.subarray(KID_AT, KID_AT + 32));
    /** SHA-256 of the record's canonical bytes, 64 hexadecimal digits. */
    this.recordId = toHex(data.subarray(PAYLOAD_AT, PAYLOAD_AT + 32));
    this.signature = data.slice(SIGNATURE_AT);
  }
}

/**
 * Reads a log entry in the one encoding that is accepted. Throws MalformedStatement.
 * @param {Uint8Array<ArrayBuffer>} data
 */
export function parseStatement(data) {
  for (const algorithm of /** @type {Algorithm[]} */ (Object.keys(ALGORITHMS))) {
    const kid = data.subarray(KID_AT, KID_AT + 32);
    const payload = data.subarray(PAYLOAD_AT, PAYLOAD_AT + 32);
    const expected = encode(ALGORITHMS[algorithm], kid, payload, data.subarray(SIGNATURE_AT));
    if (data.length === STATEMENT_BYTES && equal(expected, data)) return new Statement(data, algorithm);
  }
  throw new MalformedStatement("not a statement: 191 bytes of deterministic CBOR expected");
}

/**
 * Accepts a statement that the key signed, about the record where one is given. Throws SignatureInvalid. Whether the
 * key was the publisher's when the statement was logged is for the caller to check.
 * @param {Statement} statement
 * @param {PublicKey} key
 * @param {Uint8Array} [record] canonical bytes
 */
export async function verifyStatement(statement, key, record) {
  const thumbprint = await key.thumbprint();
  if (statement.algorithm !== key.algorithm || statement.kid !== thumbprint) {
    throw new SignatureInvalid(`the statement names key ${statement.kid}, not ${thumbprint}`);
  }
  if (record !== undefined && toHex(await recordId(record)) !== statement.recordId) {
    throw new SignatureInvalid("the statement is about another record");
  }
  const envelope = protectedHeaders(ALGORITHMS[statement.algorithm], statement.data.subarray(KID_AT, KID_AT + 32));
  const payload = statement.data.subarray(PAYLOAD_AT, PAYLOAD_AT + 32);
  // Sig_structure of RFC 9052 section 4.4, without external data.
  const head = concat(Uint8Array.of(0x84, 0x6a), toUtf8("Signature1"));
  await key.verify(statement.signature, concat(head, bstr(envelope), Uint8Array.of(0x40), bstr(payload)));
}

/** @param {Uint8Array} data 24 to 255 bytes */
const bstr = (data) => concat(Uint8Array.of(0x58, data.length), data);

/** @param {number} algorithm @param {Uint8Array} kid */
function protectedHeaders(algorithm, kid) {
  const contentType = concat(Uint8Array.of(0x19, 0x01, 0x03, 0x78, CONTENT_TYPE.length), CONTENT_TYPE);
  return concat(Uint8Array.of(0xa4, 1, algorithm, 4), bstr(kid), Uint8Array.of(0x19, 0x01, 0x02, 0x2f), contentType);
}

/** @param {number} algorithm @param {Uint8Array} kid @param {Uint8Array} payload @param {Uint8Array} signature */
function encode(algorithm, kid, payload, signature) {
  const parts = [bstr(protectedHeaders(algorithm, kid)), Uint8Array.of(0xa0), bstr(payload), bstr(signature)];
  return concat(Uint8Array.of(0xd2, 0x84), ...parts);
}
