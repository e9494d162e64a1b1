// Labels for the codes of a report; an unknown code is shown as it is.

import SENTENCES from "./sentences.js"; // served from provenance/sentences.json

export const { fields, phrases, references, regions, thresholds, unverified } = SENTENCES;

/** The axes that the summary shows, in its order. */
export const SUMMARY_AXES = ["registration", "credential", "declared_origin", "proof", "assessment"];

const named = (names) => (code) => (Object.hasOwn(names, code) ? names[code] : code);

export const axisName = named(SENTENCES.axes);
export const valueName = named(SENTENCES.values);
export const headlineName = named(SENTENCES.headlines);
export const basisName = named(SENTENCES.bases);
export const validityName = named(SENTENCES.validity);

/** "In force" of "in force" */
export const capitalised = (text) => text[0].toUpperCase() + text.slice(1);

/** "22 November 2026 at 11:48:18 UTC" */
export function time(text) {
  return `${new Date(text).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" })} UTC`;
}

/** "66 KB", "3.4 MB" */
export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}
