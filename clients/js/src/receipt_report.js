/** A receipt's report: the numbered steps of its verification, and what they prove together. @module */

import { CountermarkError, Undecided } from "./errors.js";
import { STEPS } from "./limits.js";

/** @import { Checkpoint, Cosigner } from "./checkpoint.js" */
/** @import { Link } from "./origins.js" */
/** @import { PublisherKey, Record } from "./records.js" */

/** @typedef {"holds" | "fails" | "not checked"} Outcome */

/** One step of the procedure and what came of it; `detail` is a sentence for people.
 * @typedef {{ number: number, name: string, outcome: Outcome, detail: string }} Step
 */

/**
 * What a receipt proves.
 * @typedef {object} ReceiptReport
 * @property {Step[]} steps all eleven, in order
 * @property {boolean} holds steps 3 to 8 hold and none fails, but for step 11 over origins that are proven and
 *   contested. Whether the log itself deserves trust is step 2: see `logKeyPinned`
 * @property {Record} record the subject's; nothing in it is proven unless the report holds
 * @property {string} recordId
 * @property {bigint} index of the subject in the log
 * @property {boolean} logKeyPinned the log's key is one that the caller trusts, or one that such a key leads to
 * @property {Checkpoint} checkpoint of the tree that everything is proven in; means nothing unless step 3 holds
 * @property {Cosigner[]} cosigners the caller's witnesses that cosigned it
 * @property {PublisherKey | null} signer the record that enrolled the key which signed the subject; null where an
 *   operator signed, or step 5 does not hold
 * @property {boolean} withdrawn the publisher took the registration back later
 * @property {boolean | null} disputed another publisher contradicts the registration; null where a retraction may have
 *   been signed with a stolen key
 * @property {bigint | null} supersededBy index of the newest registration by the same publisher that supersedes this one
 * @property {boolean | null} keyCompromised a later revocation states that the key may have been compromised before the
 *   record was made; null: since after `claimed_at`, which is the signer's word
 * @property {string[]} contestedOrigins record ids of registrations that the subject was made from, and that are
 *   withdrawn or disputed, or signed with a key that was compromised
 * @property {Link[] | null} chain the registrations that the subject was made from
 * @property {boolean} truncated the receipt could not hold all that belongs to the subject
 */

/** What each step depends on: after a failed step, neither these nor what depends on them are checked.
 * @type {{ [number: number]: number[] }}
 */
const DEPENDS_ON = { 3: [2], 4: [3], 5: [4], 6: [5], 7: [5], 8: [3], 9: [7], 10: [7, 8], 11: [5] };

/** The steps taken so far, in order; each is settled once. */
export class Steps {
  /** @type {Step[]} */
  taken = [];
  /** @type {Set<number>} */
  #failed = new Set();

  /** @param {number} number @param {Outcome} outcome @param {string} detail */
  settle(number, outcome, detail) {
    this.taken.push({ number, name: STEPS[number - 1] ?? "", outcome, detail });
    if (outcome === "fails") this.#failed.add(number);
  }

  /**
   * Runs a check that returns its detail, or throws; not at all where a step that it depends on has failed.
   * @param {number} number
   * @param {() => Promise<string>} check
   */
  async check(number, check) {
    const failed = this.failedDependency(number);
    if (failed !== undefined) {
      this.settle(number, "not checked", `it depends on step ${failed}`);
      this.#failed.add(number);
      return;
    }
    try {
      this.settle(number, "holds", await check());
    } catch (refusal) {
      if (!(refusal instanceof CountermarkError)) throw refusal;
      this.settle(number, refusal instanceof Undecided ? "not checked" : "fails", refusal.message);
    }
  }

  /** The first step that this one depends on and that has failed. @param {number} number */
  failedDependency(number) {
    return DEPENDS_ON[number]?.find((each) => this.#failed.has(each));
  }

  /** @param {number} number */
  outcome(number) {
    return this.taken[number - 1]?.outcome;
  }
}

/** @param {readonly Step[]} steps @param {readonly Link[] | null} chain @param {readonly string[]} contested */
export function receiptHolds(steps, chain, contested) {
  const proven = chain !== null && !chain.some((link) => link.state === "broken");
  const counted = steps.filter(({ number }) => number !== 11 || !contested.length || !proven);
  return (
    counted.every(({ outcome }) => outcome !== "fails") && steps.slice(2, 8).every(({ outcome }) => outcome === "holds")
  );
}
