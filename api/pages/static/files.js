// Several pictures: a line each, opened one by one; of two, a comparison with each other.

import { h, quoted } from "./dom.js";
import { fileSize, fill, page } from "./words.js";

/** A section with a line for each file. `open(line)` opens one, `compare(first, second)` compares two. A line has its
 *  `file`, its `report` once there is one, and says by `tell(text)` what was found. */
export function fileList(files, { open, compare }) {
  const lines = files.map((file) => {
    const told = h("span", { class: "told small" }, page.not_opened);
    const button = h("button", { type: "button", class: "open", onclick: () => choose(line) }, quoted(file.name), h("small", {}, fileSize(file.size)));
    const line = { file, report: null, element: h("li", {}, button, told), tell: (text) => told.replaceChildren(text) };
    line.mark = (on) => (on ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current"));
    return line;
  });
  const choose = (chosen) => {
    for (const line of lines) line.mark(line === chosen);
    if (chosen) open(chosen);
    else compare(...files);
  };
  return h(
    "section",
    { class: "panel", "aria-labelledby": "files-title" },
    h("h2", { id: "files-title" }, fill(page.files, { count: files.length })),
    h("p", { class: "small" }, page.files_note),
    h("ol", { class: "files" }, lines.map(({ element }) => element)),
    files.length === 2 ? h("p", {}, h("button", { type: "button", class: "button", onclick: () => choose(null) }, page.compare_two)) : null,
  );
}
