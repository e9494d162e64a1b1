// The regions of a comparison: numbered boxes over the pictures, a legend, and an equivalent table.

import { h, table } from "./dom.js";
import { regions as kinds } from "./words.js";

/** The boxes over a picture. `side`: "query" or "reference". For screen readers the table has the same information. */
export function boxes(regions, side) {
  return h(
    "div",
    { class: "boxes", "aria-hidden": "true" },
    regions.map((region, at) => {
      const box = region[side];
      if (!box) return null;
      const element = h("div", { class: `box ${region.kind}`, "data-region": at + 1 }, h("span", { class: "number" }, at + 1));
      // Set by script: the page's security policy forbids style attributes.
      element.style.left = share(box.left);
      element.style.top = share(box.top);
      element.style.width = share(box.right - box.left);
      element.style.height = share(box.bottom - box.top);
      element.classList.toggle("at-top", box.top < 0.08);
      return element;
    }),
  );
}

/** The legend of the kinds that occur. */
export function legend(regions) {
  const occurring = [...new Set(regions.map((region) => region.kind))];
  return h(
    "ul",
    { class: "legend" },
    occurring.map((kind) => {
      const { line, means } = kinds[kind] ?? { line: "line", means: "" };
      return h("li", {}, h("span", { class: `sample ${kind}`, "aria-hidden": "true" }), h("span", {}, h("strong", {}, kind), ` (${line}): ${means}`));
    }),
  );
}

/** The table of regions. Its numbers are buttons, which highlight the box of that number in the pictures in `stage`. */
export function regionTable(regions, stage, rates) {
  const buttons = regions.map((region, at) =>
    h(
      "button",
      { type: "button", class: `number ${region.kind}`, "aria-pressed": "false", "aria-label": `Region ${at + 1}`, onclick: (event) => toggle(event.currentTarget) },
      at + 1,
    ),
  );
  const toggle = (pressed) => {
    const on = pressed.getAttribute("aria-pressed") !== "true";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed && on));
    stage.classList.toggle("one-region", on);
    for (const box of stage.querySelectorAll(".box")) box.classList.toggle("chosen", on && box.dataset.region === pressed.textContent);
  };
  return table(
    "Regions, measured in the verified picture",
    ["Region", "Kind", "Where", "Share of the picture", "Strength, 0 to 1", "As measured"],
    regions.map((region, at) => [
      buttons[at],
      region.kind,
      where(region.query),
      `${(region.area * 100).toFixed(1)} %`,
      region.kind === "outside" ? "–" : region.strength.toFixed(2),
      measured(region, rates),
    ]),
  );
}

/** The measured rates of missed regions of this kind and size, and of false alarms. */
function measured({ kind, area }, rates) {
  if (kind === "outside") return "–";
  const rate = rates.find((each) => each.kind === kind && each.area[0] <= area && area <= each.area[1]);
  if (!rate) return "not measured for this size";
  const inHundred = (value) => `${(value * 100).toFixed(1)} in 100`;
  return [`${inHundred(1 - rate.tpr)} such edits are missed`, h("br"), h("small", {}, `${inHundred(rate.fpr)} copies without an edit show one`)];
}

function where({ left, top, right, bottom }) {
  const third = (value) => Math.min(2, Math.floor(value * 3));
  const row = ["upper", "middle", "lower"][third((top + bottom) / 2)];
  const column = ["left", "centre", "right"][third((left + right) / 2)];
  const place = row === "middle" && column === "centre" ? "centre" : `${row} ${column}`;
  const range = (from, to) => `${Math.round(from * 100)} to ${Math.round(to * 100)} %`;
  return [h("span", { class: "place" }, place), h("small", {}, `${range(left, right)} across, ${range(top, bottom)} down`)];
}

function share(value) {
  return `${(value * 100).toFixed(3)}%`;
}
