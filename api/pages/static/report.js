// A verification report as panels: summary, the two pictures, process, issued by, advanced.

import { fact, h, quoted, table } from "./dom.js";
import { comparePictures } from "./pictures.js";
import { SUMMARY_AXES, axisName, basisName, capitalised, fields, fileSize, headlineName, phrases, time, validityName, valueName } from "./words.js";

/** The nodes of a report. `file` is {name, address} of the verified file, or null if it is not available. */
export function showReport(report, file) {
  const match = report.matches[0] ?? null;
  return [
    ...summary(report, match, file),
    match ? comparePictures(match, report.input, file?.address ?? null, ratesOf(report)) : null,
    axes(report),
    process(report),
    report.matches.length ? issuedBy(report.matches) : null,
    report.resembles?.items.length ? resembling(report.resembles) : null,
    advanced(report, match),
  ].filter(Boolean);
}

/** The measured rates of the comparison with the closest match, whose regions are shown. */
function ratesOf(report) {
  return report.findings.find((each) => each.error_rates.length)?.error_rates ?? [];
}

function summary(report, match, file) {
  const { media_type: type, width, height, size } = report.input;
  const told = [type && width ? `${type}, ${width} × ${height} pixels` : type, size ? fileSize(size) : "SHA-256 only, nothing else was sent"];
  return [
    h("h2", { id: "headline", tabindex: "-1" }, headlineName(report.headline.code)),
    h("p", { class: "lead" }, report.headline.text),
    match && match.standing.value !== "current"
      ? h("p", { class: "notice strong" }, h("strong", {}, `${match.standing.value}. `), quoted(match.standing.detail))
      : null,
    (match?.sources ?? []).map(({ detail }) => h("p", { class: "notice strong" }, quoted(detail))),
    h("p", { class: "small" }, file ? [quoted(file.name), ": "] : null, told.filter(Boolean).join(", "), `. Checked on ${time(report.created_at)}. `, ...keeping(report, file)),
  ];
}

/** Where the report is to be had again, and until when. One from before reports had an end is loaded from its link. */
function keeping({ id, kept_until: until }, file) {
  if (file && !until) return ["This report is not kept."];
  const link = h("a", { href: `/verify?report=${id}` }, "Link to this report");
  return [link, ", without the picture", until ? `, kept until ${time(until)}.` : "."];
}

function axes(report) {
  return h(
    "section",
    { class: "panel", "aria-labelledby": "axes-title" },
    h("h3", { id: "axes-title" }, "What was found"),
    h(
      "dl",
      { class: "axes" },
      SUMMARY_AXES.map((axis) => {
        const { value, summary: said } = report.axes[axis];
        return h("div", { "data-axis": axis }, h("dt", {}, axisName(axis)), h("dd", {}, h("strong", {}, valueName(value)), h("span", {}, said)));
      }),
    ),
  );
}

function process(report) {
  const { searched } = report;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "process-title" },
    h("h3", { id: "process-title" }, "How this was established"),
    h("ul", { class: "findings" }, report.findings.map(finding)),
    searched
      ? h("p", {}, `${searched.registrations.toLocaleString("en")} registration${searched.registrations === 1 ? " was" : "s were"} searched, by ${searched.fingerprints.join(", ")}.`)
      : h("p", {}, phrases.search_failed),
    report.matches.length ? h("div", { id: "checked-here", role: "status" }) : null,
    h("h4", {}, "What was not checked"),
    h("ul", {}, report.not_checked.map(({ what, why }) => h("li", {}, `${what}: ${why}`))),
  );
}

function finding(each) {
  return h(
    "li",
    {},
    h("p", {}, h("span", { class: "axis" }, axisName(each.axis)), " ", each.summary),
    h(
      "dl",
      { class: "facts small" },
      fact(fields.basis, basisName(each.basis)),
      fact(fields.could_be_forged_by, each.could_be_forged_by),
      fact(fields.does_not_show, each.does_not_show),
    ),
    each.error_rates.length ? errorRates(each.error_rates) : null,
  );
}

function errorRates(rates) {
  const share = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} in 100`;
  return h(
    "details",
    {},
    h("summary", {}, "How many differences of a size are found"),
    table(
      `Measured on: ${rates[0].test_set}`,
      ["Kind", "Size of the difference", "Found", "95 % interval", "False alarms", "Cases"],
      rates.map((rate) => [rate.kind ?? "", sizeOf(rate), share(rate.tpr), rate.interval.map(share).join(" to "), share(rate.fpr), rate.n.toLocaleString("en")]),
    ),
  );
}

function sizeOf({ area, test_set: measuredOn }) {
  return area ? `${area.map((edge) => Number((edge * 100).toPrecision(2))).join(" to ")} % of the picture` : measuredOn;
}

function issuedBy(matches) {
  const many = matches.length > 1;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "issued-title" },
    h("h3", { id: "issued-title" }, many ? `Issued by: ${matches.length} registrations` : "Issued by"),
    many ? h("p", {}, `Closest first, then in the order of the log. ${phrases.first_to_register}`) : null,
    matches.map(({ asset, standing, value, sources = [] }) =>
      h(
        "dl",
        { class: "facts" },
        many && value ? fact("Match", valueName(value)) : null,
        fact(fields.title, h("a", { href: asset.links.page }, quoted(asset.title ?? phrases.untitled))),
        fact(fields.publisher, quoted(asset.publisher.name), h("small", {}, `${asset.publisher.identity.established}: `, quoted(asset.publisher.identity.detail))),
        fact(fields.logged_at, `${time(asset.logged_at)}, as entry ${asset.index} of the log`),
        ["byline", "credit", "caption", "rights", "licence"].map((name) => {
          const word = (asset.from_file ?? []).includes(name) ? h("small", {}, phrases.from_file) : null;
          return asset[name] ? fact(fields[name], quoted(asset[name]), word) : null;
        }),
        fact(axisName("standing"), standing.value, h("small", {}, quoted(standing.detail))),
        sources.map(({ detail }) => fact(fields.parents, quoted(detail))),
        fact("Download", h("a", { href: asset.links.receipt }, "receipt"), asset.links.credentialed ? h("a", { href: asset.links.credentialed }, "signed copy") : null),
      ),
    ),
  );
}

function resembling({ older, items }) {
  return h(
    "section",
    { class: "panel", "aria-labelledby": "older-title" },
    h("h3", { id: "older-title" }, `Similar older registrations by other publishers: ${older}`),
    h("p", {}, items.length < older ? `${items.length} are listed. ` : null, phrases.first_to_register),
    items.map((each) =>
      h(
        "dl",
        { class: "facts" },
        fact(fields.title, h("a", { href: `/a/${each.id}` }, quoted(each.title ?? phrases.untitled))),
        fact(fields.publisher, quoted(each.publisher_name)),
        fact(fields.logged_at, `${time(each.logged_at)}, as entry ${each.index} of the log`),
        fact("Compared", valueName(each.value), h("small", {}, quoted(each.detail))),
        each.stated ? fact("Stated", "as a source of the newer registration") : null,
        each.taken_back ? fact(axisName("standing"), each.taken_back) : null,
      ),
    ),
  );
}

function advanced(report, match) {
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, h("h3", {}, "Advanced")),
    match ? h("div", { id: "proof" }, proof(match.proof)) : null,
    h("h4", {}, "The file"),
    h(
      "dl",
      { class: "facts" },
      fact("SHA-256", h("code", { class: "digest" }, report.input.sha256)),
      report.input.frames > 1 ? fact("Frames", `${report.input.frames}; only the first was examined`) : null,
      match?.comparison ? fact("Compared by", `${match.comparison.method}, on ${match.comparison.inliers} common points`) : null,
      report.marks.map((mark) => fact("Mark", `${mark.kind} in ${mark.location}: `, quoted(mark.value))),
    ),
    report.credential && report.credential.state !== "ABSENT" ? credential(report.credential) : null,
    h("p", {}, h("a", { href: report.links.self }, "The whole report as JSON")),
  );
}

function credential(read) {
  return [
    h("h4", {}, "The content credential (C2PA)"),
    h(
      "dl",
      { class: "facts" },
      fact("State", valueName(read.state)),
      read.signer ? fact("Signed by", quoted(read.signer)) : null,
      read.signed_at ? fact("Time-stamped", time(read.signed_at)) : null,
      fact("On a trust list", read.trust_list ? quoted(read.trust_list) : "on none used here"),
      read.certificate ? fact("Certificate", `${read.validity ? capitalised(validityName(read.validity)) : "valid"}, from ${time(read.certificate.valid_from)} to ${time(read.certificate.valid_until)}`) : null,
      (read.time_stamps ?? []).map((stamp) => fact(fields.time_stamps, stamp.time ? time(stamp.time) : "unreadable", ", by ", quoted(stamp.authority ?? phrases.nobody_named), stamp.trust_list ? [", on the list ", quoted(stamp.trust_list)] : `, ${phrases.time_stamp_on_no_list}`)),
      (read.redactions ?? []).map((address) => fact("Redacted", quoted(address))),
      read.remote_url ? fact("Kept at, not fetched", quoted(read.remote_url)) : null,
      read.manifest_id ? fact("Manifest", h("code", { class: "digest" }, read.manifest_id)) : null,
      read.problems.length ? fact("Status codes", quoted(read.problems.join(", "))) : null,
      read.ingredients.map((item) => fact(fields.parents, quoted(item.title ?? phrases.untitled.toLowerCase()), `: ${valueName(item.state)}`, item.problems.length ? [" (", quoted(item.problems.join(", ")), ")"] : null, item.remote_url ? [", at ", quoted(item.remote_url)] : null)),
      read.unlisted ? fact("Evaluated, not listed", `${read.unlisted} more actions, source types and ingredients`) : null,
    ),
  ];
}

/** The steps of a proof, and who checked each: the service, unless `here` has this browser's outcomes. */
export function proof({ index, steps, chain = [], checkpoint }, here = []) {
  const checkedBy = ({ number, outcome }) => {
    if (here.some((step) => step.number === number && step.outcome !== "not checked")) return phrases.checked_here;
    return outcome === "not checked" ? phrases.checked_by_nobody : phrases.checked_by_service;
  };
  return [
    h("h4", {}, `Proof of entry ${index}`),
    table("Steps of the proof", ["Step", "What", "Outcome", "Checked by", "Detail"], steps.map((step) => [step.number, step.name, h("strong", {}, step.outcome), checkedBy(step), quoted(step.detail)]), { caption: false }),
    chain.length
      ? [
          h("h4", {}, fields.parents),
          table(
            "Derivation",
            ["Record", "Relation, as stated", "Link", "Detail"],
            chain.map((link) => [h("a", { href: `/a/${link.parent}` }, `${link.parent.slice(0, 16)}…`), quoted(link.relation), h("strong", {}, link.state), quoted(link.detail)]),
            { caption: false },
          ),
        ]
      : null,
    checkpoint ? [h("h4", {}, "Checkpoint"), h("pre", { tabindex: "0", "aria-label": "Checkpoint", role: "region" }, h("code", {}, checkpoint))] : null,
  ];
}
