import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { fromHex, toHex } from "../src/bytes.js";
import { parseCheckpointText } from "../src/checkpoint.js";
import {
  CountermarkError,
  MalformedNote,
  MalformedProof,
  ProofInvalid,
  SignedCheckpoint,
  TlogProof,
  UntrustedNote,
  VerifierKey,
  leafHash,
  parseNote,
  verifyConsistency,
  verifyInclusion,
  verifyNote,
} from "../src/index.js";
import { consistencyProof, inclusionProof } from "../src/log.js";
import { rootOf } from "../src/merkle.js";
import { bytes, vectors } from "./vectors.js";

/** @param {Promise<unknown>} promise @returns {Promise<string>} */
const outcomeOf = (promise) =>
  promise.then(
    () => "holds",
    (error) => {
      if (error instanceof CountermarkError) return error.name;
      throw error;
    },
  );

describe("inclusion proofs", () => {
  for (const each of vectors("transparency/inclusion.json").cases) {
    test(each.name, async () => {
      const proof = each.proof.map(fromHex);
      const checked = verifyInclusion(fromHex(each.leaf_hash), BigInt(each.index), BigInt(each.size), proof, fromHex(each.root));
      assert.equal(await outcomeOf(checked), each.holds ? "holds" : ProofInvalid.name);
    });
  }
});

describe("consistency proofs", () => {
  for (const each of vectors("transparency/consistency.json").cases) {
    test(each.name, async () => {
      const [older, newer] = [fromHex(each.old_root), fromHex(each.new_root)];
      const proof = each.proof.map(fromHex);
      const checked = verifyConsistency(BigInt(each.old_size), older, BigInt(each.new_size), newer, proof);
      assert.equal(await outcomeOf(checked), each.holds ? "holds" : ProofInvalid.name);
    });
  }
});

test("proofs that are made of a tree's nodes hold, at every size up to 40", async () => {
  const leaves = await Promise.all(Array.from({ length: 40 }, (_, index) => leafHash(Uint8Array.of(index))));
  /** @type {(level: number, index: bigint) => Promise<Uint8Array>} */
  const read = async (level, index) => {
    if (level === 0) return /** @type {Uint8Array} */ (leaves[Number(index)]);
    const first = index << BigInt(level);
    return rootOf(1n << BigInt(level), (below, at) => read(below, (first >> BigInt(below)) + at));
  };
  const flat = async (/** @type {number} */ level, /** @type {bigint} */ index) => {
    let row = leaves.slice(Number(index << BigInt(level)), Number((index + 1n) << BigInt(level)));
    const { nodeHash } = await import("../src/merkle.js");
    while (row.length > 1) {
      const pairs = [];
      for (let at = 0; at < row.length; at += 2) {
        pairs.push(nodeHash(/** @type {Uint8Array} */ (row[at]), /** @type {Uint8Array} */ (row[at + 1])));
      }
      row = await Promise.all(pairs);
    }
    return /** @type {Uint8Array} */ (row[0]);
  };
  for (let size = 1n; size <= 40n; size += 3n) {
    const root = await rootOf(size, flat);
    for (let index = 0n; index < size; index += 1n) {
      const leaf = /** @type {Uint8Array} */ (leaves[Number(index)]);
      await verifyInclusion(leaf, index, size, await inclusionProof(index, size, flat), root);
      const proof = await consistencyProof(index, size, flat);
      await verifyConsistency(index, await rootOf(index, flat), size, root, proof);
    }
  }
});

describe("checkpoints", () => {
  for (const each of vectors("transparency/checkpoints.json").cases) {
    test(each.name, () => {
      if (each.outcome !== "parsed") {
        assert.throws(() => parseCheckpointText(each.text), MalformedNote);
        return;
      }
      const { origin, size, root, extension } = parseCheckpointText(each.text);
      assert.deepEqual(
        { origin, size: `${size}`, root: toHex(root), extension },
        { origin: each.origin, size: each.size, root: each.root, extension: each.extension },
      );
    });
  }
});

const { keys: NOTE_KEYS, cases: NOTES } = vectors("transparency/notes.json");

describe("signed notes", () => {
  for (const each of NOTES) {
    test(each.name, async () => {
      const keys = await Promise.all(NOTE_KEYS.map((/** @type {string} */ vkey) => VerifierKey.parse(vkey)));
      const check = async () => (await verifyNote(parseNote(bytes(each.note)), keys)).map(({ key }) => key.name);
      if (each.outcome === "verified") assert.deepEqual(await check(), each.signed_by);
      else await assert.rejects(check(), each.outcome === "malformed" ? MalformedNote : UntrustedNote);
    });
  }
});

const PROOFS = vectors("transparency/tlog_proofs.json");

describe("tlog proofs", () => {
  for (const each of PROOFS.cases) {
    test(each.name, async () => {
      const keys = await Promise.all(PROOFS.keys.map((/** @type {string} */ vkey) => VerifierKey.parse(vkey)));
      const check = async () => {
        const proof = TlogProof.parse(bytes(each.proof));
        await proof.signed.verify(keys, PROOFS.origin);
        await proof.verifyInclusion(bytes(each.entry), proof.signed.checkpoint);
      };
      /** @type {{ [outcome: string]: string }} */
      const names = { holds: "holds", malformed: MalformedProof.name, untrusted: UntrustedNote.name };
      const found = await outcomeOf(check());
      assert.equal(found, names[each.outcome] ?? ProofInvalid.name);
    });
  }
});

test("a checkpoint is that of the log that is expected", async () => {
  const { keys, origin, cases } = PROOFS;
  const key = await VerifierKey.parse(keys[0]);
  const { signed } = TlogProof.parse(bytes(cases[0].proof));
  assert.ok(signed instanceof SignedCheckpoint);
  await signed.verify([key], origin);
  await assert.rejects(signed.verify([key], "another.example/log"), UntrustedNote);
});
