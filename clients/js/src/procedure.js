/**
 * Checking a receipt offline, step by step: what holds, what fails, and what could not be checked.
 *
 * 1. **Receipt well-formed**. Every part of the receipt parses, in its one encoding, within the limits.
 * 2. **Log key**. It is one that the caller trusts, or one that a trusted key has handed over to, in `log.key` records of
 *    this receipt; and it is not one of which the caller knows that it was retired at a smaller size.
 * 3. **Checkpoint signature**. One tree: all proofs carry the same checkpoint, signed with the log key; a witness that
 *    the caller knows and that cosigned it did so validly. *Depends on step 2.*
 * 4. **Genesis record**. It is entry 0, names this log, and is signed by an operator key it names. From the keys it names,
 *    the `log.key` records lead to those in force for a tree of this size, and the log key is one of these. *Depends on
 *    step 3.*
 * 5. **Publisher key enrolled**. Each publisher's key record is signed by an operator key and, but for revocations,
 *    carries a proof of possession; a rotation is signed by the key that it replaces. And one of them, before the
 *    subject, enrols the subject's key for the subject's publisher. *Depends on step 4.*
 * 6. **Publisher key in force**. No key record between that one and the subject revokes or replaces the key. *Depends on
 *    step 5.*
 * 7. **Statement**. The subject's statement is about the subject's record, and signed with that key. So is every
 *    statement of the chain, with a key in force at its index. *Depends on step 5.*
 * 8. **Inclusion in the log**. Every entry's statement is in the tree of the checkpoint, at its index. *Depends on step
 *    3.*
 * 9. **Media**. They are the registered bytes, the credentialed copy's bytes, or have the registered pixels. *Depends on
 *    step 7.*
 * 10. **Time stamp**. Not checked here.
 * 11. **Origins**. Every registration that the subject was made from, up to the origins, is in the chain, with its
 *     record, its signature, a key in force, and its place in the log before what was made from it; and none was
 *     withdrawn, disputed, or signed with a key that may have been compromised. *Depends on step 5.*
 *
 * The steps are those of docs/reference/receipts.md and of the Python procedure, outcome by outcome, but for two things:
 * time-stamp tokens, and the signatures of ML-DSA-44 keys, are not checked in a browser.
 * @module
 */

import { toHex } from "./bytes.js";
import { sameCheckpoint } from "./checkpoint.js";
import { CountermarkError, ProofInvalid, SignatureInvalid, Undecided, UntrustedNote } from "./errors.js";
import { KeyHistory, describeEnding, verifyKeyRecord, verifyOperatorStatement } from "./key_history.js";
import { LogKeys, judgeLogKey } from "./log_keys.js";
import { compareMedia, statedFiles } from "./media.js";
import { COSIGNATURE_V1, ML_DSA_44 } from "./note.js";
import { contest, describeChain, formatTime, isCompromised, isDisputed, isWithdrawn, supersededBy, walk } from "./origins.js";
import { quote } from "./quotation.js";
import { Receipt } from "./receipt.js";
import { Steps, receiptHolds } from "./receipt_report.js";
import { publisherOf } from "./records.js";
import { verifyStatement } from "./statement.js";

/** @import { Cosigner } from "./checkpoint.js" */
/** @import { KeyEvent } from "./key_history.js" */
/** @import { MediaPixels } from "./media.js" */
/** @import { VerifierKey } from "./note.js" */
/** @import { Link } from "./origins.js" */
/** @import { LoggedRecord } from "./receipt.js" */
/** @import { ReceiptReport } from "./receipt_report.js" */
/** @import { LogGenesis } from "./records.js" */

/**
 * What the caller knows from elsewhere.
 * @typedef {object} Given
 * @property {readonly VerifierKey[]} [trustedKeys] Ed25519 keys of logs, and cosignature/v1 keys of witnesses;
 *   ML-DSA-44 keys are ignored
 * @property {ReadonlyMap<string, bigint>} [retired] which of the trusted keys (as text) their log has retired, with the
 *   size of the largest tree that each signs
 * @property {Uint8Array} [mediaSha256] SHA-256 of the file's bytes, if there is a file to check
 * @property {() => Promise<MediaPixels | null>} [pixels] decodes the file, or gives null where that is not possible; asked
 *   at most once, and only where the bytes are not the registered ones
 */

/**
 * Runs the whole procedure on a receipt; failures are collected, not thrown.
 * @param {Uint8Array | Receipt} receipt the bytes of a `.countermark` file, or what `Receipt.parse` read of them
 * @param {Given} [given]
 * @returns {Promise<ReceiptReport>}
 * @throws MalformedReceipt: the receipt holds a part that does not parse (step 1)
 */
export async function verifyReceipt(receipt, given = {}) {
  const parsed = receipt instanceof Receipt ? receipt : await Receipt.parse(receipt);
  return new ReceiptVerification(parsed, given).run();
}

/**
 * The keys of a log that a receipt of it leads to from those that the reader trusts, by its `log.key` records.
 * @param {Receipt} receipt
 * @param {readonly VerifierKey[]} trustedKeys
 * @returns {Promise<LogKeys>}
 * @throws UntrustedNote: it is of another log, leads to no trusted key, or does not hold
 */
export async function followLogKeys(receipt, trustedKeys) {
  const verification = new ReceiptVerification(receipt, { trustedKeys });
  const { steps } = await verification.run();
  for (const { number, outcome, detail } of steps) {
    if ([2, 3, 4, 8].includes(number) && outcome !== "holds") {
      throw new UntrustedNote(`the log.key records at hand lead to no key you trust: ${detail}`);
    }
  }
  if (!(verification.logKeys instanceof LogKeys)) throw verification.logKeys;
  return verification.logKeys;
}

const OPERATORS_OWN = "the record is the operator's own: no publisher's key is involved";

class ReceiptVerification {
  /** @param {Receipt} receipt @param {Given} given */
  constructor(receipt, given) {
    this.receipt = receipt;
    this.given = given;
    this.trusted = (given.trustedKeys ?? []).filter((key) => key.type !== ML_DSA_44);
    this.subject = receipt.subject;
    this.record = /** @type {NonNullable<LoggedRecord["record"]>} */ (receipt.subject.record);
    this.checkpoint = receipt.subject.proof.signed.checkpoint;
    // What a step finds, for those that depend on it and for the report.
    this.steps = new Steps();
    /** @type {LogKeys | CountermarkError} */
    this.logKeys = new UntrustedNote("a log.genesis record at index 0 is missing");
    /** @type {Cosigner[]} */
    this.cosigners = [];
    this.history = new KeyHistory([]);
    /** @type {KeyEvent | undefined} */
    this.enrolment = undefined;
    /** @type {Link[] | null} */
    this.chain = null;
    /** @type {string[]} */
    this.contested = [];
  }

  async run() {
    const { steps } = this;
    steps.settle(1, "holds", "every part parses in its one encoding");
    this.logKeys = await this.statedLogKeys();
    const { receipt, checkpoint, trusted, given } = this;
    steps.settle(2, ...judgeLogKey(receipt.logKey, checkpoint.size, this.logKeys, trusted, given.retired ?? new Map()));
    await steps.check(3, () => this.checkCheckpoint());
    await steps.check(4, () => this.checkGenesis());
    await steps.check(5, () => this.checkEnrolment());
    await steps.check(6, () => this.checkInForce());
    await steps.check(7, () => this.checkStatements());
    await steps.check(8, () => this.checkInclusion());
    await this.checkMedia();
    steps.settle(
      10,
      "not checked",
      receipt.stamp ? "time-stamp tokens are not checked here" : "the receipt carries no time stamp",
    );
    await steps.check(11, () => this.checkOrigins());
    return this.report();
  }

  /** The genesis record, where that is what stands in its place. @returns {LogGenesis | undefined} */
  get genesis() {
    const { record } = this.receipt.genesis;
    return record?.type === "log.genesis" ? record : undefined;
  }

  /** The `log.key` records among the keys, or the subject, in log order. */
  get logKeyEntries() {
    const entries = [...this.receipt.keys, this.subject].filter((entry) => entry.record?.type === "log.key");
    const byIndex = new Map(entries.map((entry) => [entry.index, entry]));
    return [...byIndex.values()].sort((one, other) => (one.index < other.index ? -1 : 1));
  }

  async statedLogKeys() {
    if (!this.genesis) return this.logKeys;
    try {
      let keys = await LogKeys.fromGenesis(this.genesis);
      for (const { index, record } of this.logKeyEntries) {
        if (record?.type === "log.key") keys = await keys.follow(index, record);
      }
      return keys;
    } catch (refusal) {
      if (refusal instanceof CountermarkError) return refusal;
      throw refusal;
    }
  }

  /** Step 3. */
  async checkCheckpoint() {
    const { logKey } = this.receipt;
    const keys = [logKey, ...this.trusted.filter((key) => key.type === COSIGNATURE_V1)];
    const proofs = new Map(this.receipt.entries.map(({ proof }) => [proof.checkpoint, proof]));
    /** @type {Cosigner[]} */
    let found = [];
    for (const { checkpoint, signed } of proofs.values()) {
      if (!sameCheckpoint(signed.checkpoint, this.checkpoint)) {
        throw new UntrustedNote("the proofs are for different trees");
      }
      const cosigners = await signed.verify(keys, logKey.name);
      if (checkpoint === this.subject.proof.checkpoint) found = cosigners;
    }
    this.cosigners = found;
    const known = `known witnesses: ${this.cosigners.length}`;
    return `${logKey.name} signed a tree of ${this.checkpoint.size} entries; ${known}`;
  }

  /** Step 4. */
  async checkGenesis() {
    const { genesis, logKeys } = this;
    if (!genesis || this.receipt.genesis.index !== 0n) {
      throw new ProofInvalid("a log.genesis record at index 0 is missing");
    }
    if (genesis.origin !== this.checkpoint.origin) {
      throw new UntrustedNote(`the genesis record is of another log, ${genesis.origin}`);
    }
    if (!(logKeys instanceof LogKeys)) throw logKeys;
    logKeys.checkInForce(this.receipt.logKey);
    for (const entry of [this.receipt.genesis, ...this.logKeyEntries]) {
      await verifyOperatorStatement(entry.statement, bytesOf(entry), genesis);
    }
    const times = logKeys.changes.length - 1;
    const changed = times ? `, changed ${times} times since` : "";
    return `entry 0 names ${genesis.origin}, run by ${genesis.operator}, and its keys${changed}`;
  }

  /** Step 5. */
  async checkEnrolment() {
    const entries = this.receipt.keys.filter((entry) => entry.record?.type !== "log.key");
    /** @type {KeyEvent[]} */
    const events = [];
    for (const entry of entries) events.push(await this.keyEvent(entry));
    this.history = new KeyHistory(events);
    for (const event of events) await this.history.verifyHandover(event);
    const publisher = publisherOf(this.record);
    if (publisher === null) return OPERATORS_OWN;
    this.enrolment = this.history.enrolment(publisher, this.subject.statement.kid, this.subject.index);
    const { name, identity } = this.enrolment.record;
    return `enrolled for ${quote(name)} at index ${this.enrolment.index}. ${describeIdentity(identity)}`;
  }

  /** @param {LoggedRecord} entry @returns {Promise<KeyEvent>} */
  async keyEvent(entry) {
    const { record, index, statement } = entry;
    try {
      if (record?.type !== "publisher.key" || !this.genesis) throw new SignatureInvalid("not a publisher.key record");
      await verifyOperatorStatement(statement, bytesOf(entry), this.genesis);
      await verifyKeyRecord(record, this.genesis);
      return { index, record, kid: await record.key.thumbprint() };
    } catch (cause) {
      if (!(cause instanceof SignatureInvalid)) throw cause;
      throw new SignatureInvalid(`key record at index ${index}: ${cause.message}`, { cause });
    }
  }

  /** Step 6. */
  async checkInForce() {
    if (!this.enrolment) return OPERATORS_OWN;
    const { index, statement } = this.subject;
    const ending = this.history.ending(this.enrolment);
    if (ending && ending.index < index) throw new SignatureInvalid(`${describeEnding(ending)}, before this record`);
    const since = this.history.invalidSince(this.enrolment.record.publisher, statement.kid, index);
    const later = [
      ...(ending ? [`; ${describeEnding(ending)}, after this record`] : []),
      ...(since === undefined ? [] : [`; it may have been in other hands since ${formatTime(since)}`]),
    ];
    return `no key record in this receipt ends the key before index ${index}${later.join("")}`;
  }

  /** Step 7. */
  async checkStatements() {
    const { chain } = this.receipt;
    for (const entry of [this.subject, ...chain]) {
      await this.verifyStatement(entry).catch((cause) => {
        if (!(cause instanceof CountermarkError) || cause instanceof Undecided) throw cause;
        throw new SignatureInvalid(`entry ${entry.index}: ${cause.message}`, { cause });
      });
    }
    const unread = chain.filter((entry) => entry.record === null).length;
    const rest = unread ? `; ${unread} of the chain could not be read, because their records are withheld` : "";
    return `the statement is about this record and signed with that key; chain: ${chain.length} more${rest}`;
  }

  /** The subject's with the key that step 5 has found, others with one in force. @param {LoggedRecord} entry */
  async verifyStatement(entry) {
    const { canonical, record, statement, index } = entry;
    if (!canonical || !record) return;
    const publisher = publisherOf(record);
    if (entry === this.subject && this.enrolment) {
      await verifyStatement(statement, this.enrolment.record.key, canonical);
    } else if (publisher !== null) {
      await verifyStatement(statement, this.history.keyInForce(publisher, statement.kid, index), canonical);
    } else if (this.genesis) {
      await verifyOperatorStatement(statement, canonical, this.genesis);
    }
  }

  /** Step 8. */
  async checkInclusion() {
    const { entries } = this.receipt;
    for (const entry of entries) {
      await this.verifyInclusion(entry).catch((cause) => {
        if (!(cause instanceof ProofInvalid)) throw cause;
        throw new ProofInvalid(`entry ${entry.index}: ${cause.message}`, { cause });
      });
    }
    const place = `this one at index ${this.subject.index}`;
    return `${entries.length} entries are in the tree of ${this.checkpoint.size}, ${place}`;
  }

  /** @param {LoggedRecord} entry */
  verifyInclusion(entry) {
    return entry.proof.verifyInclusion(entry.statement.data, this.checkpoint);
  }

  /** Step 9. */
  async checkMedia() {
    const { mediaSha256, pixels: decode } = this.given;
    if (!mediaSha256 && !decode) return this.steps.settle(9, "not checked", "no media were given");
    const sha256 = mediaSha256 && toHex(mediaSha256);
    const stated = statedFiles(this.record).map((file) => file.sha256);
    const needed = stated.length && !stated.some((each) => each === sha256) && !this.steps.failedDependency(9);
    // Asked outside of the check: a file that cannot be read is no failure of the receipt.
    const pixels = needed && decode ? await decode() : null;
    return this.steps.check(9, async () => compareMedia(this.record, sha256, pixels));
  }

  /** Step 11. */
  async checkOrigins() {
    const { receipt } = this;
    const links = await walk(this.subject, receipt.chain, async (entry) => {
      await this.verifyStatement(entry);
      await this.verifyInclusion(entry);
    });
    this.chain = links;
    const sentences = [describeChain(links)];
    let undecided = links.some((link) => link.state !== "proven");
    if (this.sound) {
      const proven = links.filter((link) => link.state === "proven");
      for (const link of new Map(proven.map((each) => [each.parent, each])).values()) {
        const origin = receipt.chain.find((entry) => entry.index === link.index);
        if (!origin) continue;
        const [outcome, remarks] = contest(origin, receipt.chain, this.history);
        if (outcome === "fails") this.contested.push(link.parent);
        sentences.push(...remarks.map((each) => `record ${link.parent.slice(0, 16)}… (${link.relation}): ${each}`));
        undecided ||= outcome === "not checked";
      }
    }
    if (receipt.truncated && links.length) {
      undecided = true;
      sentences.push("the receipt could not hold all that belongs to them");
    }
    if (this.contested.length || links.some((link) => link.state === "broken")) {
      throw new ProofInvalid(sentences.join("; "));
    }
    if (undecided) throw new Undecided(sentences.join("; "));
    return sentences.join("; ");
  }

  /** Whether the chain can be believed: every statement is signed, and in the log. */
  get sound() {
    return this.steps.outcome(7) === "holds" && this.steps.outcome(8) === "holds";
  }

  /** @returns {ReceiptReport} */
  report() {
    const { subject, receipt, sound, history } = this;
    return {
      steps: this.steps.taken,
      holds: receiptHolds(this.steps.taken, this.chain, this.contested),
      record: this.record,
      recordId: subject.recordId,
      index: subject.index,
      logKeyPinned: this.steps.outcome(2) === "holds",
      checkpoint: this.checkpoint,
      cosigners: this.cosigners,
      signer: this.enrolment?.record ?? null,
      withdrawn: sound && isWithdrawn(subject, receipt.chain),
      disputed: sound && isDisputed(subject, receipt.chain, history),
      supersededBy: sound ? supersededBy(subject, receipt.chain) : null,
      keyCompromised: sound && this.enrolment ? isCompromised(subject, history) : false,
      contestedOrigins: this.contested,
      chain: this.chain,
      truncated: receipt.truncated,
    };
  }
}

/** The record's bytes, which `Receipt.parse` has seen to be there. @param {LoggedRecord} entry */
const bytesOf = ({ canonical }) => /** @type {Uint8Array} */ (canonical);

/** By whom and how a key was tied to a name. @param {{ established: string, detail: string }} identity */
function describeIdentity({ established, detail }) {
  switch (established) {
    case "operator-attested":
      return `Attested by the operator of the log: ${quote(detail)}.`;
    case "domain-verified":
      return `Verified through control of a domain name: ${quote(detail)}.`;
    default:
      return `Named in an X.509 certificate: ${quote(detail)}.`;
  }
}
