import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { fromHex, toHex, toUtf8 } from "../src/bytes.js";
import { canonicalJson } from "../src/canonical_json.js";
import {
  MalformedRecord,
  MalformedStatement,
  PublicKey,
  SignatureInvalid,
  UnusableKey,
  parseRecord,
  parseStatement,
  verifyStatement,
} from "../src/index.js";
import { recordId } from "../src/records.js";
import { vectors } from "./vectors.js";

describe("keys", () => {
  const keys = vectors("statement/keys.json");
  for (const each of keys.accepted) {
    test(each.name, async () => {
      const key = PublicKey.fromJwk(each.jwk);
      assert.equal(key.algorithm, each.algorithm);
      assert.equal(toHex(key.raw), each.raw_hex);
      assert.equal(await key.thumbprint(), each.thumbprint);
    });
  }
  for (const each of keys.refused) {
    test(each.reason, () => {
      assert.throws(
        () => ("jwk" in each ? PublicKey.fromJwk(each.jwk) : new PublicKey(each.algorithm, fromHex(each.raw_hex))),
        UnusableKey,
      );
    });
  }
});

describe("signatures", () => {
  for (const each of vectors("statement/signatures.json")) {
    test(each.name, async () => {
      const verify = async () =>
        new PublicKey(each.algorithm, fromHex(each.raw_hex)).verify(fromHex(each.signature_hex), fromHex(each.message_hex));
      if (each.accepted) await verify();
      else await assert.rejects(verify, (error) => error instanceof SignatureInvalid || error instanceof UnusableKey);
    });
  }
});

describe("records", () => {
  for (const each of vectors("statement/records.json")) {
    test(each.name, async () => {
      const canonical = canonicalJson(each.record);
      assert.equal(toHex(canonical), each.canonical_hex);
      assert.equal(parseRecord(canonical).type, each.record.type);
      assert.equal(toHex(await recordId(canonical)), each.record_id);
    });
  }
  for (const each of vectors("statement/records-refused.json")) {
    test(`refused: ${each.name}`, () => {
      const data = "data_hex" in each ? fromHex(each.data_hex) : toUtf8(each.data);
      assert.throws(() => parseRecord(data), MalformedRecord);
    });
  }
});

describe("statements", () => {
  const statements = vectors("statement/statements.json");
  for (const each of statements.accepted) {
    test(each.name, async () => {
      const statement = parseStatement(fromHex(each.statement_hex));
      assert.equal(statement.kid, each.kid);
      await verifyStatement(statement, PublicKey.fromJwk(each.jwk), fromHex(each.record_canonical_hex));
    });
  }
  for (const each of statements.refused) {
    test(`refused: ${each.name}`, () => {
      assert.throws(() => parseStatement(fromHex(each.data_hex)), MalformedStatement);
    });
  }
});

test("names of prototypes are names as any other", () => {
  const value = JSON.parse('{"__proto__":1,"constructor":{"prototype":2},"toString":"x"}');
  assert.equal(new TextDecoder().decode(canonicalJson(value)), '{"__proto__":1,"constructor":{"prototype":2},"toString":"x"}');
});
