// The two pictures overlaid, with a dividing line that is moved by a slider or by dragging in the picture.

import { h } from "./dom.js";
import { homographyOf, overlayTransform } from "./alignment.js";
import { fill, page } from "./words.js";

/** A figure. `given` is the URL of the verified picture, whose size is in `input`; `marks` is drawn over both. */
export function slider(match, input, given, marks) {
  const homography = homographyOf(match);
  const laid = h("img", { class: "laid", src: match.asset.links.thumbnail, alt: "", draggable: "false" });
  const layer = h("div", { class: "layer" }, laid);
  const line = h("div", { class: "line", "aria-hidden": "true" });
  const frame = h(
    "div",
    { class: "frame parted" },
    h("img", { src: given, alt: page.laid_over, draggable: "false" }),
    layer,
    marks,
    line,
  );
  const range = h("input", { type: "range", min: "0", max: "100", step: "1", value: "50", class: "part", "aria-label": page.line });
  const part = () => {
    frame.style.setProperty("--part", `${range.value}%`);
    range.setAttribute("aria-valuetext", fill(page.line_at, { percent: range.value }));
  };
  const follow = (event) => {
    const { left, width } = frame.getBoundingClientRect();
    range.value = String(((event.clientX - left) / width) * 100);
    part();
  };
  range.addEventListener("input", part);
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => frame.hasPointerCapture(event.pointerId) && follow(event));
  if (homography) {
    new ResizeObserver(() => {
      laid.style.transform = overlayTransform(homography, frame.clientWidth, frame.clientHeight) ?? "none";
    }).observe(frame);
  } else {
    laid.classList.add("unaligned");
  }
  part();
  const figure = h(
    "figure",
    { class: "slider" },
    homography ? null : h("p", { class: "notice" }, page.unaligned),
    frame,
    range,
    h("figcaption", { class: "ends" }, h("span", {}, page.line_left), h("span", {}, page.line_right)),
  );
  const { width, height } = input.width ? input : match.asset.media;
  figure.style.setProperty("--aspect", String(width / height)); // so that the whole figure fits the window
  return figure;
}
