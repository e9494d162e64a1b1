// @ts-check
/**
 * A registry as this browser asks it, without believing it: its answers fit the question, its log is the one that was
 * pinned and has only grown, and what it says of a record is what the record's receipt proves. Else it is refused, by a
 * name (`refused_…` in `_locales`).
 *
 * An answer is checked in this order:
 *
 * 1. its form, and that it is about the file that was asked for (`answers.js`);
 * 2. its checkpoint: signed by the pinned key of this log, and consistent with the one that is remembered;
 * 3. the receipt of the closest match: it is the record's, its steps hold here, and its tree is one of this log's;
 * 4. what the answer says of the record: publisher, who vouches for the name, texts, file, standing; and that the
 *    sentences name this publisher;
 * 5. the registered picture: it looks as the record's fingerprint says.
 * @module
 */

import { checkPrefix, readBucket, readDescription, readLookups, readReport } from "./answers.js";
import { CountermarkError, Receipt, VerifierKey, verifyReceipt } from "./countermark/index.js";
import { fingerprint, prepare } from "./countermark/fingerprint.js";
import { LogAlarm, PinnedLog } from "./countermark/log.js";
import { quote } from "./countermark/quotation.js";
import { Fault, Refused, Unanswered } from "./faults.js";
import { keepAlarm, keepRegistry, restore, seenOf, storeFor } from "./memory.js";
import { ask, askJson } from "./requests.js";

/** @import { Description, Found, Lookup, Match, Report } from "./answers.js" */
/** @import { ReceiptReport } from "./countermark/index.js" */
/** @import { Alarm, Asking, Kept } from "./memory.js" */

/** PDQ in hex, and its quality; null where the picture could not be decoded. @typedef {{ value: string, quality: number } | null} Pdq */

/** Fingerprints of a picture: SHA-256 in hex; and PDQ, computed once it is asked for. @typedef {{ sha256: string, pdq: () => Promise<Pdq> }} Digests */

/** What a registry is told of a picture. @typedef {{ sha256: string, pdq?: NonNullable<Pdq> }} Sent */

/**
 * What digests led to. `report` is there where they led to something and no mere prefix was sent; `listed` where one was;
 * `decoded` tells whether a fingerprint was asked about.
 * @typedef {{ lookup: Lookup, report: Answer | null, prefix: string | null, listed: number | null, complete: boolean, decoded: boolean }} LookedUp
 */

/**
 * A report, with what this browser found in the receipt of its closest match: null where there is no match, where the
 * registry itself says that its proof does not hold, or where the receipt could not be had (`unchecked` says why). Of the
 * `thumbnail` nothing is shown yet: its bytes come meanwhile; null where there is none.
 * @typedef {{ report: Report, receipt: ReceiptReport | null, unchecked: Fault | null, thumbnail: Promise<Uint8Array<ArrayBuffer> | null> | null }} Answer
 */

const BYTES_TYPE = "application/octet-stream";
const ALIKE = 40; // bits of PDQ between a picture and its thumbnail; strangers have 128 of 256 on average
const SEARCHABLE = 50; // the least quality of a PDQ that says something
const MAX_THUMBNAIL_BYTES = 8 * 1024 * 1024;

/** A log contradicts what it showed before. */
export class Contradiction extends Fault {
  /** @param {Alarm} alarm */
  constructor(alarm) {
    super(`alarm_${alarm.kind.replace(" ", "_")}`);
    this.alarm = alarm;
  }
}

/**
 * The address that somebody entered, as it is asked: https, or http on this machine; null where it is none.
 * @param {string} entered
 */
export function addressOf(entered) {
  const spelled = entered.trim();
  const named = /^[a-z]+:\/\//i.test(spelled) ? spelled : `https://${spelled}`;
  if (!URL.canParse(named)) return null;
  const { protocol, hostname, origin, pathname, username, password } = new URL(named);
  const here = hostname === "127.0.0.1" || hostname === "localhost";
  if (protocol !== "https:" && !(protocol === "http:" && here)) return null;
  if (!hostname || username || password) return null;
  return `${origin}${pathname}`.replace(/\/+$/, "");
}

export class Registry {
  /** @param {Kept} kept */
  constructor({ address, origin, operator }) {
    this.address = address;
    this.origin = origin;
    this.operator = operator;
    this.host = new URL(address).host;
  }

  /**
   * What an address says that it is, for somebody who is about to enter it. Nothing is kept.
   * @param {string} address
   */
  static async discover(address) {
    return readDescription(await askJson(address, "/.well-known/countermark.json"), address);
  }

  /**
   * Enters a registry: its log's key is pinned, and its newest checkpoint remembered.
   * @param {string} address
   * @param {string} [key] of its log, from elsewhere; else the one that the registry states is pinned
   */
  static async enter(address, key) {
    const description = await Registry.discover(address);
    const { origin, operator } = description;
    const registry = new Registry({ address, origin, operator });
    const keys = [];
    for (const vkey of key === undefined ? description.log_keys : [key]) keys.push(await parsedKey(vkey));
    const own = keys.filter(({ name, publicKey }) => name === origin && publicKey);
    if (!own.length) throw new Refused("refused_key", { origin });
    const note = /** @type {Uint8Array} */ (await ask(address, "/log/checkpoint"));
    const seen = await seenOf(origin);
    if (key !== undefined && !seen?.given) await registry.#asOne(() => registry.#log().pin(own));
    try {
      await registry.#see(note, { key: String(own[0]) });
    } catch (cause) {
      await restore(origin, seen);
      throw cause;
    }
    await keepRegistry({ address, origin, operator });
    return registry;
  }

  /** What the registry says that it is, now. */
  async describe() {
    const description = await Registry.discover(this.address);
    if (description.origin !== this.origin) {
      throw new Refused("refused_other_log", { before: this.origin, now: description.origin });
    }
    return description;
  }

  /**
   * What a picture's digest leads to; where that is nothing, its fingerprint too. Of the picture nothing else is sent.
   * @param {Digests} digests
   * @param {Asking} asking
   * @returns {Promise<LookedUp>}
   */
  async lookUp({ sha256, pdq: fingerprint }, asking) {
    if (asking === "prefix") return this.#lookUpByPrefix(sha256);
    const byDigest = await this.#lookUp({ sha256 });
    const pdq = byDigest.matches.length ? null : await fingerprint();
    const sent = pdq ? { sha256, pdq } : { sha256 };
    const lookup = pdq ? await this.#lookUp(sent) : byDigest;
    const report = lookup.matches.length ? await this.reportOn(sent) : null;
    const exact = lookup.matches.some(({ basis }) => basis === "bytes");
    if (report && exact && report.report.axes.registration.value !== "EXACT_MATCH") throw new Refused("refused_contradiction", { what: "bytes" });
    return { lookup, report, prefix: null, listed: null, complete: true, decoded: pdq !== null };
  }

  /** @param {Sent} sent @returns {Promise<Lookup>} */
  async #lookUp(sent) {
    const answer = await askJson(this.address, "/v1/lookups", { body: JSON.stringify({ items: [sent] }) });
    const { lookup, checkpoint } = readLookups(answer, sent.sha256);
    if (!sent.pdq && lookup.matches.some(({ distance }) => distance !== null)) throw new Refused("refused_unseen");
    await this.#cover(lookup, checkpoint);
    return lookup;
  }

  /** @param {string} sha256 @returns {Promise<LookedUp>} */
  async #lookUpByPrefix(sha256) {
    const { limits } = await this.describe();
    const seen = await this.#see(/** @type {Uint8Array} */ (await ask(this.address, "/log/checkpoint")));
    checkPrefix(limits.prefix_digits, seen.size);
    const prefix = sha256.slice(0, limits.prefix_digits);
    const answer = await askJson(this.address, prefix ? `/v1/lookups/${prefix}` : "/v1/lookups");
    const { lookup, listed, complete, checkpoint } = readBucket(answer, prefix, sha256);
    await this.#cover(lookup, checkpoint);
    return { lookup, report: null, prefix, listed, complete, decoded: false };
  }

  /** A report on digests, which are sent. @param {Sent} sent */
  async reportOn(sent) {
    return this.#answer(await askJson(this.address, "/v1/verifications", { body: JSON.stringify(sent) }), sent.sha256, false);
  }

  /** A report on the picture itself, which is sent. @param {Blob} picture @param {string} sha256 of its bytes */
  async compare(picture, sha256) {
    const answer = await askJson(this.address, "/v1/verifications", { body: picture, type: BYTES_TYPE });
    return this.#answer(answer, sha256, true);
  }

  /** @param {unknown} answer @param {string} sha256 @param {boolean} sent @returns {Promise<Answer>} */
  async #answer(answer, sha256, sent) {
    const report = readReport(answer, sha256, sent);
    const [closest] = report.matches;
    const proof = report.axes.proof.value;
    if (!closest) return { report, receipt: null, unchecked: null, thumbnail: null };
    prepare();
    const thumbnail = ask(this.address, closest.asset.links.thumbnail, { optional: true });
    thumbnail.catch(() => undefined); // by whoever asks for it
    if (proof === "BROKEN") return { report, receipt: null, unchecked: null, thumbnail };
    if (proof === "SEQUENCED") return { report, receipt: null, unchecked: new Unanswered("unanswered_busy"), thumbnail }; // not published yet
    try {
      const receipt = await this.#check(closest, closest.basis === "bytes" ? sha256 : null);
      checkWords(report, closest);
      return { report, receipt, unchecked: null, thumbnail };
    } catch (cause) {
      if (!(cause instanceof Unanswered)) throw cause;
      return { report, receipt: null, unchecked: cause, thumbnail };
    }
  }

  /** Checks the receipt of a match, and what is said of its record. @param {Match} match @param {string | null} sha256 of equal bytes */
  async #check({ asset, standing, proof }, sha256) {
    const [data, note] = await Promise.all([this.#receipt(asset.links.receipt), ask(this.address, "/log/checkpoint")]);
    const receipt = await parsedReceipt(data);
    if (receipt.subject.recordId !== asset.id) throw new Refused("refused_other_record");
    if (receipt.logKey.name !== this.origin) throw new Refused("refused_other_log", { before: this.origin, now: receipt.logKey.name });
    await this.#see(/** @type {Uint8Array} */ (note), { receipt });
    const trustedKeys = await this.#log().trustedKeys();
    const found = await verifyReceipt(receipt, { trustedKeys, ...(sha256 ? { mediaSha256: fromHex(sha256) } : {}) });
    const fails = found.steps.find(({ number, outcome }) => outcome === "fails" && number !== 11);
    const failing = fails ?? (found.holds ? undefined : found.steps[10]);
    if (failing) throw new Refused("refused_step", { step: failing.number, name: failing.name, detail: failing.detail });
    const { checkpoint, signed } = receipt.subject.proof;
    const included = this.#log().include(signed.checkpoint, new TextEncoder().encode(checkpoint));
    await included.catch((/** @type {unknown} */ cause) => this.#fail(cause));
    const stated = proof.steps.filter(({ outcome }) => outcome === "fails");
    if (stated.some(({ number }) => number !== 11)) throw new Refused("refused_contradiction", { what: `${proof.value}` });
    checkRecord(asset, standing.value, found);
    return found;
  }

  /** @param {string} path */
  async #receipt(path) {
    const data = await ask(this.address, path, { optional: true });
    if (data === null) throw new Refused("refused_no_receipt");
    return data;
  }

  /**
   * The registered picture of the closest match, to be shown. It is what the record's fingerprint says, where there is a receipt.
   * @param {Answer} answer
   * @returns {Promise<Blob | null>} null where there is none
   */
  async registeredPicture({ thumbnail, receipt }) {
    const data = await thumbnail;
    if (data === null) return null;
    const picture = pictureOf(data);
    if (!picture) throw new Refused("refused_picture");
    const stated = receipt && pdqOf(receipt);
    if (!stated) return picture;
    const shown = await fingerprint(picture).catch((/** @type {unknown} */ cause) => {
      throw cause instanceof CountermarkError ? new Refused("refused_picture", {}, { cause }) : cause;
    });
    if (distance(shown.pdq.hash, stated) > ALIKE) throw new Refused("refused_picture");
    return picture;
  }

  /** Where a picture differs, as an overlay. @param {Match} match @returns {Promise<Blob | null>} */
  async difference({ difference_url: path }) {
    const data = path === null ? null : await ask(this.address, path, { optional: true });
    return data && pictureOf(data);
  }

  /** Checks that a lookup's checkpoint is one of this log's, and covers what it lists. @param {Lookup} lookup @param {string} checkpoint */
  async #cover({ matches }, checkpoint) {
    const { size } = await this.#see(new TextEncoder().encode(checkpoint), { record: matches[0]?.record });
    for (const { index } of matches) if (BigInt(index) >= size) throw new Refused("refused_uncovered", { index, size });
  }

  /**
   * Takes in a checkpoint that the log shows now. One that is signed by another key than the pinned one may still be this
   * log's: then the records of any receipt lead from the one key to the other.
   * @param {Uint8Array} note
   * @param {{ key?: string, receipt?: Receipt, record?: string | undefined }} [known]
   */
  async #see(note, { record, ...known } = {}) {
    const see = (/** @type {object} */ given) => this.#asOne(() => this.#log().see(note, given));
    try {
      return await see(known);
    } catch (cause) {
      if (!(cause instanceof LogAlarm) || cause.kind !== "other key" || known.receipt) return this.#fail(cause);
      const receipt = await this.#anyReceipt(record).catch(() => null);
      return receipt ? see({ ...known, receipt }).catch((/** @type {unknown} */ again) => this.#fail(again)) : this.#fail(cause);
    }
  }

  /** A receipt of this log, which has all records about its keys. @param {string | undefined} record */
  async #anyReceipt(record) {
    if (record) return parsedReceipt(await this.#receipt(`/v1/records/${record}/receipt`));
    const { items } = /** @type {any} */ (await askJson(this.address, "/v1/assets?limit=1"));
    return parsedReceipt(await this.#receipt(`/v1/records/${String(items[0].id)}/receipt`));
  }

  /** @param {unknown} cause @returns {Promise<never>} */
  async #fail(cause) {
    if (cause instanceof LogAlarm) {
      const { origin, remembered, served } = cause.evidence;
      const alarm = { kind: cause.kind, origin, remembered, served, servedBy: this.address, raisedAt: new Date().toISOString() };
      await keepAlarm(alarm).catch(() => undefined); // it is shown all the same, and raised again at the next answer
      throw new Contradiction(alarm);
    }
    if (cause instanceof CountermarkError) throw new Refused("refused_checkpoint", { detail: cause.message }, { cause });
    throw cause;
  }

  #log() {
    return new PinnedLog(this.origin, storeFor(this.address), (path) => ask(this.address, `/log/${path}`, { optional: true }));
  }

  /** One after the other, also in several windows: an older checkpoint must not take the place of a newer one.
   * @template T @param {() => Promise<T>} act @returns {Promise<T>} */
  #asOne(act) {
    return /** @type {Promise<T>} */ (navigator.locks.request(`log:${this.origin}`, act));
  }
}

/** @param {string} vkey */
async function parsedKey(vkey) {
  try {
    return await VerifierKey.parse(vkey);
  } catch (cause) {
    if (cause instanceof CountermarkError) throw new Refused("refused_no_key", { detail: cause.message }, { cause });
    throw cause;
  }
}

/** @param {Uint8Array} data */
async function parsedReceipt(data) {
  try {
    return await Receipt.parse(data);
  } catch (cause) {
    if (cause instanceof CountermarkError) throw new Refused("refused_receipt", { detail: cause.message }, { cause });
    throw cause;
  }
}

const STATED = /** @type {const} */ (["title", "caption", "byline", "credit", "rights", "licence", "digital_source_type"]);

/** Compares what is said of a record with the record. @param {Match["asset"]} asset @param {string} standing @param {ReceiptReport} found */
function checkRecord(asset, standing, { record, signer, index, withdrawn, disputed, supersededBy }) {
  const otherwise = (/** @type {string} */ what) => new Refused("refused_record", { what });
  if (record.type !== "asset.registered") throw otherwise("type");
  if (BigInt(asset.index) !== index) throw otherwise("index");
  for (const name of STATED) if (asset[name] !== (record[name] ?? null)) throw otherwise(name);
  if (Date.parse(asset.claimed_at) !== record.claimed_at * 1000) throw otherwise("claimed_at");
  for (const name of /** @type {const} */ (["sha256", "width", "height"])) if (asset.media[name] !== record.media[name]) throw otherwise(name);
  const { id, name, identity } = asset.publisher;
  if (id !== record.publisher || name !== signer?.name) throw otherwise("publisher");
  if (identity.established !== signer.identity.established || identity.detail !== signer.identity.detail) throw otherwise("identity");
  if (standing === "current" && (withdrawn || disputed || supersededBy !== null)) throw new Refused("refused_standing");
}

/** Led by something else than the closest match. */
const LED_OTHERWISE = ["CREDENTIAL_INVALID", "OLDER_REGISTRATION_DIFFERS", "SIGNED_LISTED", "SIGNED_UNLISTED", "UNSIGNED_MARK", "ORIGIN_CONFLICTING", "NOT_CHECKED", "NOTHING_FOUND"];

/** Checks that the sentences name the publisher whom the receipt proves. @param {Report} report @param {Match} closest */
function checkWords({ headline: { code, wordings } }, { asset }) {
  const name = quote(asset.publisher.name).slice(1, -1);
  for (const { lead, vouched } of wordings) {
    const led = LED_OTHERWISE.includes(code) || lead.includes(name);
    if (!led || !vouched?.includes(name)) throw new Refused("refused_name", { name });
  }
}

/** The 32 bytes of the PDQ that a record states, where it says something. @param {ReceiptReport} receipt */
function pdqOf({ record }) {
  const stated = record.type === "asset.registered" ? /** @type {any} */ (record.fingerprints)["org.countermark.pdq.v1"] : undefined;
  const { value, quality } = stated ?? {};
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value) && quality >= SEARCHABLE ? fromHex(value) : null;
}

/** @type {[string, number[]][]} */
const PICTURES = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/webp", [0x52, 0x49, 0x46, 0x46]],
];

/** A picture by its first bytes; null where it is none that a registry serves. @param {Uint8Array<ArrayBuffer>} data */
function pictureOf(data) {
  const [type] = PICTURES.find(([, start]) => start.every((byte, at) => data[at] === byte)) ?? [];
  return type === undefined || data.length > MAX_THUMBNAIL_BYTES ? null : new Blob([data], { type });
}

/** @param {string} hex */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));

/** Bits that differ. @param {Uint8Array} one @param {Uint8Array} other */
function distance(one, other) {
  let bits = 0;
  for (let at = 0; at < one.length; at += 1) {
    for (let each = /** @type {number} */ (one[at]) ^ /** @type {number} */ (other[at]); each; each &= each - 1) bits += 1;
  }
  return bits;
}
