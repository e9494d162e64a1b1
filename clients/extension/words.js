// @ts-check
/**
 * The extension's own sentences, in the browser's language (`_locales`), and the catalogue that the service's pages are
 * written in (`provenance/sentences.json` and its like), packed with the extension.
 * @module
 */

import { h } from "./page/dom.js";

/** @import { Fault, Values } from "./faults.js" */

/** @param {string} key @param {Values} [values] for the placeholders, as {host} */
export function said(key, values = {}) {
  const message = chrome.i18n.getMessage(key);
  if (!message) throw new Error(`no message ${key}`);
  return message.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** BCP 47: one that there are messages in. */
export const LANGUAGE = said("language");
document.documentElement.lang = LANGUAGE;

/** The catalogue of the service, in this language. @type {any} */
export const catalogue = (await (LANGUAGE === "de" ? import("./page/sentences.de.js") : import("./page/sentences.en.js"))).default;

/** A code's name in a part of the catalogue; a newer code is shown as it is. @param {string} part @param {string} code @returns {string} */
export const nameOf = (part, code) => (Object.hasOwn(catalogue[part], code) ? catalogue[part][code] : code);

/** "22 November 2026 at 11:48:18 UTC" @param {string | number} time ISO 8601, or milliseconds since 1970 */
export function timeOf(time) {
  const locale = LANGUAGE === "en" ? "en-GB" : LANGUAGE;
  return `${new Date(time).toLocaleString(locale, { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" })} UTC`;
}

/** @param {number | bigint} count */
export const numberOf = (count) => count.toLocaleString(LANGUAGE);

/** What went wrong, in one sentence. @param {Fault} fault @param {Values} [more] @returns {string} */
export const sentenceOf = ({ code, values }, more = {}) => said(code, { ...more, ...values });

/** Fills in each element that names a message: its text, or one of its attributes. @param {ParentNode} root */
export function translate(root) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-said]"))) {
    element.append(...paragraphs(said(String(element.dataset.said))));
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-label]"))) {
    element.setAttribute("aria-label", said(String(element.dataset.label)));
  }
}

/** @param {string} text */
const paragraphs = (text) => text.split("\n").flatMap((line, at) => (at ? [h("br"), line] : [line]));
