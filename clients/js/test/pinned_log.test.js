import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { MalformedTile, UntrustedNote } from "../src/index.js";
import { LogAlarm, PinnedLog } from "../src/log.js";

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
