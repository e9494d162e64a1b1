// The two pictures overlaid: parted by a line that is moved by a slider or by dragging in the picture, or shown in turns.

import { h } from "./dom.js";
import { overlayTransform } from "./alignment.js";
import { fill, page } from "./words.js";

const TURN_MILLISECONDS = 1000; // slower than what counts as flashing (WCAG 2.3.1: three times a second)
const WHOLE = { zoom: 1, left: 0 };

/** {figure, pane, show(name), moved(look)}: a figure for the views "slider" and "blink", and the pane that zooms in it.
 *  `given` is the URL of the verified picture, whose size is in `input`; `marks` is drawn over both; `names` calls them
 *  by side. */
export function overlaid(match, input, given, homography, marks, names) {
  const laid = h("img", { class: "laid", src: match.asset.links.thumbnail, alt: "", draggable: "false" });
  const layer = h("div", { class: "layer" }, laid);
  const line = h("div", { class: "line", "aria-hidden": "true" });
  const both = fill(page.laid_over, { above: names.reference, below: names.query });
  const frame = h("div", { class: "frame parted" }, h("img", { src: given, alt: both, draggable: "false" }), layer, marks, line);
  const pane = h("div", { class: "pane" }, frame);
  const range = h("input", { type: "range", min: "0", max: "100", step: "1", value: "50", class: "part", "aria-label": page.line });
  let look = WHOLE;
  let turning = null; // the timer of the view "blink"; null in the other one
  let side = "query";

  /** Places the line in the frame, of which the pane shows a part. */
  const part = () => {
    const share = turning === null ? (look.left + range.value / 100) / look.zoom : Number(side === "reference");
    frame.style.setProperty("--part", `${Number((share * 100).toFixed(3))}%`);
    range.setAttribute("aria-valuetext", fill(page.line_at, { picture: names.reference, percent: range.value }));
  };
  const follow = (event) => {
    if (turning !== null || look.zoom > 1 || !event.isPrimary || !pane.hasPointerCapture(event.pointerId)) return;
    const { left, width } = pane.getBoundingClientRect();
    range.value = String(((event.clientX - left) / width) * 100);
    part();
  };
  range.addEventListener("input", part);
  pane.addEventListener("pointerdown", (event) => {
    pane.setPointerCapture(event.pointerId);
    follow(event);
  });
  pane.addEventListener("pointermove", follow);
  if (homography) {
    new ResizeObserver(() => {
      laid.style.transform = overlayTransform(homography, frame.clientWidth, frame.clientHeight) ?? "none";
    }).observe(frame);
  } else {
    laid.classList.add("unaligned");
  }

  const shown = h("span", { role: "status" });
  const turn = () => {
    side = side === "query" ? "reference" : "query";
    shown.setAttribute("aria-live", alone.checked ? "off" : "polite");
    shown.textContent = fill(page.shown_now, { picture: names[side] });
    part();
  };
  const alone = h("input", { type: "checkbox", checked: !matchMedia("(prefers-reduced-motion: reduce)").matches });
  const turns = h("div", { class: "controls" }, h("button", { type: "button", class: "button", onclick: turn }, page.blink_other), h("label", {}, alone, ` ${page.blink_alone}`), shown);
  const ends = h(
    "figcaption",
    { class: "ends" },
    h("span", {}, fill(page.line_left, { picture: names.reference })),
    h("span", {}, fill(page.line_right, { picture: names.query })),
  );
  const figure = h("figure", { class: "slider" }, homography ? null : h("p", { class: "notice" }, page.unaligned), pane, range, ends, turns);
  const { width, height } = input.width ? input : match.asset.media;
  figure.style.setProperty("--aspect", String(width / height)); // so that the whole figure fits the window
  return {
    figure,
    pane,
    show(name) {
      clearInterval(turning);
      turning = name === "blink" ? setInterval(() => (frame.isConnected ? alone.checked && turn() : clearInterval(turning)), TURN_MILLISECONDS) : null;
      range.hidden = ends.hidden = line.hidden = name === "blink";
      turns.hidden = name !== "blink";
      if (name === "blink") turn();
      else part();
    },
    moved(to) {
      look = to;
      part();
    },
  };
}
