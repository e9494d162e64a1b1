// The two pictures side by side, with what differs drawn over both: numbered boxes and a shaded overlay.

import { h, s } from "./dom.js";

const KINDS = { differs: "differs", outside: "outside the registered picture" };

/** A section with both pictures. `picture` is the object URL of the file handed in, or null when it is not at hand. */
export function comparePictures(match, picture) {
  const regions = match.comparison?.regions ?? [];
  const overlay = match.difference_url ? h("img", { class: "overlay", src: match.difference_url, alt: "" }) : null;
  const given = picture
    ? figure("The picture you gave", picture, regions, "query", overlay)
    : h("figure", {}, h("p", { class: "notice" }, "The picture that was verified is not kept, so only the registered one is shown."),
        h("figcaption", {}, "The picture that was verified"));
  const registered = figure("The registered picture", match.asset.links.thumbnail, regions, "reference", null);
  const stage = h("div", { class: "pictures" }, given, registered);
  return h(
    "section",
    { class: "panel compare", "aria-labelledby": "compare-title" },
    h("h3", { id: "compare-title" }, "Side by side"),
    stage,
    regions.length ? controls(stage, overlay) : null,
    regions.length ? legend(regions) : null,
    regions.length ? table(regions) : h("p", {}, noRegions(match)),
    transform(match.comparison),
  );
}

function figure(caption, source, regions, side, overlay) {
  const drawn = regions.filter((region) => region[side]);
  const image = h("img", { src: source, alt: caption, onerror: (event) => event.target.replaceWith(
    h("p", { class: "notice" }, "This browser cannot show that format; the boxes below still apply.")) });
  return h(
    "figure",
    {},
    h("div", { class: "frame" }, image, overlay, drawn.length ? boxes(drawn, regions, side) : null),
    h("figcaption", {}, caption),
  );
}

function boxes(drawn, all, side) {
  return s(
    "svg",
    { class: "regions", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn.map((region) => {
      const box = region[side];
      const at = { x: box.left * 100, y: box.top * 100, width: (box.right - box.left) * 100, height: (box.bottom - box.top) * 100 };
      return s("g", { class: region.kind }, s("rect", { ...at, class: "halo" }), s("rect", { ...at, class: "line" }));
    }),
  );
}

function controls(stage, overlay) {
  const show = (event) => stage.classList.toggle("bare", !event.target.checked);
  const fade = (event) => {
    if (overlay) overlay.style.opacity = event.target.value;
  };
  return h(
    "div",
    { class: "controls" },
    h("label", {}, h("input", { type: "checkbox", checked: true, onchange: show }), " Show the regions"),
    overlay
      ? h("label", {}, "Shading ", h("input", { type: "range", min: "0", max: "1", step: "0.05", value: "0.75", oninput: fade }))
      : null,
  );
}

function legend(regions) {
  const kinds = [...new Set(regions.map((region) => region.kind))];
  return h(
    "ul",
    { class: "legend" },
    kinds.map((kind) =>
      h("li", {}, s("svg", { viewBox: "0 0 24 16", width: "24", height: "16", "aria-hidden": "true", class: "regions" },
        s("g", { class: kind }, s("rect", { x: 2, y: 2, width: 20, height: 12, class: "halo" }), s("rect", { x: 2, y: 2, width: 20, height: 12, class: "line" }))),
        ` ${KINDS[kind] ?? kind} (${kind === "differs" ? "solid line" : "dashed line"})`),
    ),
  );
}

function table(regions) {
  const percent = (value) => `${Math.round(value * 100)} %`;
  return h(
    "table",
    { class: "region-list" },
    h("caption", {}, "Regions, measured in the picture you gave"),
    h("thead", {}, h("tr", {}, ["Region", "From the left", "From the top", "Share of the picture", "Strength"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      regions.map((region, index) =>
        h("tr", {}, [
          `${index + 1}: ${KINDS[region.kind] ?? region.kind}`,
          `${percent(region.query.left)} to ${percent(region.query.right)}`,
          `${percent(region.query.top)} to ${percent(region.query.bottom)}`,
          `${(region.area * 100).toFixed(1)} %`,
          region.kind === "differs" ? region.strength.toFixed(2) : "–",
        ].map((text) => h("td", {}, text)))),
    ),
  );
}

function noRegions(match) {
  if (match.basis === "bytes") return match.signed_copy ? "The bytes are those of the credentialed copy." : "The bytes are the same.";
  if (match.basis === "pixels") return "Every decoded pixel is the same.";
  if (match.basis === "fingerprint") return "The comparison could not confirm this candidate.";
  return "No difference above the threshold was found, at the resolution of the stored sketch.";
}

function transform(comparison) {
  const change = comparison?.transform;
  if (!change) return null;
  const said = [];
  if (change.mirrored) said.push("mirrored");
  if (Math.abs(change.rotation_degrees) >= 1) said.push(`rotated by ${change.rotation_degrees.toFixed(0)}°`);
  const { left, top, right, bottom } = change.crop;
  const seen = (right - left) * (bottom - top);
  if (seen < 0.985) said.push(`cropped to ${Math.round(seen * 100)} % of the registered picture`);
  if (comparison.colour_changed) said.push("changed in colour or brightness as a whole");
  return said.length ? h("p", {}, `Compared with the registered picture it is ${said.join(", ")}.`) : null;
}
