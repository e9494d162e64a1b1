/** The file that a receipt is checked with: step 9 of checking a receipt. @module */

import { toHex as hex } from "./bytes.js";
import { ProofInvalid } from "./errors.js";

/** @import { Record } from "./records.js" */

/**
 * What a decoded file shows: digests of its pixels, of these with what decides how they are shown, and what the file has
 * beside its pixels, by name ("transparency", "colour profile", "colour values").
 * @typedef {{ sha256: Uint8Array, shownSha256?: Uint8Array, beside?: string[] }} MediaPixels
 */

/** @typedef {{ sha256?: string, method?: string, coversColours: boolean, mayHaveColours: boolean }} Appearance */

/** @typedef {{ sha256: string, pixels: string, shown: Appearance }} StatedFile */

const COLOURS = "colour values";
const STATE_COLOURS = ["image/png", "image/avif", "image/heic"];

/** The registered file, then its signed copies; empty for another record than a registration. @param {Record} record @returns {StatedFile[]} */
export function statedFiles(record) {
  if (record.type !== "asset.registered") return [];
  const { media, credential } = record;
  const copies = credential?.signed ? [credential.signed.sha256, credential.private_sha256] : [];
  const file = (/** @type {string} */ sha256, /** @type {typeof media} */ stated) => ({
    sha256,
    pixels: stated.pixels_sha256,
    shown: appearance(stated),
  });
  return [
    file(media.sha256, media),
    ...copies.flatMap((sha256) => (sha256 && credential?.signed ? [file(sha256, credential.signed)] : [])),
  ];
}

/** @param {{ shown_sha256?: string, shown_method?: string, media_type: string }} stated @returns {Appearance} */
function appearance({ shown_sha256, shown_method, media_type }) {
  const mayHaveColours = STATE_COLOURS.includes(media_type);
  return { sha256: shown_sha256, coversColours: shown_method !== undefined || !mayHaveColours, mayHaveColours };
}

/** @typedef {"same" | "colours unknown" | "unknown" | "differs"} AppearanceMatch */

/** @param {Appearance} one @param {Appearance} other @returns {AppearanceMatch} */
function compareAppearance(one, other) {
  if (one.sha256 === undefined || other.sha256 === undefined) return "unknown";
  const covered = one.coversColours && other.coversColours;
  if (one.sha256 === other.sha256) return covered ? "same" : "colours unknown";
  const unlike = !covered && [one, other].some((each) => each.coversColours && each.mayHaveColours);
  return unlike ? "unknown" : "differs";
}

/**
 * In words, which file of the record this is. Throws ProofInvalid where neither its bytes nor its pixels are.
 * @param {Record} record
 * @param {string | undefined} sha256 of the bytes, hexadecimal
 * @param {MediaPixels | null} pixels
 */
export function compareMedia(record, sha256, pixels) {
  const [registered, ...copies] = statedFiles(record);
  if (!registered) throw new ProofInvalid(`a record of type ${record.type} states no media`);
  if (sha256 === registered.sha256) return "these are the registered bytes";
  if (copies.some((copy) => copy.sha256 === sha256)) return "these are the bytes of the credentialed copy";
  const shown = pixels && {
    sha256: pixels.shownSha256 && hex(pixels.shownSha256),
    coversColours: true,
    mayHaveColours: pixels.beside?.includes(COLOURS) ?? false,
  };
  const found = [registered, ...copies]
    .filter((file) => pixels && file.pixels === hex(pixels.sha256))
    .map((file) => compareAppearance(/** @type {Appearance} */ (shown), file.shown));
  if (!found.length) {
    throw new ProofInvalid("these are neither the registered bytes nor pixels, nor those of the credentialed copy");
  }
  const same = sha256 ? "same decoded pixels, other bytes" : "same decoded pixels";
  if (found.includes("same")) return same;
  if (found.includes("colours unknown")) return `${same}; not covered: ${COLOURS} of the registered file`;
  if (found.includes("unknown")) {
    const uncovered = pixels?.beside?.join(", ") || "transparency and colour profile of the registered file";
    return `${same}; not covered: ${uncovered}`;
  }
  throw new ProofInvalid(
    "same decoded pixels over white, and another transparency, colour profile or colour values to show them",
  );
}
