/** Reads cases, a JSON object a line, and answers each with what the procedure finds, a line each. */

import { createInterface } from "node:readline";

import { found } from "./receipt_steps.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await found(JSON.parse(line)))}\n`);
}
