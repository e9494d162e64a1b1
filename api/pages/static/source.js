// A picture from an address: fetched by this browser after an act of its reader, never by the service.

import { h, quoted } from "./dom.js";
import { Failure } from "./service.js";
import { fileSize, fill, page } from "./words.js";

/** The address of a picture in what was pasted, dropped or typed; null where it is none. */
export function addressIn(text) {
  const [line = ""] = text.split(/[\r\n]+/).filter((each) => each && !each.startsWith("#")); // text/uri-list, RFC 2483
  try {
    const address = new URL(line.trim());
    return ["https:", "http:"].includes(address.protocol) ? address : null;
  } catch {
    return null;
  }
}

/** The question whether to fetch what a link names: whoever made the link does not decide what this browser asks whom. */
export function offer(address, fetchIt) {
  return h(
    "div",
    { class: "notice strong" },
    h("h2", {}, page.source_asked),
    h("p", {}, quoted(address.href)),
    h("p", { class: "small" }, fill(page.source_note, { host: address.host })),
    h("button", { type: "button", class: "button", onclick: fetchIt }, fill(page.source_fetch, { host: address.host })),
  );
}

/** Fetches a picture of at most so many bytes. Rejects with a Failure that says how to bring it instead. */
export function fetchPicture(address, most, signal) {
  if (address.protocol !== "https:") return Promise.reject(new Failure(page.source_https, page.source_bring, { open: address }));
  const worker = new Worker(new URL("./fetch_worker.js", import.meta.url));
  const fetched = new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => {
      if (data.picture) resolve(new File([data.picture], nameIn(address)));
      else reject(failure(data, address, most));
    });
    worker.addEventListener("error", () => reject(failure({ failed: "refused" }, address, most)));
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  worker.postMessage({ address: address.href, most });
  return fetched.finally(() => worker.terminate());
}

function failure({ failed, status }, address, most) {
  const { host } = address;
  if (failed === "too-large") return new Failure(page.too_large, fill(page.source_too_large, { most: fileSize(most) }));
  if (failed === "status") return new Failure(fill(page.source_status, { host, status }), page.source_bring, { open: address });
  return new Failure(fill(page.source_refused, { host }), page.source_bring, { open: address });
}

function nameIn(address) {
  const last = address.pathname.split("/").pop();
  try {
    return decodeURIComponent(last) || address.host;
  } catch {
    return last;
  }
}
