// The log page: this browser remembers the log, checks that it has only grown, and checks an older checkpoint.

import { CountermarkError, Receipt, SignedCheckpoint } from "./countermark/index.js";
import { IndexedDbStore, LogAlarm, PinnedLog } from "./countermark/log.js";
import { alarm } from "./alarm.js";
import { h } from "./dom.js";
import { fill, number, page } from "./words.js";

const checked = document.querySelector("#checked");
const form = document.querySelector("#consistency");
const consistent = document.querySelector("#consistent");
const pasted = document.querySelector("#checkpoint-text");
const { key, receipt } = checked.dataset;
const log = new PinnedLog(key.split("+")[0], new IndexedDbStore(), (path) => load(`/log/${path}`, true));

async function load(address, optional = false) {
  const response = await fetch(address, { cache: "no-cache" });
  if (optional && response.status === 404) return null;
  if (!response.ok) throw new CountermarkError(`${address}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Sees the newest checkpoint, and says whether it goes on from what was remembered. Returns it. */
async function see() {
  const remembered = await log.store.get(log.origin);
  const newest = await seeWith(await load("/log/checkpoint"));
  const before = remembered?.note ? SignedCheckpoint.parse(new TextEncoder().encode(remembered.note)).checkpoint.size : null;
  const said = before === null ? page.log_pinned : fill(page.log_grown, { size: number(newest.size), before: number(before) });
  checked.replaceChildren(h("p", {}, said));
  return newest;
}

/** Takes in a checkpoint. A key that is not the one remembered may be its successor: a receipt holds the records of that. */
async function seeWith(note) {
  try {
    return await log.see(note, { key });
  } catch (error) {
    if (!(error instanceof LogAlarm) || error.kind !== "other key" || !receipt) throw error;
    return log.see(note, { receipt: await Receipt.parse(await load(receipt)) });
  }
}

/** Checks that a checkpoint which the reader kept is the log's, and that the log begins with it. */
async function check(text) {
  const note = new TextEncoder().encode(`${text.trim()}\n`);
  let older;
  try {
    older = SignedCheckpoint.parse(note);
    await older.verify(await log.trustedKeys(), log.origin);
  } catch (error) {
    return consistent.replaceChildren(failed(page.log_older_unread, error));
  }
  const newest = await see();
  const sizes = { before: number(older.checkpoint.size), size: number(newest.size) };
  if (older.checkpoint.size > newest.size) return tell(page.log_older_newer, sizes, true);
  await log.include(older.checkpoint, note);
  return tell(page.log_older_holds, sizes);
}

function tell(text, values, strong = false) {
  consistent.replaceChildren(h("p", { class: strong ? "notice strong" : "notice" }, fill(text, values)));
}

/** A failure, with its reason as the modules that check give it. */
function failed(text, error) {
  return h("p", { class: "notice" }, text, " ", h("bdi", { lang: "en" }, error.message));
}

/** Runs a check; what contradicts itself is an alarm where the check would have told its outcome. */
async function run(where, work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof LogAlarm) where.replaceChildren(...alarm(error));
    else where.replaceChildren(failed(page.log_unchecked, error));
  }
}

checked.replaceChildren(h("p", {}, page.log_checking));
form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  consistent.replaceChildren(h("p", {}, page.log_checking));
  run(consistent, () => check(pasted.value));
});
await run(checked, see);
