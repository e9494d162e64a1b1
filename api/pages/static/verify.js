// The verify page: takes a picture (chosen, dropped or pasted), calls the service, and shows the report or the failure.

import { h, quoted } from "./dom.js";
import { showReport } from "./report.js";
import { Failure, loadReport, verifyDigest, verifyFile } from "./service.js";
import { fileSize, phrases, unverified } from "./words.js";

const form = document.querySelector("#ask");
const input = document.querySelector("#file");
const hashOnly = document.querySelector("#hash-only");
const keep = document.querySelector("#keep");
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
  else refuse("There is no picture on the clipboard", "A web address cannot be verified here. Save the picture, then choose or drop the file.");
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
  else refuse("That was not a file", "Save the picture first, then drop it here.");
});

if (!globalThis.crypto?.subtle) {
  hashOnly.disabled = true;
  hashOnly.nextElementSibling.append(" Needs a page over https.");
}
const earlier = new URLSearchParams(location.search).get("report");
if (earlier !== null) answer(() => (/^[0-9a-f]{32}$/.test(earlier) ? loadReport(earlier) : notAnAddress()), null, "Loading the report …");

function take(files) {
  const [file] = files;
  if (files.length > 1) refuse("One picture at a time", `You dropped or chose ${files.length} files. Choose one of them.`);
  else if (file.size > mostBytes) refuse("The file is too large", `It has ${fileSize(file.size)}; at most ${fileSize(mostBytes)} are examined.`);
  else if (hashOnly.checked) answer(verifyDigest, file, "Computing its SHA-256 here, in this browser …");
  else answer(verifyFile, file, "Sending the picture …");
}

/** Runs a request, and shows its result. `file` is null for an earlier report. */
async function answer(ask, file, saying) {
  const request = begin(saying);
  const sent = (share) => {
    if (request.signal.aborted) return;
    progress.hidden = share >= 1;
    progress.value = share;
    if (share >= 1) say("Searching and comparing …");
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
  result.hidden = false;
  progress.hidden = true;
  input.value = "";
  say("");
  document.body.classList.add("answered");
  if (file) history.replaceState(null, "", report.kept_until ? `/verify?report=${report.id}` : "/verify");
  const headline = result.querySelector("#headline");
  headline.focus({ preventScroll: true });
  headline.scrollIntoView({ block: "start" });
  if (report.matches.length) recheck(report.matches[0], result.querySelector("#checked-here"));
}

/** Has this browser check the receipt itself, with modules that are loaded only then. */
async function recheck(match, said) {
  let receipt;
  try {
    receipt = await import("./receipt.js");
  } catch {
    said.textContent = phrases.receipt_not_checked_here;
    return;
  }
  await receipt.checkReceipt(match, result);
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
      h("p", {}, quoted(failure.detail), failure.retryAfter ? ` Try again in ${failure.retryAfter} second${failure.retryAfter === 1 ? "" : "s"}.` : null),
      h("p", {}, "Nothing was checked, so this says nothing about the picture."),
      ask ? h("button", { type: "button", class: "button", onclick: ask }, "Try again") : null,
      failure.request ? h("p", { class: "small" }, `Request ${failure.request}`) : null,
    ),
  );
}

function say(text) {
  status.textContent = text;
}

async function notAnAddress() {
  throw new Failure(unverified["not-found"].title, "The address of a report ends with 32 letters and digits.");
}
