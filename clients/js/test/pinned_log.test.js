import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { toUtf8 } from "../src/bytes.js";
import { MalformedTile, Receipt, UntrustedNote, VerifierKey } from "../src/index.js";
import { LogAlarm, PinnedLog, Policy } from "../src/log.js";
import { receiptOf, vectors } from "./vectors.js";

const FOLDER = new URL("../../../tests/vectors/tessera-log/", import.meta.url);
const KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const ORIGIN = "example.com/log/testdata";

/** @param {string} path */
const file = (path) => {
  const url = new URL(path, FOLDER);
  return existsSync(url) ? new Uint8Array(readFileSync(url)) : null;
};
const checkpoint = (/** @type {number} */ number) => /** @type {Uint8Array} */ (file(`checkpoint.${number}`));

/** A store that keeps what it is told, as a browser's does for as long as it is open. */
function store() {
  const kept = new Map();
  return {
    get: async (/** @type {string} */ origin) => structuredClone(kept.get(origin)),
    set: async (/** @type {string} */ origin, /** @type {unknown} */ value) => void kept.set(origin, structuredClone(value)),
  };
}

const opened = (kept = store()) => new PinnedLog(ORIGIN, kept, async (path) => file(path));

test("the first key is pinned, and each checkpoint of a growing log is taken in", async () => {
  const log = opened();
  let size = -1n;
  for (let number = 0; number <= 15; number += 1) {
    const seen = await log.see(checkpoint(number), { key: KEY });
    assert.ok(seen.size >= size);
    size = seen.size;
  }
  assert.deepEqual((await log.trustedKeys()).map(String), [KEY]);
});

test("a log that shrank is an alarm that keeps both checkpoints", async () => {
  const log = opened();
  await log.see(checkpoint(15), { key: KEY });
  await assert.rejects(log.see(checkpoint(3), { key: KEY }), (error) => {
    assert.ok(error instanceof LogAlarm);
    assert.equal(error.kind, "shrank");
    assert.equal(error.evidence.remembered.note, new TextDecoder().decode(checkpoint(15)));
    assert.equal(error.evidence.served, new TextDecoder().decode(checkpoint(3)));
    return true;
  });
});

test("another key than the pinned one is an alarm", async () => {
  const kept = store();
  const stranger = "log.example/countermark+25b33dc8+AQQsav5k2d1cDVHQAl9uK/oemEYAl5RoDk91cWoX75bU";
  await kept.set(ORIGIN, { keys: [stranger], given: true, note: null });
  await assert.rejects(opened(kept).see(checkpoint(3), { key: KEY }), (error) => {
    assert.ok(error instanceof LogAlarm);
    assert.equal(error.kind, "other key");
    assert.match(error.message, /known by key 25b33dc8, and shows a checkpoint signed by 33d7b496/);
    assert.deepEqual(error.evidence.remembered.keys, [stranger]);
    assert.equal(error.evidence.served, new TextDecoder().decode(checkpoint(3)));
    return true;
  });
});

test("a checkpoint that nobody signed is pinned by nobody", async () => {
  const note = new TextDecoder().decode(checkpoint(3)).replace(/.{8}\n$/, "AAAAAAA=\n");
  await assert.rejects(opened().see(new TextEncoder().encode(note), { key: KEY }), UntrustedNote);
});

test("tiles that lead to another tree are an alarm, and missing ones are not", async () => {
  const kept = store();
  await opened(kept).see(checkpoint(3), { key: KEY });
  const forged = new PinnedLog(ORIGIN, kept, async (path) => file(path)?.map((byte) => byte ^ 1) ?? null);
  await assert.rejects(forged.see(checkpoint(15)), (error) => error instanceof LogAlarm && error.kind === "fork");
  const missing = new PinnedLog(ORIGIN, kept, async () => null);
  await assert.rejects(missing.see(checkpoint(15)), MalformedTile);
  await opened(kept).see(checkpoint(15));
});

const { cases } = vectors("transparency/receipts.json");

/** A case of the vectors by its name, and its receipt. @param {string} name */
async function received(name) {
  const found = cases.find((/** @type {any} */ each) => each.name === name);
  const receipt = await Receipt.parse(receiptOf(found));
  return { keys: /** @type {string[]} */ (found.trusted_keys), receipt };
}

/** The log of a receipt, which has no tiles to show. @param {Receipt} receipt */
const logOf = (receipt) => new PinnedLog(receipt.logKey.name, store(), async () => null);

/** @param {Receipt} receipt */
const shown = (receipt) => toUtf8(receipt.subject.proof.checkpoint);

test("log.key records lead from the pinned key to the one that signs now, which is pinned from then on", async () => {
  const { keys, receipt } = await received("the log key was rotated twice");
  const log = logOf(receipt);
  await log.pin(await Promise.all(keys.map((key) => VerifierKey.parse(key))));
  await assert.rejects(log.see(shown(receipt)), LogAlarm);
  await log.see(shown(receipt), { receipt });
  const pinned = (await log.trustedKeys()).map(String);
  assert.ok(pinned.includes(`${receipt.logKey}`));
  assert.ok(!keys.includes(`${receipt.logKey}`));
});

test("where the record that leads to the new key is missing, it is another key", async () => {
  const { keys, receipt } = await received("the rotation is left out, and the old log key trusted");
  const log = logOf(receipt);
  await log.pin(await Promise.all(keys.map((key) => VerifierKey.parse(key))));
  await assert.rejects(log.see(shown(receipt), { receipt }), (error) => error instanceof LogAlarm && error.kind === "other key");
});

test("two trees of one size are a fork, which names both roots and keeps both notes", async () => {
  const { receipt } = await received("time stamp: another tree of the same size that the log has signed");
  const log = logOf(receipt);
  const other = receipt.stamp?.proof.checkpoint ?? "";
  await log.see(shown(receipt), { key: `${receipt.logKey}` });
  await assert.rejects(log.see(toUtf8(other)), (error) => {
    assert.ok(error instanceof LogAlarm);
    assert.equal(error.kind, "fork");
    assert.equal(error.evidence.remembered.note, receipt.subject.proof.checkpoint);
    assert.equal(error.evidence.served, other);
    for (const note of [error.evidence.remembered.note ?? "", other]) {
      assert.ok(error.message.includes(note.split("\n")[2] ?? "?"));
    }
    return true;
  });
});

test("a policy pins the log's key, and its witnesses have to have cosigned", async () => {
  const { keys, receipt } = await received("pinned, with the registered bytes");
  const [own = "", witness = ""] = keys;
  const stranger = "witness.example/w1+28eec54f+BKGK3W+JVVr1aTW+G3nqqpN5K2Mbz8oGjQRrClxRAHe5";
  const lines = `log ${own}\nwitness known ${witness}\nwitness stranger ${stranger}\n`;
  const policy = (/** @type {string} */ quorum) => Policy.parse(toUtf8(`${lines}${quorum}`));
  const log = logOf(receipt);
  const both = await policy("group both all known stranger\nquorum both\n");
  await assert.rejects(log.see(shown(receipt), { policy: both }), (error) => {
    assert.ok(error instanceof UntrustedNote);
    assert.match(error.message, /it lacks stranger$/);
    return true;
  });
  assert.deepEqual(await log.trustedKeys(), []);
  await log.see(shown(receipt), { policy: await policy("quorum known\n") });
  assert.deepEqual((await log.trustedKeys()).map(String), [own]);
});
