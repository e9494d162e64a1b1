import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { fromHex, toUtf8 } from "../src/bytes.js";
import {
  CountermarkError,
  MalformedReceipt,
  SignedCheckpoint,
  TlogProof,
  VerifierKey,
  parseRecord,
  parseStatement,
  verifyReceipt,
} from "../src/index.js";
import { MAX_RECEIPT_BYTES } from "../src/limits.js";
import { Policy } from "../src/log.js";
import { receiptOf, vectors } from "./vectors.js";

const { cases } = vectors("transparency/receipts.json");
const TIME_STAMP = 10;

/** @param {any} each */
async function check(each) {
  const { trusted_keys, media_sha256, pixels_sha256 } = each;
  return verifyReceipt(receiptOf(each), {
    trustedKeys: await Promise.all(trusted_keys.map((/** @type {string} */ vkey) => VerifierKey.parse(vkey))),
    mediaSha256: media_sha256 === null ? undefined : fromHex(media_sha256),
    pixels: pixels_sha256 === null ? undefined : async () => ({ sha256: fromHex(pixels_sha256) }),
  });
}

describe("receipts", () => {
  for (const each of cases) {
    test(each.name, async (context) => {
      if (each.fails === 1) {
        await assert.rejects(check(each), MalformedReceipt);
        return;
      }
      const report = await check(each);
      assert.equal(report.steps.length, 11);
      const failed = report.steps.filter(({ outcome }) => outcome === "fails").map(({ number }) => number);
      if (each.fails === TIME_STAMP || each.trusted_keys.some((/** @type {string} */ vkey) => vkey.length > 1000)) {
        context.diagnostic("time-stamp tokens and ML-DSA-44 signatures are not checked here");
        assert.notEqual(report.steps[TIME_STAMP - 1]?.outcome, "holds");
      } else {
        assert.equal(failed[0] ?? null, each.fails);
        if (each.fails === null) assert.equal(report.holds, true);
      }
    });
  }

  test("a step that depends on a failed one is not checked, and says on which it depends", async () => {
    const each = cases.find((/** @type {any} */ { fails }) => fails === 4);
    const { steps } = await check(each);
    assert.match(steps[4]?.detail ?? "", /it depends on step 4/);
    assert.equal(steps[4]?.outcome, "not checked");
  });
});

describe("100 MB are refused before they are looked at:", () => {
  const huge = new Uint8Array(100_000_000);
  huge.subarray = huge.slice = () => {
    throw new Error("it was looked at");
  };

  test("as a receipt", () => assert.rejects(verifyReceipt(huge), MalformedReceipt));
  test("as a policy", () => assert.rejects(Policy.parse(huge), CountermarkError));
  for (const [what, parse] of Object.entries({
    record: parseRecord,
    checkpoint: SignedCheckpoint.parse,
    proof: TlogProof.parse,
  })) {
    test(`as a ${what}`, () => assert.throws(() => parse(huge), CountermarkError));
  }
  test("as a verifier key", () => assert.rejects(VerifierKey.parse("a".repeat(100_000_000)), CountermarkError));
});

for (const [what, characters] of Object.entries({ letters: "a", escapes: '\\"', digits: "1", names: '","' })) {
  test(`a string of as many ${what} as a receipt may have is refused`, async () => {
    const head = what === "digits" ? '{"a":' : '{"a":"';
    const text = head + characters.repeat((MAX_RECEIPT_BYTES - 10) / characters.length);
    for (const end of ["", '"}']) await assert.rejects(verifyReceipt(toUtf8(text + end)), MalformedReceipt);
  });
}

test("100 MB are no statement", () => {
  assert.throws(() => parseStatement(new Uint8Array(100_000_000)), CountermarkError);
});
