// Asking the service: a picture, its digest alone, or an earlier report. What goes wrong becomes a Failure in plain words.

import { unverified, valueName } from "./words.js";

/** Why there is no report. `again`: seconds after which the same question may be asked again; null where it is no use. */
export class Failure extends Error {
  constructor(title, detail, { again = null, request = null } = {}) {
    super(title);
    this.detail = detail;
    this.again = again;
    this.request = request;
  }
}

/** The report on a file that is sent. `progress(share)` hears how much is sent; `signal` calls it off. */
export function verifyFile(file, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how much was sent
    request.open("POST", "/v1/verifications");
    request.setRequestHeader("Content-Type", "application/octet-stream");
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
    request.send(file);
  });
}

/** The report on a digest. The file stays here. */
export async function verifyDigest(file, { signal }) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return ask("/v1/verifications", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sha256 }),
    signal,
  });
}

/** A report that was made before. */
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

function read(status, text, retryAfter) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Failure("The service did not answer as expected", `Status ${status}, and no report.`, { again: 5 });
  }
  if (status === 200) return answer;
  const slug = String(answer.type ?? "").split(":").pop();
  const { title = answer.title ?? valueName("NOT_CHECKED"), detail = answer.detail ?? "" } = unverified[slug] ?? {};
  const again = status === 429 || status >= 500 ? Math.max(1, Number(retryAfter) || 5) : null;
  throw new Failure(title, detail, { again, request: answer.request_id });
}

function unreachable() {
  return new Failure("The service could not be reached", "Check the connection.", { again: 1 });
}
