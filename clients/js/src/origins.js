/**
 * What a receipt's chain says of its subject: what that was made from, and what has become of it and of its sources.
 *
 * A link leads from a registration to one that it names under `parents`, or under `rendition_of`, up to the origins.
 * Withdrawals, disputes and their retraction, and registrations that take another's place change how a registration
 * stands. They count only in a receipt whose statements and inclusion proofs have been checked. Time stamps are not
 * checked here, so that when a record was made is known by its `claimed_at` alone.
 * @module
 */

import { CountermarkError, SignatureInvalid } from "./errors.js";
import { publisherOf } from "./records.js";

/** @import { KeyHistory } from "./key_history.js" */
/** @import { LoggedRecord } from "./receipt.js" */
/** @import { Outcome } from "./receipt_report.js" */
/** @import { AssetRegistered } from "./records.js" */

/** @typedef {"proven" | "withheld" | "missing" | "broken" | "unproven"} LinkState */

/**
 * From a registration to one that it was made from: record ids, how they relate, and the parent's index as its proof
 * claims it. `withheld`: its content is sealed or erased. `missing`: it was not handed in. `unproven`: it holds, and
 * only what stands behind a link that does not leads to it.
 * @typedef {{ child: string, parent: string, relation: string, state: LinkState, index: bigint | null, detail: string }} Link
 */

/** @param {AssetRegistered} record @returns {[string, string][]} record id and relation of what it was made from */
function references(record) {
  const parents = (record.parents ?? []).map((parent) => /** @type {[string, string]} */ ([parent.record, parent.relation]));
  return record.rendition_of === undefined ? parents : [...parents, [record.rendition_of, "renditionOf"]];
}

/**
 * Follows a registration to its origins through the entries that are at hand; each entry is looked at once.
 * @param {LoggedRecord} subject
 * @param {readonly LoggedRecord[]} chain
 * @param {(entry: LoggedRecord) => Promise<void>} check throws CountermarkError unless an entry's signature, key and
 *   place in the log hold
 */
export async function walk(subject, chain, check) {
  const atHand = new Map(chain.map((entry) => [entry.recordId, entry]));
  const erased = new Set(chain.map(({ record }) => (record?.type === "record.erased" ? record.record : "")));
  /** @type {Set<string>} */
  const visited = new Set();

  /** The links of all that proven links lead to from the start. @param {LoggedRecord[]} start */
  const follow = async (start) => {
    /** @type {Link[]} */
    const links = [];
    const waiting = [...start];
    for (let child = waiting.shift(); child !== undefined; child = waiting.shift()) {
      if (visited.has(child.recordId)) continue;
      visited.add(child.recordId);
      for (const [parent, relation] of child.record?.type === "asset.registered" ? references(child.record) : []) {
        const entry = atHand.get(parent);
        const [state, detail] = await judge(child, entry, erased.has(parent), check);
        links.push({ child: child.recordId, parent, relation, state, index: entry?.index ?? null, detail });
        if (entry && state === "proven") waiting.push(entry);
      }
    }
    return links;
  };

  // What proven links lead to comes first, so that no detour over a broken one can hide it.
  let found = await follow([subject]);
  const links = [...found];
  for (;;) {
    const broken = found.filter((link) => link.state === "broken").map((link) => atHand.get(link.parent));
    if (!broken.length) return links;
    found = (await follow(broken.filter((entry) => entry !== undefined))).map((link) =>
      link.state === "proven"
        ? { ...link, state: "unproven", detail: "it holds, and a broken link stands before it" }
        : link,
    );
    links.push(...found);
  }
}

/**
 * @param {LoggedRecord} child
 * @param {LoggedRecord | undefined} parent
 * @param {boolean} erased
 * @param {(entry: LoggedRecord) => Promise<void>} check
 * @returns {Promise<[LinkState, string]>}
 */
async function judge(child, parent, erased, check) {
  if (!parent) return ["missing", "its record was not handed in; all that it was made from is unproven"];
  try {
    await check(parent);
    if (parent.index >= child.index) throw new SignatureInvalid("it was logged after what is said to be made from it");
    if (parent.record === null) {
      const how = erased ? "erased" : "sealed or erased";
      return ["withheld", `its content is ${how}; all that it was made from is unproven`];
    }
    if (parent.record.type !== "asset.registered") {
      throw new SignatureInvalid(`a record of type ${parent.record.type} is nothing that a picture could be made from`);
    }
    return ["proven", `registered by ${parent.record.publisher}, and logged before what was made from it`];
  } catch (error) {
    if (!(error instanceof CountermarkError)) throw error;
    return ["broken", `${error.message}; all that it was made from is unproven`];
  }
}

/** In words: each link that ends the chain before an origin, or else that all are proven. @param {readonly Link[]} links */
export function describeChain(links) {
  if (links.every((link) => link.state === "proven")) {
    const count = links.length;
    return count ? `${count} link${count > 1 ? "s" : ""} to its origins, each proven` : "it names nothing that it was made from";
  }
  return links
    .filter((link) => link.state !== "proven" && link.state !== "unproven")
    .map((link) => `record ${link.parent.slice(0, 16)}… (${link.relation}): ${link.detail}`)
    .join("; ");
}

/** Whether its publisher took a registration back later. @param {LoggedRecord} registered @param {readonly LoggedRecord[]} chain */
export function isWithdrawn(registered, chain) {
  const { record, statement } = registered;
  return (
    record?.type === "asset.registered" &&
    chain.some(
      ({ index, record: later }) =>
        later?.type === "asset.withdrawn" &&
        index > registered.index &&
        later.record === statement.recordId &&
        later.publisher === record.publisher,
    )
  );
}

/**
 * Whether another publisher contradicted a registration later, and has not retracted that. A retraction with a key that
 * may have been compromised by then counts for nothing; null where that is not known.
 * @param {LoggedRecord} registered
 * @param {readonly LoggedRecord[]} chain
 * @param {KeyHistory} history
 */
export function isDisputed(registered, chain, history) {
  const { record, statement } = registered;
  if (record?.type !== "asset.registered") return false;
  const retractions = chain.flatMap((entry) =>
    entry.record?.type === "dispute.answered" && entry.record.outcome === "retracted"
      ? [{ ...entry.record, compromised: isCompromised(entry, history) }]
      : [],
  );
  const disputes = chain.flatMap(({ index, record: dispute, statement: { recordId } }) =>
    dispute?.type === "asset.disputed" &&
    index > registered.index &&
    dispute.record === statement.recordId &&
    dispute.publisher !== record.publisher
      ? [{ recordId, publisher: dispute.publisher }]
      : [],
  );
  /** @param {(boolean | null)[]} counting */
  const anyOpen = (...counting) =>
    disputes.some(
      ({ recordId, publisher }) =>
        !retractions.some(
          (answer) =>
            answer.dispute === recordId && answer.publisher === publisher && counting.includes(answer.compromised),
        ),
    );
  if (anyOpen(false, null)) return true;
  return anyOpen(false) ? null : false;
}

/**
 * Index of the newest registration by which the same publisher says that it supersedes this one, not withdrawn.
 * @param {LoggedRecord} registered
 * @param {readonly LoggedRecord[]} chain
 */
export function supersededBy(registered, chain) {
  const { record, statement } = registered;
  const successors = chain.filter(
    (entry) =>
      record?.type === "asset.registered" &&
      entry.record?.type === "asset.registered" &&
      entry.index > registered.index &&
      entry.record.publisher === record.publisher &&
      (entry.record.parents ?? []).some(
        (parent) => parent.record === statement.recordId && parent.relation === "supersedes",
      ) &&
      !isWithdrawn(entry, chain),
  );
  return successors.reduce((/** @type {bigint | null} */ newest, { index }) => (newest === null || index > newest ? index : newest), null);
}

/**
 * Whether a record was made when its key may have been compromised; null where that is not known.
 * @param {LoggedRecord} entry
 * @param {KeyHistory} history
 */
export function isCompromised(entry, history) {
  const since = invalidSince(entry, history);
  if (since === undefined || entry.record === null) return false;
  return entry.record.claimed_at >= since ? true : null;
}

/**
 * Whether a registration that something was made from still stands, and what is to be said of it.
 * @param {LoggedRecord} origin
 * @param {readonly LoggedRecord[]} chain
 * @param {KeyHistory} history
 * @returns {[Outcome, string[]]}
 */
export function contest(origin, chain, history) {
  const compromised = isCompromised(origin, history);
  const disputed = isDisputed(origin, chain, history);
  const since = invalidSince(origin, history);
  const hands = since === undefined ? "" : `its key may have been in other hands since ${formatTime(since)}`;
  const found = [
    ...(isWithdrawn(origin, chain) ? ["its publisher has withdrawn it"] : []),
    ...(disputed ? ["another publisher disputes it"] : []),
    ...(compromised ? [`${hands}, before it was made`] : []),
  ];
  if (found.length) return ["fails", found];
  const retracted =
    "another publisher disputed it, and retracted that with a key that may have been in other hands since";
  const doubts = [
    ...(compromised === null ? [`${hands}, and nothing shows when it was made`] : []),
    ...(disputed === null ? [`${retracted}, and nothing shows when the retraction was made`] : []),
  ];
  return [doubts.length ? "not checked" : "holds", doubts];
}

/** @param {LoggedRecord} entry @param {KeyHistory} history */
function invalidSince(entry, history) {
  const publisher = entry.record && publisherOf(entry.record);
  return publisher ? history.invalidSince(publisher, entry.statement.kid, entry.index) : undefined;
}

/** @param {number} seconds since 1970 */
export const formatTime = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
