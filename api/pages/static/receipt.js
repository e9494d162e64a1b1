// The receipt of the closest match, checked again by this browser, which need not believe the service for that.

import { CountermarkError, Receipt, verifyReceipt } from "./countermark/index.js";
import { IndexedDbStore, LogAlarm, PinnedLog } from "./countermark/log.js";
import { alarm, notice } from "./alarm.js";
import { h } from "./dom.js";
import { proof } from "./report.js";
import { phrases } from "./words.js";

/** Checks the receipt of a match, and says in the elements of the report that shows it what this browser found: they
 *  may be gone by then, for another report. */
export async function checkReceipt(match, { said, steps: shown }) {
  try {
    const { steps, first } = await check(match.asset.links.receipt);
    const other = steps.filter(({ number, outcome }) => {
      const stated = match.proof.steps.find((step) => step.number === number)?.outcome;
      return outcome !== "not checked" && stated !== "not checked" && outcome !== stated;
    });
    shown.replaceWith(h("div", { id: "proof" }, proof(match.proof, steps)));
    if (other.length) said.replaceChildren(notice(phrases.receipt_differs, other.map(({ number, name, detail }) => `step ${number}, ${name}: ${detail}`).join("; ")));
    else said.replaceChildren(h("p", {}, `${phrases.receipt_checked_here} ${first ? phrases.log_pinned : phrases.log_as_before}`));
  } catch (error) {
    if (error instanceof LogAlarm) said.replaceChildren(...alarm(error));
    else if (error instanceof CountermarkError) said.replaceChildren(notice(phrases.receipt_differs, error.message));
    else said.replaceChildren(h("p", {}, phrases.receipt_not_checked_here)); // offline, no Web Cryptography, no storage
  }
}

/** The steps as this browser found them, and whether it met the log for the first time. */
async function check(address) {
  const receipt = await Receipt.parse(await load(address));
  const log = new PinnedLog(receipt.logKey.name, new IndexedDbStore(), (path) => load(`/log/${path}`, true));
  const first = !(await log.trustedKeys()).length;
  await log.see(await load("/log/checkpoint"), { key: `${receipt.logKey}`, receipt });
  const { steps } = await verifyReceipt(receipt, { trustedKeys: await log.trustedKeys() });
  if (steps.every(({ number, outcome }) => number > 4 || outcome === "holds")) {
    const { checkpoint, signed } = receipt.subject.proof;
    await log.include(signed.checkpoint, new TextEncoder().encode(checkpoint));
  }
  return { steps, first };
}

async function load(address, optional = false) {
  const response = await fetch(address);
  if (optional && response.status === 404) return null;
  if (!response.ok) throw new Error(`${address}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
