import assert from "node:assert/strict";
import { test } from "node:test";

import { toUtf8 } from "../src/bytes.js";
import { MalformedPolicy, VerifierKey } from "../src/index.js";
import { Policy, parseTilePath, tilePath } from "../src/log.js";
import { vectors } from "./vectors.js";

const LOG = "log.example/countermark+25b33dc8+AQQsav5k2d1cDVHQAl9uK/oemEYAl5RoDk91cWoX75bU";
const FIRST = "witness.example/w1+d4a668c1+BAlWinjeDCqgffLsDQHclNUePQn8EXAGd2QFoz9dY6nM";
const SECOND = "witness.example/w1+28eec54f+BKGK3W+JVVr1aTW+G3nqqpN5K2Mbz8oGjQRrClxRAHe5";
const TWO = `log ${LOG}\nwitness one ${FIRST}\nwitness two ${SECOND} https://two.example\n`;

const parse = (/** @type {string} */ text) => Policy.parse(toUtf8(text));

test("a quorum names the witnesses that are missing", async () => {
  const policy = await parse(`# ours\n${TWO}group both all one two\nquorum both\n`);
  const cosigner = { key: await VerifierKey.parse(FIRST), time: 1n };
  assert.deepEqual(policy.missing([cosigner]).map(({ name }) => name), ["two"]);
  assert.deepEqual(policy.missing([cosigner, { key: await VerifierKey.parse(SECOND), time: 1n }]), []);
  const any = await parse(`${TWO}group either 1 one two\nquorum either\n`);
  assert.deepEqual(any.missing([cosigner]), []);
  assert.equal(any.missing([]).length, 2);
});

test("no quorum needs no witness", async () => {
  assert.deepEqual((await parse(`${TWO}quorum none\n`)).missing([]), []);
});

for (const [why, text] of Object.entries({
  "no quorum": TWO,
  "two quorums": `${TWO}quorum none\nquorum none\n`,
  "an unknown member": `${TWO}group both all one three\nquorum both\n`,
  "a member of two groups": `${TWO}group a any one\ngroup b any one\nquorum a\n`,
  "a group of none": `${TWO}group a any\nquorum a\n`,
  "a threshold of nought": `${TWO}group a 0 one\nquorum a\n`,
  "a threshold above its members": `${TWO}group a 2 one\nquorum a\n`,
  "the same key twice": `${TWO}witness three ${FIRST}\nquorum none\n`,
  "a witness as a log": `log ${FIRST}\nquorum none\n`,
  "a log as a witness": `witness one ${LOG}\nquorum none\n`,
  "a name that is taken": `${TWO}group one any two\nquorum one\n`,
  "no newline at its end": `${TWO}quorum none`,
  "a control character": `${TWO}quorum none\r\n`,
  "another word": `${TWO}quora none\n`,
})) {
  test(`a policy with ${why} is refused`, () => assert.rejects(parse(text), MalformedPolicy));
}

const paths = vectors("transparency/tile_paths.json");
for (const { path, level, index, width } of paths.accepted) {
  test(`the path ${path}`, () => {
    const tile = parseTilePath(path);
    assert.deepEqual(tile, { level: level ?? "entries", index: BigInt(index), width });
    assert.equal(tilePath(tile), path);
  });
}
for (const path of paths.refused) {
  test(`no tile has the path ${JSON.stringify(path)}`, () => assert.throws(() => parseTilePath(path)));
}
