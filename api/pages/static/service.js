// Requests to the service: verify a picture, verify its digest alone, load an earlier report. Errors become a Failure.

import { LANGUAGE, fill, page, problems, unverified, valueName } from "./words.js";

const SHORT_SECONDS = 10; // as long as somebody waits for a page and does not turn to something else

/** Why there is no report. `retryAfter`: seconds before a retry; null if a retry cannot help. `soon`: so few, by the
 *  service's word, that nobody needs to be asked. `open`: the address of a
 *  picture that its reader has to bring. */
export class Failure extends Error {
  constructor(title, detail, { retryAfter = null, soon = false, request = null, open = null } = {}) {
    super(title);
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.soon = soon;
    this.request = request;
    this.open = open;
  }
}

/** Uploads a file and returns the report. `progress(share)` is called during the upload; `signal` aborts it; `keep`: the
 *  report is kept for as long as the service says, whatever was found. */
export function verifyFile(file, { keep, progress, signal }) {
  return upload(address(keep), file, { progress, signal });
}

/** As `verifyFile`, with the registered picture compared over the whole at up to its own resolution. */
export function verifyInDetail(file, { keep, progress, signal }) {
  return upload(`${address(keep)}${keep ? "&" : "?"}detail=full`, file, { progress, signal });
}

/** Uploads two files and returns how the first compares with the second; as `verifyFile` otherwise. */
export function compareFiles([file, reference], { progress, signal }) {
  const form = new FormData();
  form.append("file", file);
  form.append("reference", reference);
  return upload("/v1/comparisons", form, { progress, signal });
}

function upload(to, body, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch has no upload progress
    request.open("POST", to);
    if (body instanceof File) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept-Language", LANGUAGE);
    request.upload.addEventListener("progress", (event) => progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      try {
        resolve(read(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      } catch (error) {
        reject(error);
      }
    });
    request.addEventListener("error", () => reject(unreachable()));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/** Returns the report on a file's digest. The file is not sent. */
export async function verifyDigest(file, { keep, signal }) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return ask(address(keep), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sha256 }),
    signal,
  });
}

function address(keep) {
  return `/v1/verifications${keep ? "?keep=true" : ""}`;
}

/** Returns a report that is kept. */
export function loadReport(id) {
  return ask(`/v1/verifications/${id}`, {});
}

async function ask(address, options) {
  let response, text;
  try {
    response = await fetch(address, options);
    text = await response.text();
  } catch {
    throw unreachable();
  }
  return read(response.status, text, response.headers.get("Retry-After"));
}

function read(status, text, header) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Failure(page.unexpected, fill(page.unexpected_detail, { status }), { retryAfter: 5 });
  }
  if (status === 200) return answer;
  const slug = String(answer.type ?? "").split(":").pop();
  const { title = answer.title ?? valueName("NOT_CHECKED"), detail = answer.detail ?? "" } = { ...problems[slug], ...unverified[slug] };
  const retryAfter = status === 429 || status >= 500 ? Math.max(1, Number(header) || 5) : null;
  const soon = (status === 429 || status === 503) && Number(header) > 0 && retryAfter <= SHORT_SECONDS;
  throw new Failure(title, detail, { retryAfter, soon, request: answer.request_id });
}

function unreachable() {
  return new Failure(page.unreachable, page.unreachable_detail, { retryAfter: 1 });
}
