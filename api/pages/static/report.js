// A verification report: what a reader is told first and the two pictures; then, folded, records, findings and proof.

import { fact, h, quoted, table } from "./dom.js";
import { ingredients } from "./ingredients.js";
import { comparePictures } from "./pictures.js";
import { strengths } from "./regions.js";
import { LANGUAGE, SUMMARY_AXES, axisName, basisName, capitalised, fields, fileSize, fill, headlineName, identityName, number, outcomeName, page, phrases, regions, standingName, stepName, time, validityName, valueName, wording } from "./words.js";

/** Of the report that is shown, what its sentences are in the language of the page. */
let sentences = {};

/** A sentence of the report in the language of the page; where that has none, marked as what it is: English. */
function say(text) {
  return Object.hasOwn(sentences, text) ? quoted(sentences[text]) : h("bdi", LANGUAGE === "en" ? {} : { lang: "en" }, text);
}

/** The nodes of a report. `file` is {file, name, address} of the verified file, or null if it is not available; `detail`, where
 *  there is one, has it compared in full detail. */
export function showReport(report, file, detail = null) {
  sentences = wording(report)?.sentences ?? {};
  const match = report.matches[0] ?? null;
  const given = file?.address ?? null;
  const older = report.resembles?.items.find(({ id }) => id === report.older_registration) ?? null;
  const several = report.matches.length > 1 || older;
  const compared = (each) =>
    comparePictures(each, report.input, given, ratesOf(report, each), {
      detail: each === match && each.asset.links.credentialed ? detail : null,
      names: several ? { reference: titled(page.registered_picture, each.asset.title) } : {},
    });
  const withOlder = (each) => comparedWithOlder(each, match, report, given);
  let panel = older ? withOlder(older) : match ? compared(match) : null;
  const show = (next) => {
    panel.replaceWith(next);
    panel = next;
    panel.focus();
  };
  return [
    ...summary(report),
    panel,
    measured(report),
    notices(match),
    handedIn(report, file),
    report.matches.length ? issuedBy(report.matches, several ? (each) => show(compared(each)) : null) : null,
    report.resembles?.items.length ? resembling(report.resembles, (each) => show(withOlder(each))) : null,
    established(report),
    ingredients(report.credential, report.id, file?.file),
    advanced(report, match),
    printed(report, match, file),
  ]
    .flat()
    .filter(Boolean);
}

/** The older registration beside the picture, where that is the newer one; else beside the newer one. */
function comparedWithOlder(older, { basis, asset }, { input, findings, resembles }, given) {
  const same = basis === "bytes" || basis === "pixels";
  const match = { basis: older.comparison ? "comparison" : "pixels", value: older.value, comparison: older.comparison, asset: { media: {}, links: { thumbnail: `/v1/assets/${older.id}/thumbnail` } } };
  const names = { ...(same ? {} : { query: titled(page.registered_picture, asset.title) }), reference: titled(page.older_picture, older.title) };
  const rates = findings.filter(({ code }) => code === "OLDER_REGISTRATION")[resembles.items.indexOf(older)]?.error_rates ?? [];
  return comparePictures(match, same ? input : asset.media, same ? given : asset.links.thumbnail, rates, { names, changed: page.older_changed });
}

function titled(name, title) {
  return `${name}: ${title ?? phrases.untitled}`;
}

/** The nodes of a comparison of two files with each other; `files` are {name, address} of them, and `again` compares the
 *  other way round. */
export function showComparison(answer, files, again) {
  const names = { query: page.first_picture, reference: page.second_picture };
  const links = { thumbnail: files[1].address, credentialed: files[1].address };
  const match = { basis: answer.basis, value: answer.headline.code, comparison: answer.comparison, difference_url: answer.difference, asset: { media: answer.reference, links } };
  const sides = [answer.file, answer.reference].map((input, at) => h("li", {}, quoted(files[at].name), `: ${described(input)}, SHA-256 `, h("code", { class: "digest" }, input.sha256)));
  return [
    ...summary(answer),
    comparePictures(match, answer.file, files[0].address, answer.error_rates, { names, pair: true }),
    measured(answer),
    h("ol", { class: "small" }, sides),
    h("p", {}, h("button", { type: "button", class: "button", onclick: again }, page.compare_swapped)),
  ].filter(Boolean);
}

/** The measured rates of the comparison with a match. The findings begin with one of each match, in their order. */
function ratesOf({ findings, matches }, match) {
  return findings[matches.indexOf(match)]?.error_rates ?? [];
}

/** What a reader is told first. */
function summary(report) {
  const said = wording(report);
  const headline = h("h2", { id: "headline", tabindex: "-1" }, said?.title ?? headlineName(report.headline.code));
  if (!said) return [headline, h("p", { class: "lead" }, report.headline.text)];
  const { warning, lead, vouched, remarks, ai } = said;
  return [
    headline,
    h("p", { class: "lead" }, warning ? [h("strong", { class: "warning" }, warning), " "] : null, lead),
    vouched ? h("p", { class: "vouched" }, vouched) : null,
    remarks.length ? h("p", { class: "remarks" }, remarks.join(" ")) : null,
    h("p", { class: "ai" }, ai),
  ];
}

function measured(report) {
  const said = wording(report)?.measured;
  return said ? h("p", { class: "small" }, said) : null;
}

/** What became of the record and of its sources, with the reasons as they were given. */
function notices(match) {
  if (!match) return null;
  const said = [...(match.standing.value === "current" ? [] : [match.standing.detail]), ...(match.sources ?? []).map(({ detail }) => detail)];
  return said.length ? h("div", { class: "notice strong" }, said.map((each) => h("p", {}, say(each)))) : null;
}

function described({ media_type: type, width, height, size }) {
  return [type && width ? `${type}, ${fill(page.pixels, { width, height })}` : type, size ? fileSize(size) : page.digest_alone].filter(Boolean).join(", ");
}

function handedIn(report, file) {
  return h("p", { class: "small" }, file ? [quoted(file.name), ": "] : null, described(report.input), ". ", fill(page.checked_on, { time: time(report.created_at) }), " ", ...keeping(report, file));
}

/** Where the report is to be had again, and until when. One from before reports had an end is loaded from its link. */
function keeping({ id, kept_until: until }, file) {
  if (file && !until) return [page.not_kept];
  const link = h("a", { href: reportAddress(id) }, page.report_link);
  return [link, `, ${page.without_picture}`, until ? `, ${fill(page.kept_until, { time: time(until) })}.` : "."];
}

/** The address of a report's page, in the language of this one where that was asked for. */
export function reportAddress(id) {
  const asked = new URLSearchParams(location.search).has("lang") ? `&lang=${LANGUAGE}` : "";
  return id ? `/verify?report=${id}${asked}` : `/verify${asked.replace("&", "?")}`;
}

function folded(id, title, ...inside) {
  return h("details", { class: "panel", id }, h("summary", {}, h("h3", {}, title)), ...inside);
}

function established(report) {
  const { searched } = report;
  return [
    report.matches.length ? h("div", { id: "checked-here", role: "status" }) : null,
    folded(
      "established",
      page.established,
      h(
        "dl",
        { class: "axes" },
        SUMMARY_AXES.map((axis) => {
          const { value, summary: said } = report.axes[axis];
          return h("div", { "data-axis": axis }, h("dt", {}, axisName(axis)), h("dd", {}, h("strong", {}, valueName(value)), say(said)));
        }),
      ),
      h("ul", { class: "findings" }, statements(report.findings).map(statement)),
      h("p", {}, searched ? (searched.registrations === 1 ? page.searched_one : fill(page.searched, { count: number(searched.registrations) })) : phrases.search_failed),
      h("h4", {}, page.not_checked),
      h("ul", {}, report.not_checked.map(({ what, why }) => h("li", {}, say(what), ": ", say(why)))),
    ),
  ];
}

/** The findings by what they state: those of several records that differ in the record alone are one statement. */
function statements(findings) {
  const alike = new Map();
  for (const each of findings) {
    const key = JSON.stringify([each.axis, each.code, each.basis, each.could_be_forged_by]);
    alike.set(key, [...(alike.get(key) ?? []), each]);
  }
  return [...alike.values()];
}

function statement(alike) {
  const [first] = alike;
  const rated = alike.find((each) => each.error_rates.length);
  const unshown = [...new Set(alike.map((each) => each.does_not_show))];
  return h(
    "li",
    {},
    h("p", {}, h("span", { class: "axis" }, axisName(first.axis)), alike.length === 1 ? say(first.summary) : null),
    alike.length > 1 ? h("ul", {}, alike.map((each) => h("li", {}, say(each.summary)))) : null,
    h(
      "dl",
      { class: "facts small" },
      fact(fields.basis, basisName(first.basis)),
      fact(fields.could_be_forged_by, say(first.could_be_forged_by)),
      fact(fields.does_not_show, say(unshown[0])),
    ),
    rated ? errorRates(rated.error_rates) : null,
  );
}

function errorRates(rates) {
  const of100 = (value) => number(value * 100, { maximumFractionDigits: value < 0.1 ? 1 : 0 });
  return h(
    "details",
    {},
    h("summary", {}, page.rates),
    table(
      fill(page.rates_on, { set: sentences[rates[0].test_set] ?? rates[0].test_set }),
      [page.rates_kind, page.rates_size, page.rates_found, page.rates_interval, page.rates_alarms, page.rates_cases],
      rates.map((rate) => [regions[rate.kind]?.label ?? rate.kind ?? "", sizeOf(rate), of100(rate.tpr), rate.interval.map(of100).join(" – "), of100(rate.fpr), number(rate.n)]),
    ),
  );
}

function sizeOf({ area, test_set: measuredOn }) {
  if (!area) return measuredOn;
  const [from, to] = area.map((edge) => number(edge * 100, { maximumSignificantDigits: 2 }));
  return fill(page.of_the_picture, { from, to });
}

/** The registrations by what matches: each one line that opens, of them the closest alone open. `compare`, where there is
 *  something to choose from, shows the picture beside one of them. */
function issuedBy(matches, compare) {
  const kinds = [...new Set(matches.map(({ value, asset }) => value ?? asset.id))];
  const many = matches.length > 1;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "issued-title" },
    h("h3", { id: "issued-title" }, many ? `${page.issued_by} (${fill(page.registrations, { count: matches.length })})` : page.issued_by),
    many ? h("p", { class: "small" }, `${page.closest_first} ${phrases.first_to_register}`) : null,
    many
      ? kinds.map((kind) => {
          const alike = matches.filter(({ value, asset }) => (value ?? asset.id) === kind);
          return h("div", { class: "statement" }, h("h4", {}, `${valueName(alike[0].value ?? "")} (${alike.length})`), alike.map((each) => line(each, each === matches[0], compare)));
        })
      : [issue(matches[0]), comparing(matches[0], compare)],
  );
}

function line(match, open, compare) {
  const { asset, standing } = match;
  const told = [quoted(asset.title ?? phrases.untitled), ", ", quoted(asset.publisher.name), `, ${time(asset.logged_at)}`, standing.value === "current" ? null : [", ", h("strong", {}, standingName(standing.value))]];
  return h("details", { open }, h("summary", {}, told), issue(match), comparing(match, compare));
}

/** What shows the comparison with one of several registrations. */
function comparing(shown, compare) {
  return compare ? h("p", {}, h("button", { type: "button", class: "button", onclick: () => compare(shown) }, page.show_comparison)) : null;
}

function issue({ asset, standing, sources = [] }) {
  return h(
    "dl",
    { class: "facts" },
    fact(fields.title, h("a", { href: asset.links.page }, quoted(asset.title ?? phrases.untitled))),
    fact(fields.publisher, h("a", { href: `/publishers/${asset.publisher.id}` }, quoted(asset.publisher.name)), h("small", {}, `${identityName(asset.publisher.identity.established)}: `, say(asset.publisher.identity.detail))),
    fact(fields.logged_at, fill(page.as_entry, { time: time(asset.logged_at), index: asset.index })),
    ["byline", "credit", "caption", "rights", "licence"].map((name) => {
      const word = (asset.from_file ?? []).includes(name) ? h("small", {}, phrases.from_file) : null;
      return asset[name] ? fact(fields[name], quoted(asset[name]), word) : null;
    }),
    standing.value === "current" ? null : fact(axisName("standing"), standingName(standing.value), h("small", {}, say(standing.detail))),
    sources.map(({ detail }) => fact(fields.parents, say(detail))),
    fact(page.download, h("a", { href: asset.links.receipt }, page.receipt), asset.links.credentialed ? h("a", { href: asset.links.credentialed }, page.signed_copy) : null),
  );
}

function resembling({ older, items }, compare) {
  return folded(
    "older",
    fill(page.older, { count: older }),
    h("p", { class: "small" }, items.length < older ? `${fill(page.listed, { count: items.length })} ` : null, phrases.first_to_register),
    items.map((each) => [
      h(
        "dl",
        { class: "facts" },
        fact(fields.title, h("a", { href: `/a/${each.id}` }, quoted(each.title ?? phrases.untitled))),
        fact(fields.publisher, quoted(each.publisher_name)),
        fact(fields.logged_at, fill(page.as_entry, { time: time(each.logged_at), index: each.index })),
        fact(page.compared, valueName(each.value), h("small", {}, say(each.detail))),
        each.stated ? fact(page.stated, page.stated_source) : null,
        each.taken_back ? fact(axisName("standing"), standingName(each.taken_back)) : null,
      ),
      comparing(each, each.comparison ? compare : null),
    ]),
  );
}

function advanced(report, match) {
  const methods = [...new Set(report.findings.map(({ method }) => method))];
  return folded(
    "advanced",
    page.advanced,
    match ? h("div", { id: "proof" }, proof(match.proof)) : null,
    h("h4", {}, page.the_file),
    h(
      "dl",
      { class: "facts" },
      fact("SHA-256", h("code", { class: "digest" }, report.input.sha256)),
      report.input.frames > 1 ? fact(page.frames, fill(page.frames_note, { count: report.input.frames })) : null,
      match?.comparison ? fact(page.compared_by, fill(page.compared_by_note, { method: match.comparison.method, points: match.comparison.inliers })) : null,
      match?.comparison?.regions.length ? fact(page.strengths, strengths(match.comparison.regions)) : null,
      report.searched ? fact(page.searched_by, report.searched.fingerprints.join(", ")) : null,
      methods.length ? fact(page.methods, methods.join(", ")) : null,
      report.marks.map((mark) => fact(page.mark, fill(page.mark_in, mark), " ", quoted(mark.value))),
    ),
    report.credential && report.credential.state !== "ABSENT" ? credential(report.credential) : null,
    h("p", {}, h("a", { href: report.links.self }, page.as_json)),
  );
}

/** What a sheet of paper needs beside that: which file, where the report is, and what the log had signed. */
function printed(report, match, file) {
  const checkpoint = match?.proof.checkpoint;
  return h(
    "div",
    { class: "printed" },
    h(
      "dl",
      { class: "facts" },
      fact("SHA-256", h("code", { class: "digest" }, report.input.sha256)),
      report.kept_until || !file ? fact(page.report_link, `${location.origin}/verify?report=${report.id}`) : null,
    ),
    checkpoint ? [h("h4", {}, page.checkpoint), h("pre", { class: "wrap" }, h("code", {}, checkpoint))] : null,
  );
}

function credential(read) {
  const { certificate, validity } = read;
  const state = validity ? capitalised(validityName(validity)) : page.certificate_valid;
  return [
    h("h4", {}, page.credential_title),
    h(
      "dl",
      { class: "facts" },
      fact(page.state, valueName(read.state)),
      read.signer ? fact(page.signed_by, quoted(read.signer)) : null,
      read.signed_at ? fact(page.stamped, time(read.signed_at)) : null,
      fact(page.trust_list, read.trust_list ? quoted(read.trust_list) : page.no_trust_list),
      certificate ? fact(page.certificate, fill(page.certificate_from_to, { state, from: time(certificate.valid_from), to: time(certificate.valid_until) })) : null,
      (read.time_stamps ?? []).map(stamp),
      (read.redactions ?? []).map((address) => fact(page.redacted, quoted(address))),
      read.remote_url ? fact(page.kept_at, quoted(read.remote_url)) : null,
      read.manifest_id ? fact(page.manifest, h("code", { class: "digest" }, read.manifest_id)) : null,
      read.problems.length ? fact(page.status_codes, quoted(read.problems.join(", "))) : null,
      read.unlisted ? fact(page.not_listed, fill(page.not_listed_note, { count: read.unlisted })) : null,
    ),
  ];
}

function stamp({ time: at, authority, trust_list: list }) {
  const on = list ? [`, ${page.on_the_list} `, quoted(list)] : `, ${phrases.time_stamp_on_no_list}`;
  return fact(fields.time_stamps, at ? time(at) : page.unreadable, `, ${page.by} `, quoted(authority ?? phrases.nobody_named), on);
}

/** The steps of a proof, and who checked each: the service, unless `here` has this browser's outcomes. */
export function proof({ index, steps, chain = [], checkpoint }, here = []) {
  const checkedBy = ({ number: step, outcome }) => {
    if (here.some((each) => each.number === step && each.outcome !== "not checked")) return phrases.checked_here;
    return outcome === "not checked" ? phrases.checked_by_nobody : phrases.checked_by_service;
  };
  return [
    h("h4", {}, fill(page.proof_of, { index })),
    table(page.proof_steps, [page.step, page.what, page.outcome, page.checked_by, page.detail], steps.map((step) => [step.number, stepName(step.number, step.name), h("strong", {}, outcomeName(step.outcome)), checkedBy(step), say(step.detail)]), { caption: false }),
    chain.length
      ? [
          h("h4", {}, fields.parents),
          table(
            page.derivation,
            [page.record, page.relation, page.link, page.detail],
            chain.map((link) => [h("a", { href: `/a/${link.parent}` }, `${link.parent.slice(0, 16)}…`), say(link.relation), h("strong", {}, say(link.state)), say(link.detail)]),
            { caption: false },
          ),
        ]
      : null,
    checkpoint ? [h("h4", {}, page.checkpoint), h("pre", { tabindex: "0", "aria-label": page.checkpoint, role: "region" }, h("code", {}, checkpoint))] : null,
  ];
}
