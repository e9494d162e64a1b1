// The verify page: takes pictures (chosen, dropped, pasted, or their address), calls the service, and shows the report
// or the failure. What was there stays until something takes its place.

import { h, quoted } from "./dom.js";
import { fileList } from "./files.js";
import { reportAddress, showComparison, showReport } from "./report.js";
import { Failure, compareFiles, loadReport, verifyDigest, verifyFile, verifyInDetail } from "./service.js";
import { addressIn, fetchPicture, offer } from "./source.js";
import { fileSize, fill, page, phrases, unverified, wording } from "./words.js";

const MOST_FILES = 10; // as many as a reader opens one by one; more is the work of an audit
const MOST_RETRIES = 2; // by itself, where a service says that it is busy for a moment; then its reader is asked
const SLOW_SECONDS = 10; // without a sign from the service: a busy one lets a picture wait for up to 20
const SILENT_SECONDS = 120; // after which nothing is to be expected: beyond the longest wait and examination together

const part = (id) => document.querySelector(`#${id}`);
const form = part("ask");
const input = part("file");
const hashOnly = part("hash-only");
const keep = part("keep");
const options = part("options");
const source = part("source");
const list = part("list");
const given = part("given");
const status = part("status");
const progress = part("progress");
const waiting = part("waiting");
const problem = part("problem");
const result = part("result");
const mostBytes = Number(form.dataset.mostBytes);

let current = new AbortController(); // of the latest request: only that one may show its result
let held = []; // what is shown of the reader's files: {file, address}, an object URL

input.multiple = true; // without scripts a form sends one
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (source.value) bring(source.value);
});
input.addEventListener("change", () => take([...input.files]));
part("several").textContent = fill(page.several, { most: MOST_FILES });
part("several").hidden = part("by-address").hidden = false;
if (!globalThis.crypto?.subtle) {
  hashOnly.disabled = true;
  hashOnly.nextElementSibling.append(` ${page.hash_only_https}`);
}

const asked = new URLSearchParams(location.search);
const came = globalThis.arrivals.start(({ way, files, text }) => {
  if (files.length) take(files);
  else if (addressIn(text)) bring(text);
  else if (way === "pasted") refuse(page.no_clipboard, page.no_clipboard_detail);
  else refuse(page.no_file, page.no_file_detail);
});
if (came); // dropped or pasted before this module was there
else if (input.files.length) take([...input.files]);
else if (asked.has("report")) answer(() => (/^[0-9a-f]{32}$/.test(asked.get("report")) ? loadReport(asked.get("report")) : notAnAddress()), null, page.loading);
else if (asked.has("source")) propose(asked.get("source"));

/** What a reader has handed in. */
function take(files) {
  input.value = "";
  if (files.length > MOST_FILES) return refuse(fill(page.too_many, { most: MOST_FILES }), fill(page.too_many_detail, { count: files.length }));
  list.replaceChildren();
  if (files.length === 1) return open({ file: files[0], tell: () => {} });
  begin("");
  given.replaceChildren();
  list.replaceChildren(fileList(files, { open, compare }));
  list.querySelector("button").focus();
}

/** Verifies one file, or shows again what was found about it. */
async function open(line) {
  const { file, report, tell: told } = line;
  if (report) {
    begin("");
    return show(report, file);
  }
  if (!file.size || file.size > mostBytes) return refuseSize(file);
  told(page.in_work);
  const said = await (hashOnly.checked ? answer(verifyDigest, file, page.hashing) : answer(verifyFile, file, page.sending));
  if (said instanceof Failure) told(said.message);
  else if (said) told(wording(said)?.title ?? said.headline.text);
  else told(page.not_opened);
  if (said && !(said instanceof Failure) && !hashOnly.checked) line.report = said;
}

/** A picture from an address that its reader has pasted, dropped or typed. */
function bring(text) {
  const address = addressIn(text);
  if (!address) return refuse(page.source_none, page.source_https_only);
  return answer((_, { signal }) => fetchPicture(address, mostBytes, signal), null, fill(page.fetching, { host: address.host }), (file) => take([file]));
}

/** A link's address is shown, and fetched only when its reader says so. */
function propose(text) {
  const address = addressIn(text);
  if (!address) return refuse(page.source_none, page.source_https_only);
  problem.replaceChildren(offer(address, () => bring(text)));
}

/** Runs a request, and shows its result. `file` is null where there is none yet; `left` is how often it is sent again.
 *  The result, a Failure, or null where another request took its place. */
async function answer(ask, file, saying, done = show, left = MOST_RETRIES) {
  const request = begin(saying);
  if (file) hold([file].flat());
  let quiet;
  const heard = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      say(page.slow);
      quiet = setTimeout(() => request.abort(new Failure(page.silent, page.silent_detail, { retryAfter: 1 })), (SILENT_SECONDS - SLOW_SECONDS) * 1000);
    }, SLOW_SECONDS * 1000);
  };
  const sent = (share) => {
    if (request.signal.aborted) return;
    heard();
    progress.hidden = share >= 1;
    progress.value = share;
    if (share >= 1) say(page.searching);
  };
  const abandoned = new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
  heard();
  try {
    const found = await Promise.race([ask(file, { keep: keep.checked, signal: request.signal, progress: sent }), abandoned]);
    if (request.signal.aborted) return null;
    done(found, file);
    return found;
  } catch (error) {
    if (request !== current) return null;
    if (!(error instanceof Failure)) throw error;
    progress.hidden = true;
    clearTimeout(quiet);
    if (error.soon && left > 0 && (await pause(error, request.signal))) return answer(ask, file, saying, done, left - 1);
    if (request !== current) return null;
    say("");
    tell(error, error.retryAfter ? () => answer(ask, file, saying, done) : null);
    return error;
  } finally {
    clearTimeout(quiet);
  }
}

/** Waits as long as the service asks for, visibly. Whether that has passed; else its reader has stopped it, or asks for
 *  something else. A screen reader is told once. */
function pause({ message, retryAfter }, signal) {
  say(`${message}. ${fill(page.retrying, { seconds: retryAfter })}`);
  return new Promise((resolve) => {
    const count = h("span", { class: "small", "aria-hidden": "true" });
    const end = (passed, focused) => {
      clearInterval(ticking);
      if (focused) input.focus({ preventScroll: true }); // the button is removed
      waiting.replaceChildren();
      waiting.hidden = true;
      resolve(passed);
    };
    const stop = h("button", { type: "button", class: "button", onclick: () => end(false, true) }, page.stop);
    let left = retryAfter;
    const tick = () => {
      if (left <= 0) return end(true, document.activeElement === stop);
      count.textContent = fill(page.retry_left, { seconds: left });
      left -= 1;
    };
    const ticking = setInterval(tick, 1000);
    signal.addEventListener("abort", () => end(false, document.activeElement === stop));
    waiting.replaceChildren(stop, count);
    waiting.hidden = false;
    tick();
  });
}

function begin(saying) {
  current.abort();
  current = new AbortController();
  if (problem.contains(document.activeElement)) input.focus({ preventScroll: true }); // its button is removed
  result.hidden = true;
  result.replaceChildren();
  problem.replaceChildren();
  progress.hidden = true;
  say(saying);
  return current;
}

/** Shows the pictures that are looked at; they stay where they are until a report shows them. */
function hold(files) {
  for (const each of held) if (!files.includes(each.file)) URL.revokeObjectURL(each.address);
  held = files.map((file) => held.find((each) => each.file === file) ?? { file, name: file.name, address: URL.createObjectURL(file) });
  given.replaceChildren(
    ...held.map(({ name, address }) => h("figure", {}, h("img", { src: address, alt: page.your_picture, onerror: (event) => event.target.remove() }), h("figcaption", { class: "small" }, quoted(name)))),
  );
}

function show(report, file) {
  if (file) hold([file]);
  given.replaceChildren();
  result.replaceChildren(...showReport(report, file ? held[0] : null, file && !hashOnly.checked ? () => answer(verifyInDetail, file, page.sending) : null));
  result.dataset.headline = report.headline.code;
  if (file) history.replaceState(null, "", reportAddress(report.kept_until ? report.id : null));
  reveal();
  if (report.matches.length) recheck(report.matches[0], { said: part("checked-here"), steps: part("proof") });
}

/** Compares two files with each other. */
function compare(first, second) {
  const wrong = [first, second].find(({ size }) => !size || size > mostBytes);
  if (wrong) return refuseSize(wrong);
  return answer(compareFiles, [first, second], page.comparing, (found, files) => {
    given.replaceChildren();
    result.replaceChildren(...showComparison(found, held, () => compare(second, first)));
    result.dataset.headline = found.headline.code;
    history.replaceState(null, "", reportAddress(null));
    reveal();
  });
}

function reveal() {
  result.hidden = false;
  progress.hidden = true;
  say("");
  if (!document.body.classList.contains("answered")) options.open = false;
  document.body.classList.add("answered");
  const headline = part("headline");
  headline.focus({ preventScroll: true });
  headline.scrollIntoView({ block: "start" });
}

/** Has this browser check the receipt itself, with modules that are loaded only then. */
async function recheck(match, shown) {
  let receipt;
  try {
    receipt = await import("./receipt.js");
  } catch {
    shown.said.textContent = phrases.receipt_not_checked_here;
    return;
  }
  await receipt.checkReceipt(match, shown);
}

function refuseSize({ size }) {
  if (!size) refuse(page.empty_file, page.empty_file_detail);
  else refuse(page.too_large, fill(page.too_large_detail, { size: fileSize(size), most: fileSize(mostBytes) }));
}

/** Says why nothing was done; what is shown stays, and what is under way goes on. */
function refuse(title, detail) {
  tell(new Failure(title, detail), null);
}

/** Shows why there is no report. */
function tell(failure, ask) {
  problem.replaceChildren(
    h(
      "div",
      { class: "notice strong" },
      h("h2", {}, failure.message),
      h("p", {}, quoted(failure.detail), failure.retryAfter ? ` ${fill(page.retry_in, { seconds: failure.retryAfter })}` : null),
      h("p", {}, page.nothing_checked),
      failure.open ? h("p", {}, h("a", { href: failure.open.href, target: "_blank", rel: "noopener noreferrer" }, page.source_open)) : null,
      ask ? h("button", { type: "button", class: "button", onclick: ask }, page.retry) : null,
      failure.request ? h("p", { class: "small" }, fill(page.request, { id: failure.request })) : null,
    ),
  );
  problem.scrollIntoView({ block: "nearest" });
}

function say(text) {
  status.textContent = text;
}

async function notAnAddress() {
  throw new Failure(unverified["not-found"].title, page.report_address);
}
