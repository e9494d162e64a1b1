// The verified picture and the registered one, side by side or with a slider, and the differences drawn over them.

import { h } from "./dom.js";
import { boxes, legend, regionTable } from "./regions.js";
import { slider } from "./slider.js";
import { references, thresholds } from "./words.js";

const SHADING = 0.5; // as in the style sheet

/** A section with both pictures. `given` is the object URL of the verified file, or null if the file is not available. */
export function comparePictures(match, input, given, rates) {
  const regions = match.comparison?.regions ?? [];
  const registered = match.asset.links.thumbnail;
  const beside = h("div", { class: "pictures" },
    figure(given ? "Your picture" : "The verified picture", given, input, marks(match, regions), given ? UNSHOWN : NOT_KEPT),
    figure("The registered picture", registered, match.asset.media, [boxes(regions, "reference")], UNSHOWN));
  const parted = given ? slider(match, input, given, marks(match, regions)) : null;
  const stage = h("div", { class: "stage" }, beside, parted);
  const show = (name) => {
    beside.hidden = name !== "beside";
    if (parted) parted.hidden = name !== "slider";
  };
  show("beside");
  return h(
    "section",
    { class: "panel compare", "aria-labelledby": "compare-title" },
    h("div", { class: "panel-head" }, h("h3", { id: "compare-title" }, "The two pictures"), given ? viewChoice(show, given) : null),
    stage,
    regions.length ? [controls(stage, match), legend(regions), regionTable(regions, stage, rates)] : h("p", {}, noRegions(match)),
    changes(match.comparison),
  );
}

const NOT_KEPT = "The verified picture is not kept. This frame has its proportions.";
const UNSHOWN = "This browser cannot show the picture. This frame has its proportions.";

function figure(caption, source, { width, height }, drawn, unshown) {
  const frame = h("div", { class: "frame" });
  const plate = () => {
    const note = h("p", { class: "plate" }, unshown);
    if (width && height) note.style.aspectRatio = `${width} / ${height}`;
    return note;
  };
  const picture = source ? h("img", { src: source, alt: caption, onerror: (event) => event.target.replaceWith(plate()) }) : plate();
  frame.append(picture, ...drawn.filter(Boolean));
  return h("figure", {}, frame, h("figcaption", {}, caption));
}

function marks(match, regions) {
  const overlay = match.difference_url
    ? h("img", { class: "overlay", src: match.difference_url, alt: "", draggable: "false", onerror: (event) => event.target.remove() })
    : null;
  return [overlay, boxes(regions, "query")].filter(Boolean);
}

function viewChoice(show, given) {
  const option = (name, text, checked) =>
    h("label", {}, h("input", { type: "radio", name: "view", value: name, checked, onchange: () => show(name) }), h("span", {}, text));
  const choice = h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "View"), option("beside", "Side by side", true), option("slider", "Slider", false));
  const probe = new Image(); // no slider for a format that this browser cannot show
  probe.addEventListener("error", () => choice.remove());
  probe.src = given;
  return choice;
}

function controls(stage, match) {
  const boxesShown = (event) => stage.classList.toggle("no-boxes", !event.target.checked);
  const shade = (event) => {
    stage.style.setProperty("--shading", event.target.value);
    event.target.setAttribute("aria-valuetext", `${Math.round(event.target.value * 100)} % opaque`);
  };
  return h(
    "div",
    { class: "controls" },
    h("label", {}, h("input", { type: "checkbox", checked: true, onchange: boxesShown }), " Numbered boxes"),
    match.difference_url
      ? h("label", {}, "Shading of differences ", h("input", { type: "range", min: "0", max: "1", step: "0.05", value: SHADING, "aria-valuetext": `${SHADING * 100} % opaque`, oninput: shade }))
      : null,
  );
}

function noRegions(match) {
  if (match.basis === "bytes") return match.signed_copy ? "The bytes are those of the credentialed copy." : "The bytes are the same.";
  if (match.basis === "pixels" && match.value === "MATCH_WITH_DIFFERENCES") return "Every decoded pixel over white is the same. What decides how they are shown, transparency or colour profile, is not.";
  if (match.basis === "pixels") return "Every decoded pixel is the same.";
  if (match.basis === "fingerprint") return "The comparison could not confirm that the two pictures match. Compare them yourself.";
  if (match.value === "SHARES_LAYOUT") return "A frame or a template agrees. Its content does not, or is too small to compare.";
  const { finest } = references[match.comparison?.reference] ?? references.sketch;
  return `No difference above the threshold was found, compared with ${finest}.`;
}

function changes(comparison) {
  const change = comparison?.transform;
  if (!change) return null;
  const said = [];
  if (comparison.inverted) said.push("inverted in its colours");
  if (change.mirrored) said.push("mirrored");
  if (Math.abs(change.rotation_degrees) >= thresholds.turned_degrees) said.push(`rotated by ${Math.abs(change.rotation_degrees).toFixed(0)}°`);
  const { left, top, right, bottom } = change.crop;
  const seen = (right - left) * (bottom - top);
  if (seen < thresholds.cropped_share) said.push(`cropped to ${Math.round(seen * 100)} % of its area`);
  if (comparison.colour_changed) said.push("changed in colour or brightness as a whole");
  return said.length ? h("p", {}, `Compared with the registered picture, yours is ${said.join(", ")}.`) : null;
}
