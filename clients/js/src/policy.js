/**
 * A trust policy: which logs are known, and how many of which witnesses have to cosign their checkpoints (C2SP
 * tlog-policy). ML-DSA-44 keys are read; a witness that has no other cannot be checked here, and counts as missing.
 * @module
 */

import { fromUtf8, parseDecimal, toHex } from "./bytes.js";
import { MalformedNote, MalformedPolicy } from "./errors.js";
import { MAX_POLICY_BYTES, MAX_POLICY_NAMES } from "./limits.js";
import { COSIGNATURE_V1, ED25519, ML_DSA_44, VerifierKey } from "./note.js";

/** @import { Cosigner } from "./checkpoint.js" */

/** @typedef {{ name: string, key: VerifierKey, url?: string }} Witness */
/** Has witnessed a checkpoint when at least `threshold` of its members have.
 * @typedef {{ name: string, threshold: number, members: Member[] }} Group
 */
/** @typedef {Witness | Group} Member */

export class Policy {
  /** @type {{ key: VerifierKey, url?: string }[]} empty where the log is known from elsewhere */
  logs = [];
  /** @type {Witness[]} all that are defined, also those outside the quorum */
  witnesses = [];
  /** @type {Member | null} who has to have cosigned; null requires no cosignature */
  quorum = null;

  /** Reads a policy file. Throws MalformedPolicy, naming the line. @param {Uint8Array} data */
  static async parse(data) {
    if (data.length > MAX_POLICY_BYTES) throw new MalformedPolicy(`a policy of more than ${MAX_POLICY_BYTES} bytes`);
    const text = fromUtf8(data, MalformedPolicy);
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) throw new MalformedPolicy("a policy holds no control character but tab and newline");
    if (!text.endsWith("\n")) throw new MalformedPolicy("a policy's last line ends in a newline");
    const draft = new Draft();
    for (const [at, line] of text.split("\n").entries()) {
      const words = line.split(/[ \t]+/).filter(Boolean);
      if (!words.length || words[0]?.startsWith("#")) continue;
      try {
        await draft.read(words);
      } catch (cause) {
        if (!(cause instanceof MalformedPolicy || cause instanceof MalformedNote)) throw cause;
        throw new MalformedPolicy(`line ${at + 1}: ${cause.message}`, { cause });
      }
    }
    if (!draft.hasQuorum) throw new MalformedPolicy("a policy without a quorum line");
    return draft.policy;
  }

  /** What `SignedCheckpoint.verify` and `verifyReceipt` take for the log `origin`. @param {string} origin */
  keysFor(origin) {
    const logs = this.logs.map(({ key }) => key).filter((key) => key.name === origin);
    return [...logs, ...this.witnesses.map(({ key }) => key).filter((key) => key.name !== origin)];
  }

  /**
   * The witnesses any of which would bring an unsatisfied quorum nearer; none where the quorum is there.
   * @param {readonly Cosigner[]} cosigners
   * @returns {Witness[]}
   */
  missing(cosigners) {
    const keys = new Set(cosigners.map(({ key }) => `${key}`));
    /** @param {Member} member @returns {boolean} */
    const witnessed = (member) =>
      "key" in member ? keys.has(`${member.key}`) : member.members.filter(witnessed).length >= member.threshold;
    /** @param {Member} member @returns {Witness[]} */
    const lacking = (member) =>
      witnessed(member) ? [] : "key" in member ? [member] : member.members.flatMap(lacking);
    return this.quorum ? lacking(this.quorum) : [];
  }
}

/** What the lines so far have defined. */
class Draft {
  policy = new Policy();
  hasQuorum = false;
  groups = 0;
  /** @type {Map<string, Member>} */
  names = new Map();
  /** @type {Set<string>} */
  members = new Set();

  /** @param {string[]} words */
  async read([keyword, ...words]) {
    const [first = "", second = "", ...rest] = words;
    if (keyword === "log" && (words.length === 1 || words.length === 2)) return this.readLog(first, words[1]);
    if (keyword === "witness" && (words.length === 2 || words.length === 3)) return this.readWitness(first, second, rest[0]);
    if (keyword === "group" && words.length >= 2) return this.readGroup(first, second, rest);
    if (keyword === "quorum" && words.length === 1) return this.readQuorum(first);
    throw new MalformedPolicy("not a log, witness, group or quorum line");
  }

  /** @param {string} vkey @param {string} [url] */
  async readLog(vkey, url) {
    const key = await VerifierKey.parse(vkey);
    if (key.type !== ED25519 && key.type !== ML_DSA_44) {
      throw new MalformedPolicy("a log's key is of type Ed25519 or ML-DSA-44");
    }
    add(this.policy.logs, { key, url }, "two logs with the same public key");
  }

  /** @param {string} name @param {string} vkey @param {string} [url] */
  async readWitness(name, vkey, url) {
    const key = await VerifierKey.parse(vkey);
    if (key.type !== COSIGNATURE_V1 && key.type !== ML_DSA_44) {
      throw new MalformedPolicy("a witness's key is of type cosignature/v1 or ML-DSA-44");
    }
    const witness = { name, key, url };
    add(this.policy.witnesses, witness, "two witnesses with the same public key");
    this.define(name, witness);
  }

  /** @param {string} name @param {string} threshold @param {string[]} members */
  readGroup(name, threshold, members) {
    if (!members.length) throw new MalformedPolicy("a group without members");
    const found = members.map((member) => {
      const defined = this.names.get(member);
      if (!defined) throw new MalformedPolicy(`${member} is not defined above`);
      if (this.members.has(member)) throw new MalformedPolicy(`${member} is a member of a group already`);
      this.members.add(member);
      return defined;
    });
    const every = found.length;
    const counts = new Map([["all", every], ["any", 1]]);
    const count = counts.get(threshold) ?? Number(parseDecimal(threshold, MalformedPolicy, BigInt(every)));
    if (count < 1) throw new MalformedPolicy("a group needs one of its members at least");
    this.define(name, { name, threshold: count, members: found });
    this.groups += 1;
    if (this.groups > MAX_POLICY_NAMES) throw new MalformedPolicy(`more than ${MAX_POLICY_NAMES} groups`);
  }

  /** @param {string} name */
  readQuorum(name) {
    if (this.hasQuorum) throw new MalformedPolicy("a second quorum line");
    if (name !== "none" && !this.names.has(name)) throw new MalformedPolicy(`${name} is not defined above`);
    this.hasQuorum = true;
    this.policy.quorum = this.names.get(name) ?? null;
  }

  /** @param {string} name @param {Member} member */
  define(name, member) {
    if (name === "none" || this.names.has(name)) throw new MalformedPolicy(`the name ${name} is taken`);
    this.names.set(name, member);
  }
}

/**
 * @template {{ key: VerifierKey }} T
 * @param {T[]} defined
 * @param {T} value
 * @param {string} twice
 */
function add(defined, value, twice) {
  if (defined.some(({ key }) => toHex(key.data) === toHex(value.key.data))) throw new MalformedPolicy(twice);
  defined.push(value);
  if (defined.length > MAX_POLICY_NAMES) throw new MalformedPolicy(`more than ${MAX_POLICY_NAMES} of a kind`);
}
