/**
 * A log as a reader remembers it: its keys, pinned on first use or given, and the newest checkpoint that was seen. The
 * next one must be consistent with it. A fork, a log that shrank and another key are alarms, which keep what was seen.
 * @module
 */

import { equal, toBase64, toUtf8 } from "./bytes.js";
import { SignedCheckpoint } from "./checkpoint.js";
import { CountermarkError, ProofInvalid, UntrustedNote } from "./errors.js";
import { LogKeys } from "./log_keys.js";
import { consistencyProof, verifyConsistency } from "./merkle.js";
import { VerifierKey } from "./note.js";
import { followLogKeys } from "./procedure.js";
import { tileReader } from "./tiles.js";

/** @import { Checkpoint } from "./checkpoint.js" */
/** @import { Policy } from "./policy.js" */
/** @import { Receipt } from "./receipt.js" */
/** @import { Fetch } from "./tiles.js" */

/**
 * What is kept of one log: verifier keys as text, whether the reader gave them, and the newest checkpoint's signed note.
 * @typedef {{ keys: string[], given: boolean, note: string | null }} Remembered
 */

/**
 * Where it is kept, by origin: see `IndexedDbStore`.
 * @typedef {object} Store
 * @property {(origin: string) => Promise<Remembered | undefined>} get
 * @property {(origin: string, value: Remembered) => Promise<void>} set
 */

/** @typedef {"fork" | "shrank" | "other key"} AlarmKind */

/** What the log shows contradicts what it showed before. `evidence` holds both, to be kept and shown to others. */
export class LogAlarm extends CountermarkError {
  /**
   * @param {AlarmKind} kind
   * @param {string} message
   * @param {{ origin: string, remembered: Remembered, served: string }} evidence `served`: the signed note
   */
  constructor(kind, message, evidence) {
    super(message);
    this.kind = kind;
    this.evidence = evidence;
  }
}

export class PinnedLog {
  /**
   * @param {string} origin the log's name
   * @param {Store} store
   * @param {Fetch} fetch gives the log's tiles by their paths ("tile/0/000")
   */
  constructor(origin, store, fetch) {
    this.origin = origin;
    this.store = store;
    this.fetch = fetch;
  }

  /** Pins keys that the reader has from elsewhere, in place of any. @param {readonly VerifierKey[]} keys */
  async pin(keys) {
    const before = await this.store.get(this.origin);
    await this.store.set(this.origin, { keys: keys.map(String), given: true, note: before?.note ?? null });
  }

  /** The keys to check receipts with; empty before the first use. */
  async trustedKeys() {
    const remembered = await this.store.get(this.origin);
    return Promise.all((remembered?.keys ?? []).map((vkey) => VerifierKey.parse(vkey)));
  }

  /**
   * Takes in a checkpoint that the log shows now.
   * @param {Uint8Array} note
   * @param {object} [known]
   * @param {string} [known.key] what the log's service says that its key is: pinned if nothing is pinned yet
   * @param {Receipt} [known.receipt] any receipt of the log, whose `log.key` records lead from a pinned key to newer ones
   * @param {Policy} [known.policy] whose witnesses have to have cosigned; its keys of the log are pinned if none are yet
   * @returns {Promise<Checkpoint>}
   * @throws LogAlarm: it contradicts what was seen before
   * @throws UntrustedNote: of another log, not signed, or cosigned by too few
   * @throws MalformedTile: the log does not show what the comparison needs
   */
  async see(note, { key, receipt, policy } = {}) {
    const signed = SignedCheckpoint.parse(note);
    const served = new TextDecoder().decode(note);
    const stated = policy?.logs.filter((log) => log.key.name === this.origin).map((log) => `${log.key}`) ?? [];
    const remembered = (await this.store.get(this.origin)) ?? {
      keys: stated.length || key === undefined ? stated : [`${await VerifierKey.parse(key)}`],
      given: stated.length > 0,
      note: null,
    };
    const keys = await this.#keysFor(signed, remembered, served, receipt);
    if (policy) await this.#checkQuorum(signed, keys, policy);
    const { checkpoint } = signed;
    if (remembered.note !== null) await this.#compare(checkpoint, remembered, served);
    await this.store.set(this.origin, { ...remembered, keys: keys.map(String), note: served });
    return checkpoint;
  }

  /**
   * Checks that the tree of a receipt is one that the newest checkpoint begins with.
   * @param {Checkpoint} checkpoint not larger than the newest that was seen
   * @param {Uint8Array} note the signed note that it is in, for the evidence
   * @throws LogAlarm: the log has shown two histories
   */
  async include(checkpoint, note) {
    const remembered = await this.store.get(this.origin);
    if (!remembered?.note) throw new UntrustedNote(`no checkpoint of ${this.origin} was seen yet`);
    const newest = SignedCheckpoint.parse(toUtf8(remembered.note)).checkpoint;
    const served = new TextDecoder().decode(note);
    if (newest.size < checkpoint.size) throw new UntrustedNote("the tree is larger than the newest that was seen");
    await this.#compare(newest, { ...remembered, note: served }, remembered.note);
  }

  /**
   * The pinned keys, or those that they lead to, of which one has signed.
   * @param {SignedCheckpoint} signed
   * @param {Remembered} remembered
   * @param {string} served
   * @param {Receipt | undefined} receipt
   */
  async #keysFor(signed, remembered, served, receipt) {
    const pinned = await Promise.all(remembered.keys.map((vkey) => VerifierKey.parse(vkey)));
    if (signed.checkpoint.origin !== this.origin) throw new UntrustedNote("the checkpoint is of another log");
    try {
      await signed.verify(pinned, this.origin);
      return pinned;
    } catch (cause) {
      if (!(cause instanceof UntrustedNote)) throw cause;
      const followed = receipt && (await followLogKeys(receipt, pinned).catch(refused));
      const successors = followed instanceof LogKeys ? followed.at(signed.checkpoint.size) : [];
      if (successors.length && (await signed.verify(successors, this.origin).catch(refused))) return successors;
      if ((await this.store.get(this.origin)) === undefined) throw cause; // nothing is contradicted
      const signers = signed.note.signatures.filter(({ name }) => name === this.origin).map(({ keyId }) => keyId);
      const before = pinned.map(({ keyId }) => keyId).join(", ");
      throw new LogAlarm(
        "other key",
        `${this.origin} was known by key ${before}, and shows a checkpoint signed by ${signers.join(", ") || "none"}`,
        { origin: this.origin, remembered, served },
      );
    }
  }

  /** @param {SignedCheckpoint} signed @param {VerifierKey[]} keys @param {Policy} policy */
  async #checkQuorum(signed, keys, policy) {
    const witnesses = policy.keysFor(this.origin).filter((key) => key.name !== this.origin);
    const missing = policy.missing(await signed.verify([...keys, ...witnesses], this.origin));
    if (!missing.length) return;
    throw new UntrustedNote(`too few have cosigned; it lacks ${missing.map(({ name }) => name).join(", ")}`);
  }

  /** @param {Checkpoint} checkpoint @param {Remembered} remembered @param {string} served */
  async #compare(checkpoint, remembered, served) {
    const before = SignedCheckpoint.parse(toUtf8(remembered.note ?? "")).checkpoint;
    /** @param {AlarmKind} kind @param {string} message */
    const alarm = (kind, message) => new LogAlarm(kind, message, { origin: this.origin, remembered, served });
    if (checkpoint.size < before.size) {
      throw alarm("shrank", `${this.origin} had ${before.size} entries, and now shows ${checkpoint.size}`);
    }
    if (checkpoint.size === before.size) {
      if (equal(checkpoint.root, before.root)) return;
      const roots = `${toBase64(before.root)} and ${toBase64(checkpoint.root)}`;
      throw alarm("fork", `${this.origin} has signed two trees of ${before.size} entries, with the roots ${roots}`);
    }
    const proof = await consistencyProof(before.size, checkpoint.size, tileReader(this.fetch, checkpoint.size));
    try {
      await verifyConsistency(before.size, before.root, checkpoint.size, checkpoint.root, proof);
    } catch (cause) {
      if (!(cause instanceof ProofInvalid)) throw cause;
      const fork = `the tree of ${checkpoint.size} entries that ${this.origin} shows does not begin with that of ${before.size}`;
      throw alarm("fork", fork);
    }
  }
}

/** @param {unknown} error */
function refused(error) {
  if (!(error instanceof CountermarkError)) throw error;
  return undefined;
}

/** Keeps what is remembered in the browser's IndexedDB, for the page's or extension's own origin. */
export class IndexedDbStore {
  /** @param {string} [name] of the database */
  constructor(name = "countermark-logs") {
    this.name = name;
  }

  /** @param {string} origin @returns {Promise<Remembered | undefined>} */
  get(origin) {
    return this.#run("readonly", (logs) => logs.get(origin));
  }

  /** @param {string} origin @param {Remembered} value */
  async set(origin, value) {
    await this.#run("readwrite", (logs) => logs.put(value, origin));
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(logs: IDBObjectStore) => IDBRequest<T>} ask
   * @returns {Promise<T>}
   */
  async #run(mode, ask) {
    const opening = indexedDB.open(this.name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("logs");
    const database = await settled(opening);
    try {
      const transaction = database.transaction("logs", mode, { durability: "strict" });
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
      const result = await settled(ask(transaction.objectStore("logs")));
      await done;
      return result;
    } finally {
      database.close();
    }
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

