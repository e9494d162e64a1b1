/** A checkpoint: a log's promise that its tree of this size has this root (C2SP tlog-checkpoint). @module */

import { equal, parseDecimal, parseHash } from "./bytes.js";
import { MalformedNote, UntrustedNote } from "./errors.js";
import { MAX_TREE_SIZE } from "./limits.js";
import { EMPTY_ROOT } from "./merkle.js";
import { ED25519, parseNote, verifyNote } from "./note.js";

/** @import { Note, VerifierKey } from "./note.js" */

/**
 * A tree head: the log's name, the number of entries, 32 bytes of root, and lines that another log added.
 * @typedef {{ origin: string, size: bigint, root: Uint8Array, extension: string[] }} Checkpoint
 */

/** A witness whose cosignature verified, and when it says to have seen the tree, in seconds since 1970.
 * @typedef {{ key: VerifierKey, time: bigint }} Cosigner
 */

/** Reads a checkpoint's text. Throws MalformedNote. @param {string} text @returns {Checkpoint} */
export function parseCheckpointText(text) {
  const lines = text.split("\n");
  if (lines.length < 4 || lines.pop() !== "") {
    throw new MalformedNote("a checkpoint has three lines or more, each ended by a newline");
  }
  const [origin = "", size = "", root = "", ...extension] = lines;
  if (!origin || extension.includes("")) throw new MalformedNote("the lines of a checkpoint are not empty");
  const checkpoint = {
    origin,
    size: parseDecimal(size, MalformedNote, MAX_TREE_SIZE),
    root: parseHash(root, MalformedNote),
    extension,
  };
  if (checkpoint.size === 0n && !equal(checkpoint.root, EMPTY_ROOT)) {
    throw new MalformedNote("the empty tree has another root");
  }
  return checkpoint;
}

/** A checkpoint in its note, of which no signature is checked yet. */
export class SignedCheckpoint {
  /** @param {Note} note @param {Checkpoint} checkpoint */
  constructor(note, checkpoint) {
    this.note = note;
    this.checkpoint = checkpoint;
  }

  /** Reads a note whose text is a checkpoint. Throws MalformedNote. @param {Uint8Array} data */
  static parse(data) {
    const note = parseNote(data);
    return new SignedCheckpoint(note, parseCheckpointText(note.text));
  }

  /**
   * Checks that the log `origin` signed, and which of the known witnesses cosigned.
   * @param {readonly VerifierKey[]} keys of the log (Ed25519, named as its origin) and of witnesses
   * @param {string} origin
   * @returns {Promise<Cosigner[]>} in the order of their lines; how many are enough is for the caller to say
   * @throws UntrustedNote: another origin, no signature by the log, or one that fails
   */
  async verify(keys, origin) {
    if (this.checkpoint.origin !== origin) throw new UntrustedNote("the checkpoint is of another log");
    const verified = await verifyNote(this.note, keys);
    const cosigners = verified.filter(({ key }) => key.name !== origin || key.type !== ED25519);
    if (cosigners.length === verified.length) throw new UntrustedNote("no signature by the log itself");
    return cosigners.filter(({ key }) => key.type !== ED25519);
  }
}

/** @param {Checkpoint} one @param {Checkpoint} other */
export function sameCheckpoint(one, other) {
  const lines = (/** @type {Checkpoint} */ each) => [each.origin, each.size, ...each.extension].join("\n");
  return lines(one) === lines(other) && equal(one.root, other.root);
}
