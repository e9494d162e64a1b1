// The two pictures overlaid, with a dividing line that is moved by a slider or by dragging in the picture.

import { h } from "./dom.js";
import { homographyOf, overlayTransform } from "./alignment.js";

/** A figure. `given` is the URL of the verified picture, whose size is in `input`; `marks` is drawn over both. */
export function slider(match, input, given, marks) {
  const homography = homographyOf(match);
  const laid = h("img", { class: "laid", src: match.asset.links.thumbnail, alt: "", draggable: "false" });
  const layer = h("div", { class: "layer" }, laid);
  const line = h("div", { class: "line", "aria-hidden": "true" });
  const frame = h(
    "div",
    { class: "frame parted" },
    h("img", { src: given, alt: "The registered picture over yours", draggable: "false" }),
    layer,
    marks,
    line,
  );
  const range = h("input", { type: "range", min: "0", max: "100", step: "1", value: "50", class: "part", "aria-label": "Line between the pictures" });
  const part = () => {
    frame.style.setProperty("--part", `${range.value}%`);
    range.setAttribute("aria-valuetext", `the registered picture on the left, ${range.value} % of the width`);
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
    homography ? null : h("p", { class: "notice" }, "The two pictures could not be aligned: the registered one is shown over yours without rotation or crop, so details are not in the same place."),
    frame,
    range,
    h("figcaption", { class: "ends" }, h("span", {}, "Left of the line: the registered picture"), h("span", {}, "Right: your picture")),
  );
  const { width, height } = input.width ? input : match.asset.media;
  figure.style.setProperty("--aspect", String(width / height)); // so that the whole figure fits the window
  return figure;
}
