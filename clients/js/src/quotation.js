/** Quotation: a stranger's words inside a sentence of ours, which they cannot close. */

const MAX_QUOTED = 256;
const MARKS =
  /[\p{Pi}\p{Pf}"'`´\u201a\u201e\u275b-\u2760\u276e\u276f\u{1F676}-\u{1F678}\u02ba-\u02bd\u02ca\u02cb\u02dd\u02ee\u02f5\u02f6\u05f3\u05f4\u2032-\u2037\u2057\u300c-\u300f\u301d-\u301f\ufe41-\ufe44\uff02\uff07\uff62\uff63]/gu;
const SPACE = /(?!\ufeff)[\s\x1c-\x1f\x85]+/gu;
const UNPRINTABLE = /[\p{C}\p{Z}]/gu;

/**
 * `text` on one line between our quotation marks: marks in it become apostrophes, what cannot be shown is left out, and
 * what is longer than 256 characters ends in an ellipsis.
 * @param {string} text
 */
export function quote(text) {
  const words = text.replace(SPACE, " ").split(" ");
  const shown = words.map((word) => word.replace(UNPRINTABLE, "").replace(MARKS, "'")).filter(Boolean);
  const line = [...shown.join(" ").replace(/'+/g, "'")];
  return `“${line.length <= MAX_QUOTED ? line.join("") : `${line.slice(0, MAX_QUOTED - 1).join("").trimEnd()}…`}”`;
}
