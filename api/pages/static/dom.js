// Elements from data. Text becomes text nodes only: untrusted text is never parsed as markup.

/** Unicode's embeddings, overrides and isolates (UAX #9): with them a name could reorder the text beside it. */
const DIRECTION_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/gu;

/** Makes an element: h("p", {class: "x"}, "text", child, …). Functions under `on…` become listeners. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...shown.map((child) => (child instanceof Node ? child : plain(child))));
  return element;
}

/** Untrusted text, with a direction of its own. */
export function quoted(text) {
  return h("bdi", {}, text);
}

/** The text without characters that change the direction of what follows; a number and its % stay on one line. */
export function plain(text) {
  return String(text).replace(DIRECTION_CONTROLS, "").replace(/(\d) %/g, "$1\u00a0%");
}

/** Term and description of a list of facts. */
export function fact(term, ...values) {
  return [h("dt", {}, term), h("dd", {}, values)];
}

/** A table with its column names; `name` is what a screen reader calls it, and the part that scrolls where it is wide. */
export function table(name, columns, rows, { caption = true, stacked = false } = {}) {
  return h(
    "div",
    { class: stacked ? "scroll stacked" : "scroll", role: "region", tabindex: "0", "aria-label": name },
    h(
      "table",
      stacked ? { role: "table" } : {},
      caption ? h("caption", {}, name) : null,
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((cells) => h("tr", stacked ? { role: "row" } : {}, cells.map((cell, at) => h(at ? "td" : "th", { ...(at ? {} : { scope: "row" }), ...(stacked ? { role: at ? "cell" : "rowheader", "data-column": columns[at] } : {}) }, stacked ? h("div", {}, cell) : cell))))),
    ),
  );
}
