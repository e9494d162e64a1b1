// The verify page: takes a picture (chosen, dropped or pasted), calls the service, and shows the report or the failure.

import { h, quoted } from "./dom.js";
import { reportAddress, showReport } from "./report.js";
import { Failure, loadReport, verifyDigest, verifyFile } from "./service.js";
import { fileSize, fill, page, phrases, unverified } from "./words.js";

const form = document.querySelector("#ask");
const input = document.querySelector("#file");
const hashOnly = document.querySelector("#hash-only");
const keep = document.querySelector("#keep");
const options = document.querySelector("#options");
const status = document.querySelector("#status");
const progress = document.querySelector("#progress");
const problem = document.querySelector("#problem");
const result = document.querySelector("#result");
const mostBytes = Number(form.dataset.mostBytes);

let current = new AbortController(); // of the latest request: only that one may show its result
let address = null; // object URL of the picture shown

form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("change", () => take(input.files));
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
  else refuse(page.no_clipboard, page.no_clipboard_detail);
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  else refuse(page.no_file, page.no_file_detail);
});

if (!globalThis.crypto?.subtle) {
  hashOnly.disabled = true;
  hashOnly.nextElementSibling.append(` ${page.hash_only_https}`);
}
const earlier = new URLSearchParams(location.search).get("report");
if (input.files.length) take(input.files); // chosen before this module was there
else if (earlier !== null) answer(() => (/^[0-9a-f]{32}$/.test(earlier) ? loadReport(earlier) : notAnAddress()), null, page.loading);

function take(files) {
  const [file] = files;
  if (files.length > 1) refuse(page.one_at_a_time, fill(page.one_at_a_time_detail, { count: files.length }));
  else if (!file.size) refuse(page.empty_file, page.empty_file_detail);
  else if (file.size > mostBytes) refuse(page.too_large, fill(page.too_large_detail, { size: fileSize(file.size), most: fileSize(mostBytes) }));
  else if (hashOnly.checked) answer(verifyDigest, file, page.hashing);
  else answer(verifyFile, file, page.sending);
}

/** Runs a request, and shows its result. `file` is null for an earlier report. */
async function answer(ask, file, saying) {
  const request = begin(saying);
  const sent = (share) => {
    if (request.signal.aborted) return;
    progress.hidden = share >= 1;
    progress.value = share;
    if (share >= 1) say(page.searching);
  };
  try {
    const report = file ? await ask(file, { keep: keep.checked, signal: request.signal, progress: sent }) : await ask();
    if (request.signal.aborted) return;
    show(report, file);
  } catch (error) {
    if (request.signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    tell(error, error.retryAfter ? () => answer(ask, file, saying) : null);
  }
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

function show(report, file) {
  if (address) URL.revokeObjectURL(address);
  address = file ? URL.createObjectURL(file) : null;
  result.replaceChildren(...showReport(report, file ? { name: file.name, address } : null));
  result.dataset.headline = report.headline.code;
  result.hidden = false;
  progress.hidden = true;
  input.value = "";
  say("");
  if (!document.body.classList.contains("answered")) options.open = false;
  document.body.classList.add("answered");
  if (file) history.replaceState(null, "", reportAddress(report.kept_until ? report.id : null));
  const headline = result.querySelector("#headline");
  headline.focus({ preventScroll: true });
  headline.scrollIntoView({ block: "start" });
  if (report.matches.length) recheck(report.matches[0], { said: result.querySelector("#checked-here"), steps: result.querySelector("#proof") });
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

function refuse(title, detail) {
  begin("");
  tell(new Failure(title, detail), null);
}

/** Shows why there is no report. */
function tell(failure, ask) {
  progress.hidden = true;
  input.value = "";
  say("");
  problem.replaceChildren(
    h(
      "div",
      { class: "notice strong" },
      h("h2", {}, failure.message),
      h("p", {}, quoted(failure.detail), failure.retryAfter ? ` ${fill(page.retry_in, { seconds: failure.retryAfter })}` : null),
      h("p", {}, page.nothing_checked),
      ask ? h("button", { type: "button", class: "button", onclick: ask }, page.retry) : null,
      failure.request ? h("p", { class: "small" }, fill(page.request, { id: failure.request })) : null,
    ),
  );
}

function say(text) {
  status.textContent = text;
}

async function notAnAddress() {
  throw new Failure(unverified["not-found"].title, page.report_address);
}
