// What a log shows contradicts what it showed this browser before: told, with what contradicts itself to be kept.

import { h, quoted } from "./dom.js";
import { phrases } from "./words.js";

/** The nodes of an alarm (`LogAlarm`). */
export function alarm({ kind, message, evidence: { origin, remembered, served } }) {
  const file = new Blob([JSON.stringify({ kind, origin, remembered, served }, null, 2)], { type: "application/json" });
  return [
    notice(phrases.log_contradicts, message),
    h("p", {}, h("a", { href: URL.createObjectURL(file), download: "log-evidence.json" }, phrases.log_evidence)),
  ];
}

/** Something that contradicts what was stated. */
export function notice(title, detail) {
  return h("div", { class: "notice strong" }, h("p", {}, h("strong", {}, `${title}. `), quoted(detail)));
}
