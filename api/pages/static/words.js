// The catalogue in the language of the page, from provenance/sentences.json and its like; an unknown code is shown as it is.

/** The language of the page (BCP 47): the server has chosen one that the catalogue has. */
export const LANGUAGE = document.documentElement.lang;

// By their whole names: those who look an extension over refuse imports of computed ones.
const CATALOGUES = { de: () => import("./sentences.de.js"), en: () => import("./sentences.en.js") };
const { default: SENTENCES } = await CATALOGUES[LANGUAGE]();

export const { fields, lead, measured, numbers, page, phrases, places, problems, regions, thresholds, unverified } = SENTENCES;

/** The axes that the summary shows, in its order. */
export const SUMMARY_AXES = ["registration", "credential", "declared_origin", "proof", "assessment"];

const named = (names) => (code) => (Object.hasOwn(names, code) ? names[code] : code);

export const axisName = named(SENTENCES.axes);
export const valueName = named(SENTENCES.values);
export const headlineName = named(SENTENCES.headlines);
export const basisName = named(SENTENCES.bases);
export const standingName = named(SENTENCES.standings);
export const identityName = named(SENTENCES.identities);
export const relationName = named(SENTENCES.relations);
export const validityName = named(SENTENCES.validity);
export const outcomeName = named(SENTENCES.outcomes);

/** A step of checking a receipt by its number, from 1; else as it is called. */
export const stepName = (number, name) => SENTENCES.steps[number - 1] ?? name;

/** "In force" of "in force" */
export const capitalised = (text) => text[0].toUpperCase() + text.slice(1);

/** The catalogue's text with its placeholders filled in. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** What a reader is told first; null in a report that is older than that. */
export const wording = ({ headline: { wordings = [] } }) => wordings.find(({ language }) => language === LANGUAGE) ?? wordings[0] ?? null;

/** "22 November 2026 at 11:48:18 UTC" */
export function time(text) {
  return `${new Date(text).toLocaleString(LANGUAGE === "en" ? "en-GB" : LANGUAGE, { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" })} UTC`;
}

/** "1,792" */
export const number = (value, options = {}) => value.toLocaleString(LANGUAGE, options);

/** "66 KB", "3.4 MB" */
export function fileSize(bytes) {
  if (bytes < 1024) return fill(page.bytes, { count: bytes });
  return bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${number(bytes / 1048576, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`;
}
