// The regions of a comparison: numbered boxes over the pictures, a legend, and an equivalent table.

import { h, table } from "./dom.js";
import { fill, number, numbers, page, places, regions as kinds } from "./words.js";

const TAG = 0.1; // of a picture's sides: about as much as the number of a box takes

/** The boxes over a picture. `side`: "query" or "reference". For screen readers the table has the same information. */
export function boxes(regions, side) {
  const tags = [];
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
      element.classList.toggle("at-top", box.top < TAG);
      element.style.setProperty("--aside", beside(tags, box));
      return element;
    }),
  );
}

/** By how many numbers a box's own lies beside its corner, so that it hides none of the `tags` before it; it joins them. */
function beside(tags, { left, top }) {
  const toward = left < 0.5 ? 1 : -1;
  const down = top < TAG ? top : top - TAG;
  let aside = 0;
  const hides = (tag) => Math.abs(tag.across - left - toward * aside * TAG) < TAG && Math.abs(tag.down - down) < TAG;
  while (tags.some(hides)) aside += 1;
  tags.push({ across: left + toward * aside * TAG, down });
  return toward * aside;
}

/** The legend of the kinds that occur. */
export function legend(regions) {
  const occurring = [...new Set(regions.map((region) => region.kind))];
  return h(
    "ul",
    { class: "legend" },
    occurring.map((kind) => {
      const { label, line, means } = kinds[kind] ?? { label: kind, line: "–", means: "" };
      return h("li", {}, h("span", { class: `sample ${kind}`, "aria-hidden": "true" }), h("span", {}, h("strong", {}, label), ` (${line}): ${means}`));
    }),
  );
}

/** The table of regions. Its numbers are buttons, which highlight the box of that number in the pictures in `stage`. */
export function regionTable(regions, stage, rates, name = page.regions) {
  const buttons = regions.map((region, at) =>
    h(
      "button",
      { type: "button", class: `number ${region.kind}`, "aria-pressed": "false", "aria-label": fill(page.region_number, { number: at + 1 }), onclick: (event) => toggle(event.currentTarget) },
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
    name,
    [page.region, page.kind, page.where, page.share, page.tests],
    regions.map((region, at) => [buttons[at], kinds[region.kind]?.label ?? region.kind, where(region.query), `${shareOf(region.area)} %`, measuredFor(region, rates)]),
    { stacked: true },
  );
}

/** How far each region is above the threshold. */
export function strengths(regions) {
  const told = regions.map((region, at) => (region.kind === "outside" ? null : `${at + 1}: ${number(region.strength, { maximumFractionDigits: 2 })}`));
  return told.filter(Boolean).join("; ") || "–";
}

/** How many regions of this kind and size are missed, by the bound of the interval (provenance/verification/wording.py). */
function measuredFor({ kind, area }, rates) {
  if (kind === "outside") return "–";
  const rate = rates.find((each) => each.kind === kind && each.area[0] <= area && area <= each.area[1]);
  return rate ? fill(page.missed, { missed: Math.max(1, Math.round(100 * (1 - rate.interval[0]))) }) : page.not_measured;
}

/** Per cent as in a lead: whole from 1 % on, else one digit that is not 0. */
function shareOf(fraction) {
  const percent = 100 * fraction;
  if (percent >= 0.95) return fraction >= 1 ? "100" : String(Math.min(99, Math.round(percent)));
  return Number(Math.max(percent, 0.001).toPrecision(1)).toString().replace(".", numbers.decimal);
}

/** By thirds, as in a lead. */
function where({ left, top, right, bottom }) {
  const third = (value) => Math.min(2, Math.max(0, Math.floor(value * 3)));
  const row = ["upper", "middle", "lower"][third((top + bottom) / 2)];
  const column = ["left", "centre", "right"][third((left + right) / 2)];
  const named = row === "middle" && column === "centre" ? "centre" : `${row} ${column}`;
  const place = Math.min(right - left, bottom - top) > 0.75 ? "across" : named;
  const [from, to, above, below] = [left, right, top, bottom].map((edge) => Math.round(edge * 100));
  return [h("span", { class: "place" }, places[place]), h("small", {}, fill(page.across_down, { left: from, right: to, top: above, bottom: below }))];
}

function share(value) {
  return `${(value * 100).toFixed(3)}%`;
}
