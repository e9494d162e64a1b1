// @ts-check
/**
 * What a registry may answer: each answer has its form, fits the question, and does not contradict itself; else it is
 * refused. Whether what it says is proven is for `registry.js`, by its receipt. Members that are not known here are left
 * alone, as a newer registry may have them.
 * @module
 */

import { Refused } from "./faults.js";

/** @typedef {(value: unknown, path: string) => any} Reader */

/** @param {string} path */
const malformed = (path) => new Refused("refused_malformed", { path: path || "JSON" });

const MAX_TEXT = 8_000; // as long as a record's longest field
const MAX_ITEMS = 4_096;
const PDQ_BITS = 31; // beyond which the search of a registry finds nothing (provenance/limits.py)
const MIN_BUCKET = 100; // registrations under one prefix, on average (docs/adr/0043)

/** @type {Reader} */
const text = (value, path) => {
  if (typeof value !== "string" || value.length > MAX_TEXT) throw malformed(path);
  return value;
};
/** @param {RegExp} pattern @returns {Reader} */
const matching = (pattern) => (value, path) => {
  if (!pattern.test(text(value, path))) throw malformed(path);
  return value;
};
/** @param {number} least @param {number} most @returns {Reader} */
const number = (least, most) => (value, path) => {
  if (typeof value !== "number" || !(value >= least && value <= most)) throw malformed(path);
  return value;
};
/** @param {number} [most] @returns {Reader} */
const count = (most = Number.MAX_SAFE_INTEGER) => (value, path) => {
  if (!Number.isSafeInteger(number(0, most)(value, path))) throw malformed(path);
  return value;
};
/** @type {Reader} */
const boolean = (value, path) => {
  if (typeof value !== "boolean") throw malformed(path);
  return value;
};
/** @param {Reader} reader @returns {Reader} */
const orNull = (reader) => (value, path) => (value === null || value === undefined ? null : reader(value, path));
/** @param {Reader} reader @returns {Reader} */
const list = (reader) => (value, path) => {
  if (!Array.isArray(value) || value.length > MAX_ITEMS) throw malformed(path);
  return value.map((each, at) => reader(each, `${path}[${at}]`));
};
/** @param {{ [name: string]: Reader }} members @returns {Reader} */
const object = (members) => (value, path) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(path);
  const had = /** @type {{ [name: string]: unknown }} */ (value);
  const read = Object.entries(members).map(([name, reader]) => [name, reader(had[name], path ? `${path}.${name}` : name)]);
  return Object.fromEntries(read);
};
/** Texts by texts. @type {Reader} */
const texts = (value, path) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(path);
  const entries = Object.entries(value);
  if (entries.length > MAX_ITEMS) throw malformed(path);
  return new Map(entries.map(([name, each]) => [name, text(each, path)]));
};

const digest = matching(/^[0-9a-f]{64}$/);
/** A path on the registry itself: what else it leads to is not asked for. @type {Reader} */
const link = (value, path) => {
  const read = text(value, path);
  if (!/^\/[!-~]*$/.test(read) || /^\/[/\\]|\\/.test(read) || read.split(/[/?#]/).includes("..")) throw new Refused("refused_elsewhere", { path });
  return read;
};
/** @type {Reader} */
const time = (value, path) => {
  if (Number.isNaN(Date.parse(text(value, path)))) throw malformed(path);
  return value;
};

// Discovery ----------------------------------------------------------------------------------------------------------

const description = object({
  version: text,
  operator: text,
  api: text,
  log: text,
  origin: matching(/^[!-*,-~]+$/),
  log_keys: list(text),
  limits: object({ media_bytes: count(), prefix_digits: count(64) }),
});

/**
 * A registry's description of itself, at `address`.
 * @typedef {{ version: string, operator: string, api: string, log: string, origin: string, log_keys: string[], limits: { media_bytes: number, prefix_digits: number } }} Description
 */

/** @param {unknown} answer @param {string} address @returns {Description} */
export function readDescription(answer, address) {
  const versioned = object({ version: text, origin: text })(answer, "");
  let read;
  try {
    read = description(answer, "");
  } catch (cause) {
    throw new Refused("refused_version", { version: versioned.version }, { cause });
  }
  for (const place of [read.api, read.log]) {
    if (place !== address && !place.startsWith(`${address}/`)) throw new Refused("refused_elsewhere", { path: place });
  }
  return read;
}

// Look-ups -----------------------------------------------------------------------------------------------------------

const found = object({
  record: digest,
  index: count(),
  publisher: matching(/^[a-z0-9][a-z0-9-]{0,62}$/),
  basis: matching(/^(bytes|pixels|pdq|phash)$/),
  distance: orNull(count(256)),
  standing: text,
  older: orNull(digest),
});
const lookup = object({ sha256: digest, matches: list(found), more: boolean });

/** @typedef {{ record: string, index: number, publisher: string, basis: string, distance: number | null, standing: string, older: string | null }} Found */
/** @typedef {{ sha256: string, matches: Found[], more: boolean }} Lookup */

/** What one file leads to. @param {unknown} answer @param {string} sha256 that was asked for @returns {{ lookup: Lookup, checkpoint: string }} */
export function readLookups(answer, sha256) {
  const { items, checkpoint } = object({ items: list(lookup), checkpoint: text })(answer, "");
  if (items.length !== 1 || items[0].sha256 !== sha256) throw new Refused("refused_other_file");
  checkMatches(items[0].matches);
  return { lookup: items[0], checkpoint };
}

/**
 * What begins with a prefix, and of that what one file leads to.
 * @param {unknown} answer
 * @param {string} prefix that was asked for
 * @param {string} sha256
 * @returns {{ lookup: Lookup, listed: number, complete: boolean, checkpoint: string }}
 */
export function readBucket(answer, prefix, sha256) {
  const read = object({ prefix: text, items: list(lookup), complete: boolean, checkpoint: text })(answer, "");
  const digests = new Set(read.items.map((/** @type {Lookup} */ each) => each.sha256));
  if (read.prefix !== prefix || digests.size !== read.items.length) throw new Refused("refused_other_file");
  for (const each of read.items) {
    if (!each.sha256.startsWith(prefix)) throw new Refused("refused_other_file");
    checkMatches(each.matches);
    if (each.matches.some((/** @type {Found} */ match) => match.distance !== null)) throw malformed("items.distance");
  }
  const lookedUp = read.items.find((/** @type {Lookup} */ each) => each.sha256 === sha256) ?? { sha256, matches: [], more: false };
  return { lookup: lookedUp, listed: read.items.length, complete: read.complete, checkpoint: read.checkpoint };
}

/** @param {Found[]} matches */
function checkMatches(matches) {
  for (const { basis, distance } of matches) {
    const near = basis === "pdq" || basis === "phash";
    if (near !== (distance !== null) || (distance ?? 0) > PDQ_BITS) throw new Refused("refused_far", { distance: distance ?? 0 });
  }
}

/**
 * Whether a prefix is as short as the size of a log lets it be: a longer one would tell which file is asked for.
 * @param {number} digits
 * @param {bigint} size of the log
 */
export function checkPrefix(digits, size) {
  if (digits && 16n ** BigInt(digits) * BigInt(MIN_BUCKET) > size) throw new Refused("refused_prefix", { digits });
}

// Reports ------------------------------------------------------------------------------------------------------------

const box = object({ left: number(0, 1), top: number(0, 1), right: number(0, 1), bottom: number(0, 1) });
const sized = (/** @type {any} */ value, /** @type {string} */ path) => {
  const read = box(value, path);
  if (read.left >= read.right || read.top >= read.bottom) throw malformed(path);
  return read;
};
const region = object({ kind: text, query: sized, reference: orNull(sized), area: number(0, 1) });
const step = object({ number: count(99), name: text, outcome: matching(/^(holds|fails|not checked)$/), detail: text });
const wording = object({
  language: text,
  title: text,
  warning: orNull(text),
  lead: text,
  remarks: list(text),
  vouched: orNull(text),
  ai: text,
  measured: orNull(text),
  sentences: orNull(texts),
});
const axis = object({ value: text, summary: text });
const standing = object({ value: text, detail: text });
const asset = object({
  id: digest,
  index: count(),
  logged_at: time,
  claimed_at: time,
  publisher: object({ id: text, name: text, identity: object({ established: text, detail: text }) }),
  title: orNull(text),
  caption: orNull(text),
  byline: orNull(text),
  credit: orNull(text),
  rights: orNull(text),
  licence: orNull(text),
  digital_source_type: orNull(text),
  media: object({ sha256: digest, width: count(), height: count() }),
  links: object({ page: link, receipt: link, thumbnail: link }),
});
const match = object({
  asset,
  value: orNull(text),
  basis: matching(/^(bytes|pixels|comparison|fingerprint)$/),
  signed_copy: boolean,
  standing,
  proof: object({ value: text, steps: list(step) }),
  comparison: orNull(object({ regions: list(region) })),
  difference_url: orNull(link),
});
const credential = object({
  state: text,
  signer: orNull(text),
  trust_list: orNull(text),
  signed_at: orNull(time),
  generator: orNull(text),
  problems: list(text),
});
const rate = object({ kind: orNull(text), area: orNull(list(number(0, 1))), interval: list(number(0, 1)) });
const report = object({
  id: text,
  created_at: time,
  kept_until: orNull(time),
  input: object({ sha256: digest, width: orNull(count()), height: orNull(count()) }),
  headline: object({ code: text, text, wordings: list(wording) }),
  axes: object({ registration: axis, credential: axis, declared_origin: axis, proof: axis, assessment: axis }),
  matches: list(match),
  resembles: orNull(object({ older: count(), items: list(object({ id: digest, title: orNull(text), publisher_name: text, logged_at: time })) })),
  older_registration: orNull(digest),
  credential: orNull(credential),
  findings: list(object({ error_rates: list(rate) })),
  searched: orNull(object({ registrations: count() })),
});

/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */
/** @typedef {{ kind: string, query: Box, reference: Box | null, area: number }} Region */
/** @typedef {{ language: string, title: string, warning: string | null, lead: string, remarks: string[], vouched: string | null, ai: string, measured: string | null, sentences: Map<string, string> | null }} Wording */
/** @typedef {{ number: number, name: string, outcome: string, detail: string }} StatedStep */
/**
 * @typedef {object} Asset
 * @property {string} id
 * @property {number} index
 * @property {string} logged_at
 * @property {string} claimed_at
 * @property {{ id: string, name: string, identity: { established: string, detail: string } }} publisher
 * @property {string | null} title
 * @property {string | null} caption
 * @property {string | null} byline
 * @property {string | null} credit
 * @property {string | null} rights
 * @property {string | null} licence
 * @property {string | null} digital_source_type
 * @property {{ sha256: string, width: number, height: number }} media
 * @property {{ page: string, receipt: string, thumbnail: string }} links
 */
/** @typedef {{ value: string, summary: string }} Axis */
/** @typedef {{ asset: Asset, value: string | null, basis: string, signed_copy: boolean, standing: { value: string, detail: string }, proof: { value: string, steps: StatedStep[] }, comparison: { regions: Region[] } | null, difference_url: string | null }} Match */
/**
 * @typedef {object} Report
 * @property {string} id
 * @property {string} created_at
 * @property {string | null} kept_until
 * @property {{ sha256: string, width: number | null, height: number | null }} input
 * @property {{ code: string, text: string, wordings: Wording[] }} headline
 * @property {{ registration: Axis, credential: Axis, declared_origin: Axis, proof: Axis, assessment: Axis }} axes
 * @property {Match[]} matches
 * @property {{ older: number, items: { id: string, title: string | null, publisher_name: string, logged_at: string }[] } | null} resembles
 * @property {string | null} older_registration
 * @property {{ state: string, signer: string | null, trust_list: string | null, signed_at: string | null, generator: string | null, problems: string[] } | null} credential
 * @property {{ error_rates: object[] }[]} findings
 * @property {{ registrations: number } | null} searched
 */

/** The axis and value that a headline rests on. @type {{ [code: string]: [keyof Report["axes"], string] }} */
const RESTS_ON = {
  CREDENTIAL_INVALID: ["credential", "INVALID"],
  ORIGIN_CONFLICTING: ["declared_origin", "CONFLICTING"],
  PROOF_BROKEN: ["proof", "BROKEN"],
  EXACT_MATCH: ["registration", "EXACT_MATCH"],
  MATCH_WITH_DIFFERENCES: ["registration", "MATCH_WITH_DIFFERENCES"],
  MATCH_INSIDE_LARGER: ["registration", "MATCH_INSIDE_LARGER"],
  MATCH_NO_DIFFERENCE_FOUND: ["registration", "MATCH_NO_DIFFERENCE_FOUND"],
  SIGNED_LISTED: ["credential", "TRUSTED"],
  POSSIBLE_MATCH: ["registration", "POSSIBLE_MATCH"],
  SHARES_LAYOUT: ["registration", "SHARES_LAYOUT"],
  SIGNED_UNLISTED: ["credential", "VALID_UNTRUSTED"],
  UNSIGNED_MARK: ["declared_origin", "UNSIGNED_AI_MARK"],
  NOT_CHECKED: ["registration", "NOT_CHECKED"],
  NOTHING_FOUND: ["registration", "NO_MATCH_FOUND"],
};

/** What a headline may be where the closest match's proof does not hold: no match is asserted on it. */
const BEFORE_A_BROKEN_PROOF = ["CREDENTIAL_INVALID", "ORIGIN_CONFLICTING", "PROOF_BROKEN"];

/**
 * A report on a file. `sent`: the file itself was, and not its digests alone.
 * @param {unknown} answer
 * @param {string} sha256
 * @param {boolean} sent
 * @returns {Report}
 */
export function readReport(answer, sha256, sent) {
  /** @type {Report} */
  const read = report(answer, "");
  if (read.input.sha256 !== sha256) throw new Refused("refused_other_file");
  checkHeadline(read);
  if (!sent && (read.credential !== null || read.axes.credential.value !== "NOT_CHECKED" || read.axes.declared_origin.value !== "NOT_CHECKED")) {
    throw new Refused("refused_unseen");
  }
  return read;
}

/** @param {Report} report */
function checkHeadline({ headline: { code }, axes, matches, resembles, older_registration: older }) {
  const contradicts = (/** @type {string} */ what) => new Refused("refused_contradiction", { what });
  if (axes.proof.value === "BROKEN" && !BEFORE_A_BROKEN_PROOF.includes(code)) throw contradicts(`${code}, BROKEN`);
  const [name, value] = RESTS_ON[code] ?? [];
  if (name && axes[name].value !== value) throw contradicts(`${code}, ${axes[name].value}`);
  if (code === "OLDER_REGISTRATION_DIFFERS" && !resembles?.items.length) throw contradicts(code);
  if (older !== null && (code !== "OLDER_REGISTRATION_DIFFERS" || !resembles?.items.some(({ id }) => id === older))) throw contradicts(`${code}, ${older}`);
  const matched = axes.registration.value;
  const closest = matches[0];
  const none = matched === "NO_MATCH_FOUND" || matched === "NOT_CHECKED";
  if (none !== (closest === undefined) && (none || Object.values(RESTS_ON).some(([, known]) => known === matched))) {
    throw contradicts(`${matched}, ${matches.length}`);
  }
  if (!closest) return;
  const { basis, comparison } = closest;
  const inside = (comparison?.regions ?? []).filter(({ kind }) => kind !== "outside").length;
  const shown = `${matched}, ${basis}, ${inside}`;
  if ((matched === "EXACT_MATCH") !== (basis === "bytes")) throw contradicts(shown);
  if ((matched === "MATCH_NO_DIFFERENCE_FOUND" || matched === "MATCH_INSIDE_LARGER") && inside) throw contradicts(shown);
  if (matched.startsWith("MATCH_") && basis === "fingerprint") throw contradicts(shown);
}
