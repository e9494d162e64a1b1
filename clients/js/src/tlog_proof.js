/** A tlog-proof: an entry's inclusion in a log (C2SP tlog-proof): index, inclusion proof and checkpoint in one text. @module */

import { fromBase64, fromUtf8, parseDecimal, parseHash, toUtf8 } from "./bytes.js";
import { SignedCheckpoint } from "./checkpoint.js";
import { MalformedNote, MalformedProof, ProofInvalid } from "./errors.js";
import { MAX_PROOF_BYTES, MAX_PROOF_EXTRA_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE } from "./limits.js";
import { leafHash, verifyInclusion } from "./merkle.js";

/** @import { Checkpoint } from "./checkpoint.js" */

const HEADER = "c2sp.org/tlog-proof@v1";

/** An inclusion proof with the checkpoint that it leads to. */
export class TlogProof {
  /**
   * @param {bigint} index of the entry
   * @param {Uint8Array[]} hashes
   * @param {string} checkpoint the signed note, verbatim
   * @param {SignedCheckpoint} signed the same, parsed
   * @param {Uint8Array | undefined} extra the application's own bytes, which nothing authenticates
   */
  constructor(index, hashes, checkpoint, signed, extra) {
    this.index = index;
    this.hashes = hashes;
    this.checkpoint = checkpoint;
    this.signed = signed;
    this.extra = extra;
  }

  /** Reads a `.tlog-proof` file; no signature or proof is checked. Throws MalformedProof. @param {Uint8Array} data */
  static parse(data) {
    if (data.length > MAX_PROOF_BYTES) throw new MalformedProof(`a proof of more than ${MAX_PROOF_BYTES} bytes`);
    const text = fromUtf8(data, MalformedProof);
    const blank = text.indexOf("\n\n");
    if (blank < 0) throw new MalformedProof("a proof without a blank line before its checkpoint");
    const lines = text.slice(0, blank).split("\n");
    if (lines.shift() !== HEADER) throw new MalformedProof(`a proof begins with ${HEADER}`);
    const extra = lines[0]?.startsWith("extra ")
      ? fromBase64(/** @type {string} */ (lines.shift()).slice("extra ".length), MalformedProof)
      : undefined;
    if (extra !== undefined && (extra.length < 1 || extra.length > MAX_PROOF_EXTRA_BYTES)) {
      throw new MalformedProof(`extra data has 1 to ${MAX_PROOF_EXTRA_BYTES} bytes`);
    }
    const [line = "", ...hashes] = lines;
    if (!line.startsWith("index ")) throw new MalformedProof("a proof without an index");
    const index = parseDecimal(line.slice("index ".length), MalformedProof, MAX_TREE_SIZE - 1n);
    if (hashes.length > MAX_PROOF_HASHES) throw new MalformedProof(`a proof of more than ${MAX_PROOF_HASHES} hashes`);
    const parsed = hashes.map((hash) => parseHash(hash, MalformedProof));
    const checkpoint = text.slice(blank + 2);
    try {
      return new TlogProof(index, parsed, checkpoint, SignedCheckpoint.parse(toUtf8(checkpoint)), extra);
    } catch (cause) {
      if (!(cause instanceof MalformedNote)) throw cause;
      throw new MalformedProof(`malformed checkpoint: ${cause.message}`, { cause });
    }
  }

  /**
   * Checks the Merkle proof alone, against a checkpoint that is trusted already. Throws ProofInvalid.
   * @param {Uint8Array} entry
   * @param {Checkpoint} checkpoint
   */
  async verifyInclusion(entry, checkpoint) {
    if (this.index >= checkpoint.size) {
      throw new ProofInvalid(`entry ${this.index} is beyond the checkpoint's ${checkpoint.size} entries`);
    }
    await verifyInclusion(await leafHash(entry), this.index, checkpoint.size, this.hashes, checkpoint.root);
  }
}
