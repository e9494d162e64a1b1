// @ts-check
/**
 * The side panel: takes up what was clicked, asks the registries, and shows what came of it. A page can neither see nor
 * change it. Nothing is sent before a click, and the picture itself only by the button that names where to.
 * @module
 */

import { LANGUAGE, catalogue, said, sentenceOf, translate } from "../words.js"; // first: it sets the language
import { UnreadablePicture, fingerprint, prepare } from "../countermark/fingerprint.js";
import { Fault } from "../faults.js";
import { howToAsk, keptRegistries } from "../memory.js";
import { h, quoted } from "../page/dom.js";
import { PictureError, listPictures, picture as pictureOf, screenshot, thumbnail } from "../pictures.js";
import { Contradiction, Registry } from "../registry.js";
import { drawAlarm, drawReport } from "./answer.js";

/** @import { Digests, LookedUp } from "../registry.js" */
/** @import { Fingerprints } from "../countermark/fingerprint.js" */
/** @import { Had } from "../pictures.js" */

const status = /** @type {HTMLElement} */ (document.querySelector("#status"));
const preview = /** @type {HTMLElement} */ (document.querySelector("#picture"));
const answers = /** @type {HTMLElement} */ (document.querySelector("#answers"));

/** Counts what was asked: only the newest may show its result. */
let turn = 0;
/** Object URLs that are shown. @type {string[]} */
let shown = [];

translate(document);
document.querySelector("#settings")?.addEventListener("click", () => chrome.runtime.openOptionsPage());
const { id: here } = await chrome.windows.getCurrent();
chrome.storage.session.onChanged.addListener(({ click, choose }) => void taken(click?.newValue, choose?.newValue));
const asked = await chrome.storage.session.get(["click", "choose"]);
if (!(await taken(asked.click, asked.choose))) await rest();

/** Takes up the newest of what was asked for in this window, unless a panel has before. @param {any} click @param {any} choose */
async function taken(click, choose) {
  const handled = Number((await chrome.storage.session.get("handled")).handled ?? 0);
  const newest = [click, choose].filter((each) => each && each.number > handled && each.windowId === here).sort((one, other) => other.number - one.number)[0];
  if (!newest) return false;
  await chrome.storage.session.set({ handled: newest.number });
  void (newest === click ? check(newest) : offer(newest));
  return true;
}

function begin(text = "") {
  turn += 1;
  for (const address of shown) URL.revokeObjectURL(address);
  shown = [];
  status.textContent = text;
  preview.hidden = true;
  preview.replaceChildren();
  answers.replaceChildren();
  return turn;
}

/** @param {Blob} blob */
function addressOf(blob) {
  const address = URL.createObjectURL(blob);
  shown.push(address);
  return address;
}

/** What to do, where nothing is asked for. */
async function rest() {
  const mine = begin();
  const registries = await keptRegistries();
  if (turn !== mine) return;
  answers.append(
    registries.length
      ? h("section", {}, h("h2", {}, said("idle_title")), h("p", {}, said("idle_how")), h("p", {}, said("idle_nothing_sent")))
      : firstRun(),
  );
}

function firstRun() {
  return h(
    "section",
    {},
    h("h2", {}, said("first_title")),
    h("p", {}, said("first_what")),
    h("p", {}, said("first_none")),
    button(said("first_enter"), () => void chrome.runtime.openOptionsPage(), "large"),
  );
}

/** @param {string} text @param {() => void} act @param {string} [kind] */
function button(text, act, kind = "") {
  return h("button", { type: "button", class: `button ${kind}`, onclick: act }, text);
}

/** @param {string} text @param {unknown[]} more */
function notice(text, ...more) {
  return h("div", { class: "notice strong" }, h("p", {}, text), ...more);
}

// Which picture ------------------------------------------------------------------------------------------------------

/** Has the reader choose among the pictures of a page. @param {any} asked */
async function offer(asked) {
  const mine = begin(said("choose_looking"));
  const pictures = await listPictures(asked.tabId).catch(() => []);
  if (turn !== mine) return;
  status.textContent = "";
  if (!pictures.length) {
    answers.append(notice(said("choose_none")));
    return;
  }
  const places = pictures.map(() => h("span", { class: "thumbnail" }));
  const item = (/** @type {any} */ each, /** @type {number} */ at) => {
    const size = each.width && each.height ? `${each.width} × ${each.height}` : said("choose_unsized");
    const text = h("span", {}, h("strong", {}, size), " ", quoted(describe(each)));
    return h("li", {}, h("button", { type: "button", class: "picture", onclick: () => void check({ ...asked, ...each }) }, places[at], text));
  };
  answers.append(h("section", {}, h("h2", {}, said("choose_title")), h("ol", { class: "choice" }, pictures.map(item))));
  for (const [at, each] of pictures.entries()) {
    const small = await thumbnail({ ...asked, ...each });
    if (turn !== mine) return;
    if (small) places[at]?.append(h("img", { src: addressOf(small), alt: "" }));
  }
}

/** @param {any} item of the list of pictures */
function describe({ description, source, kind }) {
  if (description) return description;
  const named = URL.canParse(source) && /^https?:$/.test(new URL(source).protocol) ? new URL(source) : null;
  return named ? `${named.host} ${named.pathname.split("/").pop()}` : kind;
}

/**
 * Gets the picture and asks about it.
 * @param {any} click
 * @param {(click: any) => Promise<Had>} [get]
 * @param {string[]} [agreed] addresses of the registries that the picture may be sent to where its digest settles nothing
 */
async function check(click, get = pictureOf, agreed = []) {
  const mine = begin(said("picture_getting"));
  prepare();
  /** @type {Had} */
  let had;
  try {
    had = await get(click);
  } catch (cause) {
    if (turn !== mine) return;
    if (!(cause instanceof PictureError)) throw cause;
    status.textContent = "";
    const registries = await keptRegistries();
    if (turn === mine) refusedPicture(click, cause, registries.map(({ address }) => address));
    return;
  }
  await ask(had, mine, agreed);
}

const ONLY_ON_SCREEN = ["tainted", "drawing", "network", "changed"];

/** Why a picture was not had, and what can be done. @param {any} click @param {PictureError} error @param {string[]} addresses of registries */
function refusedPicture(click, { reason, pattern, host = "" }, addresses) {
  const screen = click.element === undefined ? null : button(said("picture_by_screen"), () => void check(click, screenshot), "quiet");
  if (reason === "needs-origin" && pattern) {
    const allow = async (/** @type {string[]} */ agreed) => {
      const granted = await chrome.permissions.request({ origins: [pattern] }); // while the click is handled
      await check(click, granted ? pictureOf : screenshot, granted ? agreed : []);
    };
    const registries = addresses.map((address) => new URL(address).host).join(", ");
    const both = addresses.length ? h("p", {}, button(said("picture_allow_and_send", { host, registries }), () => void allow(addresses), "large allow-and-send")) : null;
    answers.append(notice(said("picture_needs_origin", { host }), both, h("p", {}, button(said("picture_allow", { host }), () => void allow([]), both ? "quiet" : "large"), " ", screen)));
    return;
  }
  answers.append(notice(`${said(`picture_${reason.replaceAll("-", "_")}`)} ${said("nothing_sent")}`, ONLY_ON_SCREEN.includes(reason) ? screen : null));
}

// Asking -------------------------------------------------------------------------------------------------------------

/** @param {Had} had @param {number} mine @param {string[]} agreed */
async function ask(had, mine, agreed) {
  const registries = (await keptRegistries()).map((each) => new Registry(each));
  if (turn !== mine) return;
  showPreview(had);
  if (!registries.length) {
    status.textContent = "";
    answers.append(firstRun());
    return;
  }
  status.textContent = said("asking");
  const [digests, asking] = await Promise.all([digestsOf(had), howToAsk()]);
  if (turn !== mine) return;
  const copied = had.how === "screen" || had.how === "drawn";
  const rows = registries.map((registry) => new Row(registry, had, digests, mine));
  answers.append(...rows.map(({ element }) => element));
  await Promise.all(rows.map((row) => row.lookUp(asking, copied, agreed.includes(row.registry.address))));
  if (turn === mine) status.textContent = "";
}

/** @param {Had} had */
function showPreview({ blob, how, host }) {
  const address = addressOf(blob);
  const told = said(`had_${how}`, { host });
  const image = h("img", { src: address, alt: said("picture"), onerror: (/** @type {Event} */ event) => /** @type {Element} */ (event.target).remove() });
  preview.replaceChildren(image, h("p", { class: "small" }, told));
  preview.hidden = false;
}

const hex = (/** @type {Uint8Array} */ bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The digest of its bytes; its fingerprint is computed once for all who ask for it. @param {Had} had @returns {Promise<Digests>} */
async function digestsOf({ blob, size, fingerprints }) {
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));
  /** @type {ReturnType<Digests["pdq"]> | undefined} */
  let computed;
  return { sha256, pdq: () => (computed ??= pdqOf(fingerprints ?? fingerprint(blob, size))) };
}

/** Null of a picture that this browser cannot decode. @param {Fingerprints | Promise<Fingerprints>} made @returns {ReturnType<Digests["pdq"]>} */
async function pdqOf(made) {
  try {
    const { pdq } = await made;
    return { value: hex(pdq.hash), quality: pdq.quality };
  } catch (cause) {
    if (!(cause instanceof UnreadablePicture)) throw cause;
    return null;
  }
}

/** One registry's answer. */
class Row {
  /** @param {Registry} registry @param {Had} had @param {Digests} digests @param {number} mine */
  constructor(registry, had, digests, mine) {
    this.registry = registry;
    this.had = had;
    this.digests = digests;
    this.mine = mine;
    this.element = h("article", { class: "answer", "aria-label": registry.host, "aria-busy": "true" }, h("p", { class: "small" }, said("asking_host", { host: registry.host })));
  }

  /**
   * @param {import("../memory.js").Asking} asking
   * @param {boolean} copied it is a new copy, whose digest cannot be known
   * @param {boolean} [agreed] to send the picture here where the digest settles nothing
   */
  async lookUp(asking, copied, agreed = false) {
    const act = async () => {
      const found = await this.registry.lookUp(this.digests, asking);
      await this.showLookup(found, copied);
      if (agreed && !found.lookup.matches.some(({ basis }) => basis === "bytes") && turn === this.mine) await this.send();
    };
    await this.run(act, () => void this.again(() => this.lookUp(asking, copied, agreed)));
  }

  async send() {
    const { sha256 } = this.digests;
    await this.again(() =>
      this.run(async () => {
        const answer = await this.registry.compare(this.had.blob, sha256);
        await this.showReport(answer, null, true);
      }, () => void this.send(), said("sending", { host: this.registry.host })),
    );
    if (turn === this.mine) this.element.querySelector("h2")?.focus();
  }

  /** @param {() => Promise<void>} act */
  async again(act) {
    this.element.setAttribute("aria-busy", "true");
    await act();
  }

  /** Runs one question; shows what went wrong, with a button to try again where that can help.
   * @param {() => Promise<void>} act @param {() => void} retry @param {string} [saying]
   */
  async run(act, retry, saying = "") {
    const { registry, mine } = this;
    const host = registry.host;
    if (saying) {
      status.textContent = saying;
      for (const each of this.element.querySelectorAll("button")) each.disabled = true;
    }
    try {
      await act();
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      if (turn !== mine) return;
      if (cause instanceof Contradiction) this.show(drawAlarm(cause.alarm, addressOf));
      else {
        const refused = cause.name === "Refused";
        const title = said(refused ? "refused_title" : "unanswered_title", { host });
        const sentence = sentenceOf(cause, { host });
        const again = refused ? null : h("p", {}, button(said("retry"), retry));
        this.show([h("h2", { tabindex: "-1" }, title), notice(sentence, h("p", {}, said(refused ? "refused_nothing" : "unanswered_nothing")), again)]);
      }
    } finally {
      if (turn === mine) {
        this.element.setAttribute("aria-busy", "false");
        if (saying) status.textContent = "";
      }
    }
  }

  /** @param {unknown[]} parts */
  show(parts) {
    if (turn !== this.mine) return;
    this.element.replaceChildren(...parts.flat().filter((each) => each instanceof Node));
  }

  /** @param {"large" | "quiet"} [kind] */
  sendButton(kind = "large") {
    const { host } = this.registry;
    return h("p", {}, button(said("send", { host }), () => void this.send(), kind));
  }

  /** @param {LookedUp} found @param {boolean} copied */
  async showLookup({ lookup, report, prefix, listed, complete, decoded }, copied) {
    const { host } = this.registry;
    const [first] = lookup.matches;
    if (report && first) {
      const exact = first.basis === "bytes";
      await this.showReport(report, exact ? said("told_exact", { host }) : said("told_lead", { host }), false);
      return;
    }
    if (first) {
      const ask = button(said("prefix_ask", { host }), () => void this.again(() => this.lookUp("digests", copied)), "large");
      this.show([
        h("h2", { tabindex: "-1" }, catalogue.headlines.EXACT_MATCH),
        h("p", { class: "lead" }, said("prefix_found", { host, index: first.index, publisher: first.publisher, standing: first.standing })),
        h("p", { class: "ai" }, catalogue.ai.not_sent),
        h("p", {}, said("prefix_unknown", { host, listed: listed ?? 0 })),
        h("p", {}, ask),
      ]);
      return;
    }
    const told = copied ? "told_copied" : prefix === null ? (decoded ? "told_nothing" : "told_digest_only") : complete ? "told_prefix" : "told_prefix_incomplete";
    this.show([
      h("h2", { tabindex: "-1" }, said("nothing_yet", { host })),
      h("p", { class: "lead" }, said(told, { host, listed: listed ?? 0, prefix: prefix ?? "" })),
      this.sendButton(),
      h("p", { class: "ai" }, catalogue.ai.not_sent),
    ]);
  }

  /** @param {import("../registry.js").Answer} answer @param {string | null} told what the digest could tell @param {boolean} sent */
  async showReport(answer, told, sent) {
    const { registry, had } = this;
    const [closest] = answer.report.matches;
    const [registered, difference] = closest
      ? await Promise.all([shownOr(registry.registeredPicture(answer)), shownOr(registry.difference(closest))])
      : [null, null];
    if (turn !== this.mine) return;
    const pictures = {
      given: addressOf(had.blob),
      registered: registered && addressOf(registered),
      difference: difference && addressOf(difference),
    };
    const exact = answer.report.axes.registration.value === "EXACT_MATCH";
    const parts = drawReport(answer, registry, pictures, sent);
    const digest = told === null ? null : h("div", { class: "told" }, h("p", {}, told), this.sendButton(exact ? "quiet" : "large"));
    this.show([...parts.first, digest, ...parts.rest]);
    if (closest) preview.hidden = true;
    if (LANGUAGE && this.element !== answers.firstElementChild && closest) answers.prepend(this.element); // what leads somewhere comes first
  }
}

/** A picture that cannot be had is left out. @param {Promise<Blob | null>} getting */
async function shownOr(getting) {
  try {
    return await getting;
  } catch (cause) {
    if (cause instanceof Fault && cause.name === "Unanswered") return null;
    throw cause;
  }
}
