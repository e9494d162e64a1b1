// @ts-check
/**
 * A report, drawn: what a reader is told first and the two pictures; then who says so, times, the credential as the
 * registry has read it, and what this browser has checked itself. All that comes from a registry is text.
 * @module
 */

import { LANGUAGE, catalogue, nameOf, numberOf, said, timeOf } from "../words.js";
import { SignedCheckpoint } from "../countermark/index.js";
import { fact, h, quoted, table } from "../page/dom.js";
import { boxes, legend, regionTable } from "../page/regions.js";

/** @import { Match, Region, Report, Wording } from "../answers.js" */
/** @import { Alarm } from "../memory.js" */
/** @import { Answer, Registry } from "../registry.js" */

/** Object URLs; null where there is no picture. @typedef {{ given: string, registered: string | null, difference: string | null }} Pictures */

/**
 * The parts of a report: what comes first, and the rest.
 * @param {Answer} answer
 * @param {Registry} registry
 * @param {Pictures} pictures
 * @param {boolean} sent the picture itself was
 */
export function drawReport(answer, registry, pictures, sent) {
  const { report } = answer;
  // Where the registry itself says that the proof does not hold, nothing of the record is shown.
  const [closest] = report.axes.proof.value === "BROKEN" ? [] : report.matches;
  const regions = closest?.comparison?.regions ?? [];
  const stage = closest ? drawPictures(closest, report, pictures) : null;
  return {
    first: [...drawHeadline(report, registry, answer), stage],
    rest: [
      regions.length && stage ? [legend(regions), regionTable(regions, stage, report.findings.find((each) => each.error_rates.length)?.error_rates ?? [])] : null,
      drawChecks(answer, registry),
      closest ? drawRecord(closest, report, registry) : null,
      closest && report.matches.length > 1 ? drawOthers(report.matches.slice(1)) : null,
      drawReading(report, registry, sent),
      drawLinks(report, registry),
    ].flat(),
  };
}

/** The sentences in this language, or in the first that there is. @param {Report} report @returns {Wording | undefined} */
const wordingOf = ({ headline: { wordings } }) => wordings.find(({ language }) => language === LANGUAGE) ?? wordings[0];

/** A sentence of the registry, in this language where its report has it. @param {string} english @param {Report} report */
function inWords(english, report) {
  const said = wordingOf(report)?.sentences?.get(english);
  return h("small", said === undefined ? { lang: "en" } : {}, quoted(said ?? english));
}

/** @param {Report} report @param {Registry} registry @param {Answer} answer */
function drawHeadline(report, { host }, { unchecked }) {
  const { code } = report.headline;
  const told = wordingOf(report);
  // Of a known code the title is our own; several pictures in one have a title that counts them.
  const counted = catalogue.lead.several_title.replace("{count}", told?.title.match(/\d+/)?.[0] ?? "");
  const several = told?.title === counted ? counted : null;
  const title = several ?? (code in catalogue.headlines ? nameOf("headlines", code) : (told?.title ?? code));
  const heading = h("h2", { tabindex: "-1", "data-code": code }, title);
  if (!told) return [heading, h("p", { class: "lead" }, said("no_wording", { host }))];
  return [
    heading,
    unchecked ? h("p", { class: "notice strong" }, said("receipt_unchecked", { host })) : null,
    h("p", { class: "lead" }, told.warning ? [h("strong", { class: "warning" }, told.warning), " "] : null, told.lead),
    told.vouched ? h("p", { class: "vouched" }, told.vouched) : null,
    told.remarks.length ? h("p", { class: "remarks" }, told.remarks.join(" ")) : null,
    h("p", { class: "ai" }, told.ai),
  ];
}

/** @param {Match} match @param {Report} report @param {Pictures} pictures */
function drawPictures({ asset, comparison }, { input }, { given, registered, difference }) {
  const regions = comparison?.regions ?? [];
  const overlay = difference ? h("img", { class: "overlay", src: difference, alt: "" }) : null;
  return h(
    "div",
    { class: "stage pictures" },
    figure(catalogue.page.your_picture, given, input, [overlay, boxes(regions, "query")]),
    figure(catalogue.page.registered_picture, registered, asset.media, [boxes(regions, "reference")]),
  );
}

/** @param {string} caption @param {string | null} source @param {{ width: number | null, height: number | null }} size @param {unknown[]} drawn */
function figure(caption, source, { width, height }, drawn) {
  const plate = () => {
    const note = h("p", { class: "plate" }, catalogue.page.picture_unshown);
    if (width && height) note.style.aspectRatio = `${width} / ${height}`;
    return note;
  };
  const picture = source ? h("img", { src: source, alt: caption, onerror: (/** @type {Event} */ event) => /** @type {Element} */ (event.target).replaceWith(plate()) }) : plate();
  return h("figure", {}, h("div", { class: "frame" }, picture, drawn), h("figcaption", {}, caption));
}

/** What this browser found in the receipt, step by step. @param {Answer} answer @param {Registry} registry */
function drawChecks({ report, receipt, unchecked }, { host }) {
  const [closest] = report.matches;
  if (!closest) return null;
  const stated = closest.proof.steps;
  if (!receipt) {
    return h("p", { class: "checks" }, said(unchecked ? "receipt_unchecked" : "receipt_broken", { host }));
  }
  const held = receipt.steps.filter(({ outcome }) => outcome === "holds").length;
  const rows = receipt.steps.map(({ number, outcome, detail }) => {
    const theirs = stated.find((step) => step.number === number)?.outcome;
    const by = outcome !== "not checked" ? catalogue.phrases.checked_here : theirs && theirs !== "not checked" ? said("step_by_host", { host }) : catalogue.phrases.checked_by_nobody;
    const shown = outcome !== "not checked" || !theirs ? outcome : theirs;
    return [number, catalogue.steps[number - 1] ?? "", h("strong", {}, catalogue.outcomes[shown] ?? shown), by, h("span", { lang: "en" }, quoted(detail))];
  });
  const columns = ["step", "what", "outcome", "checked_by", "detail"].map((name) => catalogue.page[name]);
  return h(
    "details",
    { class: "checks" },
    h("summary", {}, said("checked_here", { held, all: receipt.steps.length })),
    table(catalogue.page.proof_steps, columns, rows, { caption: false, stacked: true }),
  );
}

/** @param {Match} match @param {Report} report @param {Registry} registry */
function drawRecord({ asset, standing }, report, registry) {
  const { publisher } = asset;
  const { fields } = catalogue;
  const vouched = said(`vouches_${publisher.identity.established.replace("-", "_")}`, { operator: registry.operator });
  return h(
    "dl",
    { class: "facts" },
    fact(fields.title, quoted(asset.title ?? catalogue.phrases.untitled)),
    fact(fields.publisher, quoted(publisher.name), h("small", {}, `${vouched} `, quoted(publisher.identity.detail))),
    fact(said("claimed_at"), timeOf(asset.claimed_at), h("small", {}, said("claimed_by"))),
    fact(fields.logged_at, timeOf(asset.logged_at), h("small", {}, said("logged_by", { host: registry.host, index: asset.index }))),
    /** @type {const} */ (["byline", "credit", "caption", "rights", "licence"]).map((name) => (asset[name] === null ? null : fact(fields[name], quoted(asset[name])))),
    standing.value === "current" ? null : fact(catalogue.axes.standing, h("strong", {}, standing.value), inWords(standing.detail, report)),
  );
}

const MAX_OTHERS = 20;

/** @param {Match[]} matches */
function drawOthers(matches) {
  const item = (/** @type {Match} */ { asset, value }) => h("li", {}, quoted(asset.title ?? catalogue.phrases.untitled), ", ", quoted(asset.publisher.name), `, ${timeOf(asset.logged_at)}: ${nameOf("values", value ?? "NOT_CHECKED")}`);
  return h("details", {}, h("summary", {}, said("others", { count: numberOf(matches.length) })), h("ul", {}, matches.slice(0, MAX_OTHERS).map(item)), h("p", { class: "small" }, said("others_unchecked")));
}

/** What the registry says that it has read of the file: nobody else has. @param {Report} report @param {Registry} registry @param {boolean} sent */
function drawReading(report, { host }, sent) {
  const { axes, credential, searched, resembles, older_registration: first } = report;
  const { page } = catalogue;
  const older = (resembles?.items ?? []).toSorted((one, other) => Number(other.id === first) - Number(one.id === first)).slice(0, MAX_OTHERS);
  return h(
    "dl",
    { class: "facts" },
    fact(
      said("credential", { host }),
      sent ? nameOf("values", axes.credential.value) : said("credential_unsent"),
      sent ? inWords(axes.credential.summary, report) : null,
      credential?.signer ? h("small", {}, `${page.signed_by}: `, quoted(credential.signer)) : null,
      credential?.signer ? h("small", {}, `${page.trust_list}: `, credential.trust_list ? quoted(credential.trust_list) : page.no_trust_list) : null,
      credential?.signed_at ? h("small", {}, `${page.stamped}: ${timeOf(credential.signed_at)}`) : null,
    ),
    searched ? fact(said("searched"), said("searched_count", { host, count: numberOf(searched.registrations) })) : null,
    older.length ? fact(said("older"), older.map((each) => h("span", { class: "line" }, quoted(each.title ?? catalogue.phrases.untitled), ", ", quoted(each.publisher_name), `, ${timeOf(each.logged_at)}`))) : null,
  );
}

/** @param {Report} report @param {Registry} registry */
function drawLinks({ id, kept_until: until, matches }, { address, host }) {
  const outside = (/** @type {string} */ path, /** @type {string} */ text) => h("a", { href: `${address}${path}`, target: "_blank", rel: "noopener noreferrer" }, text);
  const [closest] = matches;
  const kept = until && /^[0-9a-f]{32}$/.test(id);
  return h(
    "ul",
    { class: "links" },
    kept ? h("li", {}, outside(`/verify?report=${id}&lang=${LANGUAGE}`, said("link_report", { host })), ` (${said("kept_until", { time: timeOf(until) })})`) : null,
    closest ? h("li", {}, outside(closest.asset.links.page, said("link_registration", { host }))) : null,
  );
}

// Alarms -------------------------------------------------------------------------------------------------------------

/** One side of a contradiction. @param {string} note @param {string | undefined} address @param {string | undefined} time */
function side(note, address, time) {
  const { checkpoint, note: signed } = SignedCheckpoint.parse(new TextEncoder().encode(note));
  const root = [...checkpoint.root].slice(0, 8).map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const keys = signed.signatures.filter(({ name }) => name === checkpoint.origin).map(({ keyId }) => keyId);
  const by = address ? new URL(address).host : "?";
  return said("alarm_side", { size: numberOf(checkpoint.size), root: `${root}…`, keys: [...new Set(keys)].join(", "), host: by, time: time ? timeOf(time) : "?" });
}

/** An alarm: both that contradict each other, and a file of them to show to others. @param {Alarm} alarm @param {(blob: Blob) => string} addressOf */
export function drawAlarm(alarm, addressOf) {
  const { kind, origin, remembered, served, servedBy, raisedAt } = alarm;
  const file = new Blob([JSON.stringify(alarm, null, 2)], { type: "application/json" });
  const before = remembered.note === null ? said("alarm_keys", { keys: remembered.keys.map(keyId).join(", ") }) : side(remembered.note, remembered.shownBy, remembered.seenAt);
  return [
    h("h2", { tabindex: "-1", "data-alarm": kind }, said("alarm_title")),
    h(
      "div",
      { class: "notice strong alarm" },
      h("p", {}, said(`alarm_${kind.replace(" ", "_")}`, { origin })),
      h("dl", { class: "facts" }, fact(said("alarm_before"), quoted(before), kind === "other key" ? h("small", {}, said("alarm_keys", { keys: remembered.keys.map(keyId).join(", ") })) : null), fact(said("alarm_now"), quoted(side(served, servedBy, raisedAt)))),
      h("p", {}, said("alarm_do")),
      h("p", {}, h("a", { href: addressOf(file), download: "log-evidence.json" }, said("alarm_evidence"))),
    ),
  ];
}

/** @param {string} vkey */
export const keyId = (vkey) => vkey.split("+")[1] ?? "";
