// The verified picture and the registered one, side by side or with a slider, and the differences drawn over them.

import { homographyOf } from "./alignment.js";
import { h } from "./dom.js";
import { boxes, legend, regionTable } from "./regions.js";
import { closeLook } from "./look.js";
import { overlaid } from "./slider.js";
import { fill, lead, page, thresholds } from "./words.js";

const SHADING = 0.5; // as in the style sheet

/** A section with both pictures. `given` is the object URL of the verified file, or null if the file is not available;
 *  `detail`, where there is one, compares them once more in full detail; `names` calls the two pictures, by side, where that
 *  is not what they are called; `changed` says how the picture was changed as a whole; `pair`: nobody has registered either. */
export function comparePictures(match, input, given, rates, { detail = null, names = {}, changed = page.changed_as_a_whole, pair = false } = {}) {
  const regions = match.comparison?.regions ?? [];
  const called = { query: given ? page.your_picture : page.verified_picture, reference: page.registered_picture, ...names };
  const homography = homographyOf(match);
  const yours = figure(called.query, given, input, marks(match, regions), given ? page.picture_unshown : page.picture_not_kept);
  const registered = figure(called.reference, match.asset.links.thumbnail, match.asset.media, [boxes(regions, "reference")], page.picture_unshown);
  const beside = h("div", { class: "pictures" }, yours.element, registered.element);
  const over = given ? overlaid(match, input, given, homography, marks(match, regions), called) : null;
  const stage = h("div", { class: "stage" }, beside, over?.figure);
  const small = h("p", { class: "small", hidden: true });
  const shading = h("p", { class: "small", hidden: true });
  const look = closeLook(stage, homography);
  const whole = changes(match.comparison, pair ? page.pair_changed : changed);
  stage.setAttribute("aria-describedby", "look-keys");
  look.add(yours.pane, "query", ({ zoom }) => zoom > 1 && measure(yours.pane.querySelector(".overlay"), shading));
  look.add(registered.pane, "reference", ({ zoom }) => zoom > 1 && sharpen(stage, match.asset.links, small));
  if (over) look.add(over.pane, "query", over.moved);
  const show = (name) => {
    beside.hidden = name !== "beside";
    if (!over) return;
    over.figure.hidden = name === "beside";
    over.show(name);
  };
  show("beside");
  return h(
    "section",
    { class: "panel compare", "aria-labelledby": "compare-title", tabindex: "-1" },
    h("div", { class: "panel-head" }, h("h3", { id: "compare-title" }, page.two_pictures), look.buttons, given ? viewChoice(show, given) : null),
    stage,
    small,
    shading,
    h("p", { class: "small keys", id: "look-keys" }, page.zoom_keys),
    regions.length ? [controls(stage, match), legend(regions), regionTable(regions, stage, rates, pair ? page.pair_regions : undefined)] : null,
    whole ? h("p", {}, whole) : null,
    regions.length ? null : h("p", {}, noRegions(match, whole)),
    detail && match.comparison && match.comparison.reference !== "full detail" ? h("p", { class: "detail" }, h("button", { type: "button", class: "button", onclick: detail }, page.full_detail), " ", h("span", { class: "small" }, page.full_detail_note)) : null,
  );
}

/** Loads the registered picture in its own resolution once somebody looks closely, where one can be had; or says what is
 *  shown instead. */
function sharpen(stage, { thumbnail, credentialed }, said) {
  if (stage.dataset.looked) return;
  stage.dataset.looked = "closely";
  const shown = [...stage.querySelectorAll("img")].filter((each) => each.getAttribute("src") === thumbnail);
  const none = () => {
    said.textContent = fill(page.zoom_small, { width: shown[0].naturalWidth, height: shown[0].naturalHeight });
    said.hidden = !shown[0].naturalWidth;
  };
  if (!credentialed) return none();
  const whole = new Image();
  whole.addEventListener("load", () => shown.forEach((each) => (each.src = credentialed)));
  whole.addEventListener("error", none);
  whole.src = credentialed;
}

/** Says how finely the shading was compared, once somebody looks closely. */
async function measure(overlay, said) {
  if (!overlay || !said.hidden) return;
  said.hidden = false;
  await overlay.decode().catch(() => {});
  said.textContent = overlay.naturalWidth ? fill(page.zoom_shading, { width: overlay.naturalWidth, height: overlay.naturalHeight }) : "";
}

/** {element, pane}: a figure, and the pane that zooms in it. */
function figure(caption, source, { width, height }, drawn, unshown) {
  const frame = h("div", { class: "frame" });
  const plate = () => {
    const note = h("p", { class: "plate" }, unshown);
    if (width && height) note.style.aspectRatio = `${width} / ${height}`;
    return note;
  };
  const picture = source ? h("img", { src: source, alt: caption, width, height, draggable: "false", onerror: (event) => event.target.replaceWith(plate()) }) : plate();
  frame.append(picture, ...drawn.filter(Boolean));
  const pane = h("div", { class: "pane" }, frame);
  const element = h("figure", {}, pane, h("figcaption", {}, caption));
  const fit = (aspect) => element.style.setProperty("--aspect", String(aspect)); // so that both fit a window
  if (width && height) fit(width / height);
  else picture.addEventListener("load", () => fit(picture.naturalWidth / picture.naturalHeight));
  return { element, pane };
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
  const choice = h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, page.view), option("beside", page.side_by_side, true), option("slider", page.slider, false), option("blink", page.blink, false));
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

function noRegions(match, whole) {
  if (match.basis === "bytes") return match.signed_copy ? page.same_signed_copy : page.same_bytes;
  if (match.basis === "pixels") return match.value === "MATCH_WITH_DIFFERENCES" ? lead.shown_otherwise : lead.same_pixels;
  if (match.basis === "fingerprint") return page.compare_yourself;
  if (match.value === "SHARES_LAYOUT") return page.layout_only;
  return whole ? page.nothing_else : lead.nothing_differs;
}

function changes(comparison, told) {
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
  return said.length ? fill(told, { changes: said.join(", ") }) : null;
}
