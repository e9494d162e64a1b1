"use strict";
// The list of an audit: only the rows in view are in the document, so that 200,000 items scroll, sort and filter.
(() => {
  const PATH = 0, BUCKET = 1, REASON = 2, DETAIL = 3, ALSO = 4, SHA256 = 5, RECORD = 6, INDEX = 7, OTHERS = 8, PUBLISHER = 9, TITLE = 10;
  const ROW = 32, AROUND = 12, PRINTED = 5000;
  const $ = (id) => document.getElementById(id);
  const data = (id) => JSON.parse($(id).textContent);
  const { about, buckets, reasons } = data("about");
  const items = data("items");
  const pictures = data("pictures");
  const order = Object.keys(buckets);
  const number = (value) => value.toLocaleString("en");
  const label = (item) => buckets[item[BUCKET]].label + (item[REASON] ? `: ${reasons[item[REASON]] ?? item[REASON]}` : "");

  const h = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(key, value);
      else if (value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  let shown = items.map((_, at) => at);
  let sorted = { column: PATH, down: false };
  let chosen = -1;

  const key = {
    [PATH]: null, // as the file has them
    [BUCKET]: (item) => order.indexOf(item[BUCKET]),
    [TITLE]: (item) => item[TITLE] || item[PUBLISHER] || "\uffff",
    [INDEX]: (item) => (item[INDEX] === null ? Infinity : item[INDEX]),
  };

  function choose() {
    const words = $("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set([...document.querySelectorAll("#buckets input:checked")].map((box) => box.value));
    const holds = (item) => {
      if (wanted.size && !wanted.has(item[BUCKET])) return false;
      if (!words.length) return true;
      const text = `${item[PATH]}\n${item[TITLE] || ""}\n${item[PUBLISHER] || ""}\n${item[SHA256] || ""}\n${item[RECORD] || ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    shown = [];
    for (let at = 0; at < items.length; at++) if (holds(items[at])) shown.push(at);
    const by = key[sorted.column];
    if (by) {
      const keys = new Map(shown.map((at) => [at, by(items[at])]));
      shown.sort((a, b) => { const x = keys.get(a), y = keys.get(b); return x < y ? -1 : x > y ? 1 : a - b; });
    }
    if (sorted.down) shown.reverse();
    const left = about.items - items.length;
    $("count").textContent = `${number(shown.length)} of ${number(about.items)} items` + (left > 0 ? `; ${number(left)} are in items.csv alone` : "");
    $("list").scrollTop = 0;
    draw();
  }

  function row(at) {
    const item = items[at];
    return h("tr", { class: at === chosen ? "chosen" : false, "data-at": at },
      h("td", {}, h("button", { type: "button", title: item[PATH], click: () => open(at) }, item[PATH])),
      h("td", { title: item[DETAIL] || buckets[item[BUCKET]].means }, label(item)),
      h("td", {}, [item[TITLE], item[PUBLISHER]].filter(Boolean).join(" · ")),
      h("td", {}, item[INDEX] === null ? "" : number(item[INDEX])));
  }

  function draw() {
    const list = $("list");
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - AROUND);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + AROUND);
    const space = (rows) => rows === 0 ? "" : h("tr", { class: "space", "aria-hidden": "true" }, h("td", { colspan: 4, style: `height:${rows * ROW}px` }));
    const focused = document.activeElement?.closest?.("#rows tr")?.dataset.at;
    $("rows").replaceChildren(space(first), ...shown.slice(first, last).map(row), space(shown.length - last));
    if (focused !== undefined) $("rows").querySelector(`[data-at="${focused}"] button`)?.focus({ preventScroll: true });
  }

  function fact(name, value) {
    return value ? [h("dt", {}, name), h("dd", {}, value)] : [];
  }

  function open(at) {
    chosen = at;
    draw();
    const item = items[at];
    const seen = pictures[item[SHA256]] || {};
    const figures = [];
    if (seen.file) {
      const over = seen.difference ? h("img", { src: seen.difference, alt: "Where it differs" }) : null;
      const stack = h("div", { class: "stack" }, h("img", { src: seen.file, alt: "The file" }), over);
      const slider = over && h("label", {}, "Differences ", h("input", { type: "range", min: 0, max: 100, value: 100, input: (event) => { over.style.opacity = event.target.value / 100; } }));
      figures.push(h("figure", {}, stack, h("figcaption", {}, "The file. ", slider)));
    }
    if (seen.record) figures.push(h("figure", {}, h("div", { class: "stack" }, h("img", { src: seen.record, alt: "The registered picture" })), h("figcaption", {}, "The registered picture")));
    const also = (item[ALSO] || []).map((name) => buckets[name]?.label ?? name.replaceAll("_", " ")).join(", ");
    $("item").replaceChildren(
      h("h2", { tabindex: -1 }, item[PATH]),
      h("p", {}, h("strong", {}, label(item)), ". ", item[DETAIL] || buckets[item[BUCKET]].means),
      h("div", { class: "pictures" }, ...figures),
      h("dl", {},
        ...fact("Also applies", also), ...fact("SHA-256", item[SHA256] && h("code", {}, item[SHA256])),
        ...fact("Registered as", item[TITLE]), ...fact("by publisher", item[PUBLISHER]),
        ...fact("Record", item[RECORD] && h("code", {}, item[RECORD])), ...fact("Index in the log", item[INDEX] === null ? "" : number(item[INDEX])),
        ...fact("Further records", item[OTHERS] && number(item[OTHERS]))));
    $("item").hidden = false;
    $("item").querySelector("h2").focus({ preventScroll: true });
    $("item").scrollIntoView({ block: "nearest" });
  }

  for (const name of order) {
    const held = about.buckets[name];
    if (held) $("buckets").append(h("label", {}, h("input", { type: "checkbox", value: name, change: choose }), ` ${buckets[name].label} (${number(held)})`));
  }
  let soon;
  $("words").addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(choose, 150); });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const column = Number(button.dataset.sort);
      sorted = { column, down: sorted.column === column && !sorted.down };
      for (const head of document.querySelectorAll("#list th")) head.removeAttribute("aria-sort");
      button.parentElement.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      choose();
    });
  }
  let drawing = false;
  $("list").addEventListener("scroll", () => {
    if (!drawing) { drawing = true; requestAnimationFrame(() => { drawing = false; draw(); }); }
  });
  addEventListener("resize", draw);
  addEventListener("beforeprint", () => {
    $("rows").replaceChildren(...shown.slice(0, PRINTED).map(row));
    if (shown.length > PRINTED) $("count").textContent += `; the first ${number(PRINTED)} are printed`;
  });
  addEventListener("afterprint", choose);
  const when = about.made_at.replace("T", " ").replace("Z", " UTC");
  $("said").textContent = `${number(about.items)} items, audited against ${about.service}, ${when}.` + (about.pending ? ` ${number(about.pending)} more were not asked: the audit ended before.` : "");
  $("filters").hidden = $("list").hidden = false;
  choose();
})();
