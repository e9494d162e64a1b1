// @ts-check
/**
 * The settings: which registries are asked, with the key of each one's log, and what a click sends.
 * @module
 */

import { numberOf, said, sentenceOf, timeOf, translate } from "../words.js"; // first: it sets the language
import { SignedCheckpoint } from "../countermark/index.js";
import { Fault } from "../faults.js";
import { askBy, forgetRegistry, howToAsk, keptAlarms, keptRegistries, seenOf } from "../memory.js";
import { fact, h, quoted } from "../page/dom.js";
import { drawAlarm, keyId } from "../panel/answer.js";
import { Contradiction, Registry, addressOf } from "../registry.js";

/** @import { Alarm, Asking, Kept, Seen } from "../memory.js" */

/** @template {HTMLElement} E @param {string} selector */
const find = (selector) => /** @type {E} */ (document.querySelector(selector));
const list = find("#registries");
const status = find("#status");
const problem = find("#problem");
const form = /** @type {HTMLFormElement} */ (find("#add"));
const address = /** @type {HTMLInputElement} */ (find("#address"));
const key = /** @type {HTMLInputElement} */ (find("#key"));
/** Counts how often the list was asked for: only the newest is shown. */
let turn = 0;

translate(document);
document.title = said("options_title");
chrome.storage.local.onChanged.addListener(() => void showRegistries());
await Promise.all([showRegistries(), showAsking()]);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void enter();
});
find("#asking").addEventListener("change", (event) => void save(/** @type {HTMLInputElement} */ (event.target).value));

async function showRegistries() {
  turn += 1;
  const mine = turn;
  const [registries, alarms] = await Promise.all([keptRegistries(), keptAlarms()]);
  const seen = await Promise.all(registries.map(({ origin }) => seenOf(origin)));
  if (turn !== mine) return;
  list.replaceChildren(...(registries.length ? registries.map((each, at) => draw(each, seen[at], alarms)) : [h("p", {}, said("options_none"))]));
}

/** @param {Kept} kept @param {Seen | undefined} seen @param {Alarm[]} alarms */
function draw({ address, origin, operator }, seen, alarms) {
  const { host } = new URL(address);
  const mine = alarms.filter((each) => each.origin === origin);
  const size = seen?.note ? SignedCheckpoint.parse(new TextEncoder().encode(seen.note)).checkpoint.size : null;
  return h(
    "section",
    { class: "panel registry", "aria-label": host },
    h("h3", {}, host),
    h(
      "dl",
      { class: "facts" },
      fact(said("options_operator"), quoted(operator)),
      fact(said("options_log"), quoted(origin)),
      fact(said("options_keys"), (seen?.keys ?? []).map((vkey) => h("code", {}, vkey)), h("small", {}, seen ? pinnedBy(seen) : null)),
      size === null || !seen ? null : fact(said("options_seen"), said("options_seen_size", { size: numberOf(size), host: new URL(seen.shownBy ?? address).host, time: timeOf(seen.seenAt ?? 0) })),
    ),
    mine.map((alarm) => drawAlarm(alarm, URL.createObjectURL)),
    h("p", {}, h("button", { type: "button", class: "button quiet", onclick: () => void remove(address, host) }, said("options_remove", { host }))),
  );
}

/** Whose word a key is pinned on. @param {Seen} seen */
function pinnedBy({ given, handedOver }) {
  if (handedOver) return said("options_key_led", { keys: handedOver.map(keyId).join(", ") });
  return said(given ? "options_key_given" : "options_key_first");
}

async function enter() {
  problem.replaceChildren();
  const asked = addressOf(address.value);
  if (asked === null) return refuse(said("options_no_address"));
  const { host } = new URL(asked);
  status.textContent = said("options_entering", { host });
  try {
    const { operator, origin } = await Registry.enter(asked, key.value.trim() || undefined);
    status.textContent = said("options_entered", { host, operator, origin });
    form.reset();
    await showRegistries();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    if (cause instanceof Contradiction) {
      status.textContent = "";
      problem.replaceChildren(...drawAlarm(cause.alarm, URL.createObjectURL));
    } else refuse(sentenceOf(cause, { host }));
  }
}

/** @param {string} sentence */
function refuse(sentence) {
  status.textContent = "";
  problem.replaceChildren(h("p", { class: "notice strong" }, sentence));
  address.focus();
}

/** @param {string} address @param {string} host */
async function remove(address, host) {
  await forgetRegistry(address);
  await showRegistries();
  status.textContent = said("options_removed", { host });
}

async function showAsking() {
  /** @type {HTMLInputElement} */ (find(`#${await howToAsk()}`)).checked = true;
}

/** @param {string} asking */
async function save(asking) {
  try {
    await askBy(/** @type {Asking} */ (asking));
    find("#saved").textContent = said("options_saved");
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    find("#saved").textContent = sentenceOf(cause, { host: "" });
  }
}
