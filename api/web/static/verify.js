// The verify page: takes a picture in (chosen, dropped, pasted), asks the service, shows the report.

import { h } from "./dom.js";
import { showReport } from "./report.js";

const MOST_BYTES = 50 * 1024 * 1024; // as the service's default limit: refused here before it is sent

const form = document.querySelector("#ask");
const input = document.querySelector("#file");
const hashOnly = document.querySelector("#hash-only");
const status = document.querySelector("#status");
const progress = document.querySelector("#progress");
const result = document.querySelector("#result");

let asked = 0; // only the newest question may show its answer
let address = null; // object URL of the picture on show

input.addEventListener("change", () => input.files[0] && verify(input.files[0]));
form.addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (file) verify(file);
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
  const file = event.dataTransfer.files[0];
  if (file) verify(file);
  else say("That was no file. Save the picture first, then drop it here.");
});

const earlier = new URLSearchParams(location.search).get("report");
if (earlier && /^[0-9a-f]{32}$/.test(earlier)) load(earlier);

async function verify(file) {
  const question = ++asked;
  if (file.size > MOST_BYTES) {
    say(`${file.name} has ${Math.ceil(file.size / 1048576)} MB; at most 50 MB are examined.`);
    return;
  }
  hide();
  try {
    const report = hashOnly.checked ? await askByHash(file) : await askByFile(file);
    if (question !== asked) return;
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(file);
    show(report, address);
    history.replaceState(null, "", `/verify?report=${report.id}`);
  } catch (error) {
    if (question === asked) say(error.message);
  } finally {
    if (question === asked) progress.hidden = true;
    input.value = "";
  }
}

async function load(id) {
  say("Loading the report …");
  try {
    const response = await fetch(`/v1/verifications/${id}`);
    show(await read(response.status, await response.text()), null);
  } catch (error) {
    say(error.message);
  }
}

async function askByHash(file) {
  say("Hashing in this browser …");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const response = await fetch("/v1/verifications", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sha256 }),
  });
  return read(response.status, await response.text());
}

/** Uploads with progress, which fetch cannot tell. */
function askByFile(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/verifications");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    progress.hidden = false;
    progress.value = 0;
    say(`Sending ${file.name} …`);
    request.upload.addEventListener("progress", (event) => {
      progress.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      progress.removeAttribute("value");
      say("Looking it up and comparing …");
    });
    request.addEventListener("load", () => read(request.status, request.responseText).then(resolve, reject));
    request.addEventListener("error", () => reject(new Error("The service could not be reached. Nothing was checked.")));
    request.send(file);
  });
}

async function read(code, text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`The service answered with status ${code} and no report. Nothing was checked.`);
  }
  if (code === 200) return answer;
  throw new Error(`${answer.title ?? "Not checked"}. ${answer.detail ?? ""} (request ${answer.request_id ?? "unknown"})`);
}

function show(report, picture) {
  result.replaceChildren(...showReport(report, picture));
  result.hidden = false;
  say("");
  const headline = result.querySelector("#headline");
  headline.focus({ preventScroll: true });
  headline.scrollIntoView({ block: "start" });
}

function hide() {
  result.hidden = true;
  result.replaceChildren();
}

function say(text) {
  status.replaceChildren(text ? h("span", {}, text) : "");
}
