// The two pictures on top of each other, parted by a line that can be moved: by its slider, or by dragging in the picture.

import { h } from "./dom.js";
import { homographyOf, laidOver } from "./alignment.js";

/** A figure. `given` is the address of the picture with the pixel size of `input`; `marks` is drawn over both. */
export function slider(match, input, given, marks) {
  const homography = homographyOf(match);
  const laid = h("img", { class: "laid", src: match.asset.links.thumbnail, alt: "", draggable: "false" });
  const layer = h("div", { class: "layer" }, laid);
  const line = h("div", { class: "line", "aria-hidden": "true" });
  const frame = h(
    "div",
    { class: "frame parted" },
    h("img", { src: given, alt: "The registered picture, laid over the one you gave", draggable: "false" }),
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
      laid.style.transform = laidOver(homography, frame.clientWidth, frame.clientHeight) ?? "none";
    }).observe(frame);
  } else {
    laid.classList.add("unaligned");
  }
  part();
  const figure = h(
    "figure",
    { class: "slider" },
    homography ? null : h("p", { class: "notice" }, "The two could not be aligned here: the registered picture is shown unturned and uncropped over the one you gave, so things do not lie in the same place."),
    frame,
    range,
    h("figcaption", { class: "ends" }, h("span", {}, "Left of the line: the registered picture"), h("span", {}, "Right: the picture you gave")),
  );
  const { width, height } = input.width ? input : match.asset.media;
  figure.style.setProperty("--aspect", String(width / height)); // so that all of it can be seen at once
  return figure;
}
