/**
 * Records: what a publisher or operator states, as canonical JSON (RFC 8785); docs/reference/records.md lists their
 * fields. Unknown fields are allowed; an unknown type or version is refused.
 * @module
 */

import { fromBase64Url, sha256 } from "./bytes.js";
import { isObject, parseCanonical } from "./canonical_json.js";
import { MalformedRecord, UnusableKey } from "./errors.js";
import { PublicKey } from "./keys.js";
import {
  DIGITAL_SOURCE_TYPES,
  MAX_FINGERPRINTS,
  MAX_GENESIS_KEYS,
  MAX_IDENTIFIER_CHARACTERS,
  MAX_LINE_CHARACTERS,
  MAX_PARENTS,
  MAX_PUBLISHER_ID_CHARACTERS,
  MAX_RECORD_BYTES,
  MAX_TEXT_CHARACTERS,
  MAX_VERDICT_AXES,
  MAX_VERDICT_METHODS,
  MAX_VERDICT_RECORDS,
  MAX_VERIFIER_KEY_CHARACTERS,
} from "./limits.js";

/** @import { Json } from "./canonical_json.js" */

/**
 * How one kind of value stands in JSON: the value at a path; throws MalformedRecord, naming the path.
 * @template T
 * @typedef {(value: Json, path: string) => T} Reader
 */

/** @param {string} path @param {string} why */
const refusal = (path, why) => new MalformedRecord(`${path}: ${why}`);

/** @type {Reader<string>} */
const string = (value, path) => {
  if (typeof value !== "string") throw refusal(path, "a string expected");
  return value;
};

/** 1 to `limit` code points, no control characters but newline and tab. @param {number} limit @returns {Reader<string>} */
const text = (limit) => (value, path) => {
  const characters = [...string(value, path)];
  if (characters.length < 1 || characters.length > limit) {
    throw refusal(path, `1 to ${limit} characters expected, not ${characters.length}`);
  }
  if (/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(characters.join(""))) throw refusal(path, "a control character");
  return characters.join("");
};

/** @param {RegExp} pattern anchored at both ends @param {number} [limit] @returns {Reader<string>} */
const matching = (pattern, limit = MAX_IDENTIFIER_CHARACTERS) => (value, path) => {
  const read = string(value, path);
  if ([...read].length > limit || !pattern.test(read)) throw refusal(path, `not of the form ${pattern.source}`);
  return read;
};

/**
 * @template {string} T
 * @param {readonly T[]} values
 * @returns {Reader<T>}
 */
const choice = (values) => (value, path) => {
  const found = values.find((each) => each === value);
  if (found === undefined) throw refusal(path, `one of ${values.join(", ")} expected`);
  return found;
};

/** @param {number} least @param {number} [most] @returns {Reader<number>} */
const integer = (least, most = Number.MAX_SAFE_INTEGER) => (value, path) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw refusal(path, "an integer expected");
  if (value < least || value > most) throw refusal(path, `${least} to ${most} expected`);
  return value;
};

/** @param {number} length bytes @returns {Reader<Uint8Array<ArrayBuffer>>} */
const base64url = (length) => (value, path) => {
  const data = decoded(string(value, path), path);
  if (data.length !== length) throw refusal(path, `${length} bytes expected, not ${data.length}`);
  return data;
};

/** @param {string} encoded @param {string} path */
const decoded = (encoded, path) => {
  try {
    return fromBase64Url(encoded, MalformedRecord);
  } catch (cause) {
    throw refusal(path, String(cause));
  }
};

/**
 * @template T
 * @param {Reader<T>} item
 * @param {number} most
 * @returns {Reader<T[]>}
 */
const array = (item, most) => (value, path) => {
  if (!Array.isArray(value) || value.length < 1 || value.length > most) {
    throw refusal(path, `an array of 1 to ${most} items expected`);
  }
  return value.map((each, index) => item(each, `${path}[${index}]`));
};

/** An object of at most `most` names that are identifiers. @param {number} most @param {Reader<unknown>} [member] @returns {Reader<Json>} */
const mapping = (most, member) => (value, path) => {
  if (!isObject(value) || Object.keys(value).length > most) {
    throw refusal(path, `an object of at most ${most} members expected`);
  }
  for (const [name, each] of Object.entries(value)) {
    identifier(name, path);
    member?.(each, `${path}.${name}`);
  }
  return value;
};

/**
 * An object with these members; others are left unread.
 * @template {{ [name: string]: Reader<unknown> }} R
 * @template {{ [name: string]: Reader<unknown> }} O
 * @param {R} required
 * @param {O} optional
 * @returns {Reader<{ [K in keyof R]: ReturnType<R[K]> } & { [K in keyof O]?: ReturnType<O[K]> }>}
 */
const object = (required, optional) => (value, path) => {
  if (!isObject(value)) throw refusal(path || "record", "a JSON object expected");
  /** @type {any} */
  const read = Object.create(null);
  for (const [name, reader] of [...Object.entries(required), ...Object.entries(optional)]) {
    const where = path ? `${path}.${name}` : name;
    if (Object.hasOwn(value, name)) read[name] = reader(value[name] ?? null, where);
    else if (Object.hasOwn(required, name)) throw refusal(where, "missing");
  }
  return read;
};

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

/** Seconds since 1970. @type {Reader<number>} */
const timestamp = (value, path) => {
  const read = string(value, path);
  const milliseconds = TIME.test(read) && !read.startsWith("0000") ? Date.parse(read) : NaN;
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== read.replace("Z", ".000Z")) {
    throw refusal(path, "a time as YYYY-MM-DDTHH:MM:SSZ expected");
  }
  return milliseconds / 1000;
};

/** @type {Reader<boolean>} */
const boolean = (value, path) => {
  if (typeof value !== "boolean") throw refusal(path, "true or false expected");
  return value;
};

/** @type {Reader<PublicKey>} */
const key = (value, path) => {
  if (!isObject(value)) throw refusal(path, "a JWK object expected");
  try {
    return PublicKey.fromJwk(value);
  } catch (cause) {
    if (cause instanceof UnusableKey) throw refusal(path, cause.message);
    throw cause;
  }
};

const line = text(MAX_LINE_CHARACTERS);
const long = text(MAX_TEXT_CHARACTERS);
const identifier = matching(/^[!-~]+$/);
const digest = matching(/^[0-9a-f]{64}$/, 64);
const publisherId = matching(/^[a-z0-9][a-z0-9-]*$/, MAX_PUBLISHER_ID_CHARACTERS);
const mediaType = matching(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/);
const signature = base64url(64);
const verifierKeys = array(
  matching(/^[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/, MAX_VERIFIER_KEY_CHARACTERS),
  MAX_GENESIS_KEYS,
);

/** @type {Reader<string>} */
const origin = (value, path) => {
  const read = identifier(value, path);
  if (read.includes("+")) throw refusal(path, "a log's origin holds no '+'");
  return read;
};

/** @type {Reader<string>} */
const sourceType = (value, path) => {
  if (!DIGITAL_SOURCE_TYPES.includes(string(value, path))) {
    throw refusal(path, "the full IRI of an IPTC digital source type expected");
  }
  return string(value, path);
};

const changeSignatures = array(matching(/^(?:[A-Za-z0-9_-]{86}|[A-Za-z0-9_-]{3227})$/, 3227), 2 * MAX_GENESIS_KEYS);

/** @type {Reader<Uint8Array<ArrayBuffer>[]>} */
const logKeySignatures = (value, path) => changeSignatures(value, path).map((each) => decoded(each, path));

const media = object(
  { sha256: digest, size: integer(1), media_type: mediaType, width: integer(1), height: integer(1), pixels_sha256: digest },
  { shown_sha256: digest, shown_method: identifier },
);
const sketch = object({ sha256: digest, version: identifier }, {});
const credential = object(
  { manifest_id: identifier, claim_sha256: digest, embedded: boolean },
  { signed: media, private_sha256: digest },
);
const parent = object({ record: digest, relation: line }, {});
const identity = object(
  { established: choice(["operator-attested", "domain-verified", "x509"]), detail: long },
  {},
);
const handover = object({ key, signature }, {});
const stated = { salt: base64url(32), claimed_at: timestamp };

/** What a registration may have from the file's own metadata, in this order. */
const FILE_FIELDS = /** @type {const} */ (["title", "caption", "byline", "credit", "rights", "captured_at"]);

const TYPES = {
  "log.genesis": object(
    { ...stated, origin, operator: line, log_keys: verifierKeys, operator_keys: array(key, MAX_GENESIS_KEYS) },
    {},
  ),
  "log.key": object({ ...stated, log_keys: verifierKeys, signatures: logKeySignatures }, { reason: long }),
  "log.frozen": object({ ...stated, reason: long }, {}),
  "publisher.key": object(
    { ...stated, publisher: publisherId, name: line, identity, action: choice(["enrol", "rotate", "revoke"]), key },
    { possession: signature, reason: long, handover, invalid_since: timestamp },
  ),
  "asset.registered": object(
    { ...stated, publisher: publisherId, media, fingerprints: mapping(MAX_FINGERPRINTS), sketch },
    {
      title: line,
      caption: long,
      byline: line,
      credit: line,
      rights: line,
      licence: line,
      digital_source_type: sourceType,
      credential,
      captured_at: timestamp,
      from_file: array(choice(FILE_FIELDS), FILE_FIELDS.length),
      parents: array(parent, MAX_PARENTS),
      rendition_of: digest,
      visibility: choice(["sealed"]),
    },
  ),
  "asset.withdrawn": object({ ...stated, publisher: publisherId, record: digest, reason: long }, {}),
  "asset.disputed": object(
    { ...stated, publisher: publisherId, record: digest, reason: long },
    { counterclaim: digest },
  ),
  "dispute.answered": object(
    {
      ...stated,
      publisher: publisherId,
      dispute: digest,
      outcome: choice(["accepted", "rejected", "retracted"]),
      reason: long,
    },
    {},
  ),
  "asset.revealed": object({ ...stated, publisher: publisherId, record: digest }, {}),
  "verdict.recorded": object(
    {
      ...stated,
      publisher: publisherId,
      report_sha256: digest,
      media_sha256: digest,
      headline: identifier,
      axes: mapping(MAX_VERDICT_AXES, identifier),
    },
    { methods: array(identifier, MAX_VERDICT_METHODS), records: array(digest, MAX_VERDICT_RECORDS) },
  ),
  "record.erased": object({ ...stated, record: digest, reason: long }, {}),
};

/**
 * A record by its `type`: fields as docs/reference/records.md names them; digests as hexadecimal digits, times as
 * seconds since 1970, keys as `PublicKey`, salts and signatures as bytes.
 * @typedef {{ [K in keyof typeof TYPES]: { type: K } & ReturnType<(typeof TYPES)[K]> }[keyof typeof TYPES]} Record
 */

/** @typedef {Extract<Record, { type: "log.genesis" }>} LogGenesis */
/** @typedef {Extract<Record, { type: "log.key" }>} LogKey */
/** @typedef {Extract<Record, { type: "publisher.key" }>} PublisherKey */
/** @typedef {Extract<Record, { type: "asset.registered" }>} AssetRegistered */

const typeOf = choice(/** @type {(keyof typeof TYPES)[]} */ (Object.keys(TYPES)));
const version = integer(1, 1);

/** The record that has exactly these canonical bytes. Throws MalformedRecord. @param {Uint8Array} data @returns {Record} */
export function parseRecord(data) {
  const members = parseCanonical(data, MAX_RECORD_BYTES);
  for (const name of ["type", "version"]) if (!Object.hasOwn(members, name)) throw refusal(name, "missing");
  const type = typeOf(members.type ?? null, "type");
  version(members.version ?? null, "version");
  const record = /** @type {Record} */ ({ ...TYPES[type](members, ""), type });
  if (record.type === "publisher.key") checkAction(record);
  if (record.type === "asset.registered") checkFromFile(record);
  return record;
}

/** 32 bytes: SHA-256 of a record's canonical bytes. @param {Uint8Array} canonical */
export const recordId = (canonical) => sha256(canonical);

/** The id of the publisher who must have signed a record; null for an operator of the log. @param {Record} record */
export function publisherOf(record) {
  switch (record.type) {
    case "log.genesis":
    case "log.key":
    case "log.frozen":
    case "publisher.key":
    case "record.erased":
      return null;
    default:
      return record.publisher;
  }
}

/** @param {AssetRegistered} record */
function checkFromFile(record) {
  const named = record.from_file ?? [];
  if (named.join() !== FILE_FIELDS.filter((name) => named.includes(name)).join()) {
    throw refusal("from_file", `each at most once, in the order ${FILE_FIELDS.join(", ")}`);
  }
  for (const name of named) if (record[name] === undefined) throw refusal("from_file", `the record states no ${name}`);
}

/** @param {PublisherKey} record */
function checkAction({ action, reason, possession, handover, invalid_since }) {
  if (action === "revoke" && reason === undefined) throw refusal("reason", "missing, and a revocation needs one");
  if (action === "revoke" && possession !== undefined) throw refusal("possession", "a revocation has none");
  if (action !== "rotate" && handover !== undefined) throw refusal("handover", "only a rotation has one");
  if (action !== "revoke" && invalid_since !== undefined) throw refusal("invalid_since", "only a revocation has one");
}

