// The verified picture and the registered one, side by side or with a slider, and the differences drawn over them.

import { h } from "./dom.js";
import { boxes, legend, regionTable } from "./regions.js";
import { slider } from "./slider.js";
import { fill, lead, page, thresholds } from "./words.js";

const SHADING = 0.5; // as in the style sheet

/** A section with both pictures. `given` is the object URL of the verified file, or null if the file is not available. */
export function comparePictures(match, input, given, rates) {
  const regions = match.comparison?.regions ?? [];
  const registered = match.asset.links.thumbnail;
  const beside = h("div", { class: "pictures" },
    figure(given ? page.your_picture : page.verified_picture, given, input, marks(match, regions), given ? page.picture_unshown : page.picture_not_kept),
    figure(page.registered_picture, registered, match.asset.media, [boxes(regions, "reference")], page.picture_unshown));
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
    h("div", { class: "panel-head" }, h("h3", { id: "compare-title" }, page.two_pictures), given ? viewChoice(show, given) : null),
    stage,
    regions.length ? [controls(stage, match), legend(regions), regionTable(regions, stage, rates)] : h("p", {}, noRegions(match)),
    changes(match.comparison),
  );
}

function figure(caption, source, { width, height }, drawn, unshown) {
  const frame = h("div", { class: "frame" });
  const plate = () => {
    const note = h("p", { class: "plate" }, unshown);
    if (width && height) note.style.aspectRatio = `${width} / ${height}`;
    return note;
  };
  const picture = source ? h("img", { src: source, alt: caption, onerror: (event) => event.target.replaceWith(plate()) }) : plate();
  frame.append(picture, ...drawn.filter(Boolean));
  const element = h("figure", {}, frame, h("figcaption", {}, caption));
  if (width && height) element.style.setProperty("--aspect", String(width / height)); // so that both fit a window
  return element;
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
  const choice = h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, page.view), option("beside", page.side_by_side, true), option("slider", page.slider, false));
  const probe = new Image(); // no slider for a format that this browser cannot show
  probe.addEventListener("error", () => choice.remove());
  probe.src = given;
  return choice;
}

function controls(stage, match) {
  const boxesShown = (event) => stage.classList.toggle("no-boxes", !event.target.checked);
  const shade = (event) => {
    stage.style.setProperty("--shading", event.target.value);
    event.target.setAttribute("aria-valuetext", fill(page.opaque, { percent: Math.round(event.target.value * 100) }));
  };
  return h(
    "div",
    { class: "controls" },
    h("label", {}, h("input", { type: "checkbox", checked: true, onchange: boxesShown }), ` ${page.boxes}`),
    match.difference_url
      ? h("label", {}, `${page.shading} `, h("input", { type: "range", min: "0", max: "1", step: "0.05", value: SHADING, "aria-valuetext": fill(page.opaque, { percent: SHADING * 100 }), oninput: shade }))
      : null,
  );
}

function noRegions(match) {
  if (match.basis === "bytes") return match.signed_copy ? page.same_signed_copy : page.same_bytes;
  if (match.basis === "pixels") return match.value === "MATCH_WITH_DIFFERENCES" ? lead.shown_otherwise : lead.same_pixels;
  if (match.basis === "fingerprint") return page.compare_yourself;
  if (match.value === "SHARES_LAYOUT") return page.layout_only;
  return lead.nothing_differs;
}

function changes(comparison) {
  const change = comparison?.transform;
  if (!change) return null;
  const said = [];
  if (comparison.inverted) said.push(page.inverted);
  if (change.mirrored) said.push(page.mirrored);
  if (Math.abs(change.rotation_degrees) >= thresholds.turned_degrees) said.push(fill(page.rotated, { degrees: Math.abs(change.rotation_degrees).toFixed(0) }));
  const { left, top, right, bottom } = change.crop;
  const seen = (right - left) * (bottom - top);
  if (seen < thresholds.cropped_share) said.push(fill(page.cropped_to, { share: Math.round(seen * 100) }));
  if (comparison.colour_changed) said.push(page.recoloured);
  return said.length ? h("p", {}, fill(page.changed_as_a_whole, { changes: said.join(", ") })) : null;
}
