/**
 * Which keys a publisher had when: the `publisher.key` records of a log, in log order.
 *
 * A key is in force from the record that enrols it, or rotates to it, up to the one that ends it: its own revocation, or
 * the publisher's next rotation to another key. Only records of an operator of the log count.
 * @module
 */

import { toUtf8 } from "./bytes.js";
import { SignatureInvalid } from "./errors.js";
import { verifyStatement } from "./statement.js";

/** @import { LogGenesis, PublisherKey } from "./records.js" */
/** @import { Statement } from "./statement.js" */

/** A `publisher.key` record at its index, with its key's thumbprint.
 * @typedef {{ index: bigint, record: PublisherKey, kid: string }} KeyEvent
 */

export class KeyHistory {
  /** @param {readonly KeyEvent[]} events in any order */
  constructor(events) {
    this.events = [...events].sort((one, other) => (one.index < other.index ? -1 : 1));
  }

  /**
   * The last record before an index that brought the key into force for the publisher. Throws SignatureInvalid.
   * @param {string} publisher
   * @param {string} kid
   * @param {bigint} before
   */
  enrolment(publisher, kid, before) {
    const ofKey = this.events.filter(
      ({ record, kid: each }) => record.publisher === publisher && record.action !== "revoke" && each === kid,
    );
    const found = ofKey.findLast((event) => event.index < before);
    if (found) return found;
    const later = ofKey[0] ? `; one at index ${ofKey[0].index} does` : "";
    throw new SignatureInvalid(`no record before index ${before} enrols key ${kid} for ${publisher}${later}`);
  }

  /** The first record after an enrolment that ends its key, if one is known. @param {KeyEvent} enrolment */
  ending({ index, record, kid }) {
    return this.events.find(
      (event) =>
        event.index > index &&
        event.record.publisher === record.publisher &&
        (event.record.action === "revoke" ? event.kid === kid : event.record.action === "rotate" && event.kid !== kid),
    );
  }

  /**
   * Since when a key may have been compromised (seconds since 1970), as revocations of it behind an index state.
   * @param {string} publisher
   * @param {string} kid
   * @param {bigint} after
   */
  invalidSince(publisher, kid, after) {
    const stated = this.events
      .filter((event) => event.index > after && event.record.publisher === publisher && event.kid === kid)
      .map((event) => event.record.invalid_since)
      .filter((since) => since !== undefined);
    return stated.length ? Math.min(...stated) : undefined;
  }

  /** Checks that the old key of a rotation was this publisher's and had not ended. Throws SignatureInvalid. @param {KeyEvent} event */
  async verifyHandover({ index, record }) {
    if (!record.handover) return;
    const kid = await record.handover.key.thumbprint();
    const known = this.events.filter((each) => each.kid === kid && each.record.action !== "revoke");
    if (known.some((each) => each.record.publisher === record.publisher)) {
      this.keyInForce(record.publisher, kid, index);
    } else if (known.length) {
      throw new SignatureInvalid(`the key that hands over at index ${index} is another publisher's`);
    }
  }

  /**
   * The publisher's key with this thumbprint, in force just before an index. Throws SignatureInvalid.
   * @param {string} publisher
   * @param {string} kid
   * @param {bigint} at
   */
  keyInForce(publisher, kid, at) {
    const enrolment = this.enrolment(publisher, kid, at);
    const ending = this.ending(enrolment);
    if (ending && ending.index < at) throw new SignatureInvalid(`${describeEnding(ending)}, before index ${at}`);
    return enrolment.record.key;
  }
}

/** How a key ended and where in the log. @param {KeyEvent} event */
export function describeEnding({ index, record }) {
  return `the key was ${record.action === "revoke" ? "revoked" : "replaced by another key"} at index ${index}`;
}

/**
 * Accepts a statement about a record that an operator key of the log signed. Throws SignatureInvalid.
 * @param {Statement} statement
 * @param {Uint8Array} record canonical bytes
 * @param {LogGenesis} genesis
 */
export async function verifyOperatorStatement(statement, record, genesis) {
  for (const key of genesis.operator_keys) {
    if ((await key.thumbprint()) === statement.kid) return verifyStatement(statement, key, record);
  }
  throw new SignatureInvalid(`key ${statement.kid} is no operator key of this log`);
}

/**
 * Checks that a key record has a proof of possession, and a rotation the signature of the key that is replaced. Throws
 * SignatureInvalid.
 * @param {PublisherKey} record
 * @param {LogGenesis} genesis
 */
export async function verifyKeyRecord({ action, publisher, key, possession, handover }, { origin }) {
  if (action === "revoke") return;
  if (!possession) throw new SignatureInvalid("nothing shows that the publisher holds the key");
  const kid = await key.thumbprint();
  await key.verify(possession, lines("countermark possession v1", origin, publisher, kid));
  if (action !== "rotate") return;
  if (!handover) throw new SignatureInvalid("the key that is replaced has not signed the rotation");
  const old = await handover.key.thumbprint();
  await handover.key.verify(handover.signature, lines("countermark handover v1", origin, publisher, old, kid));
}

/** @param {...string} each */
const lines = (...each) => toUtf8(each.map((line) => `${line}\n`).join(""));
