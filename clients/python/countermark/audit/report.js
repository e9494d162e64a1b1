"use strict";
// The list of an audit: only the rows in view are in the document, so that 200,000 items scroll, sort and filter.
(() => {
  const PATH = 0, BUCKET = 1, REASON = 2, DETAIL = 3, ALSO = 4, SHA256 = 5, RECORD = 6, INDEX = 7, OTHERS = 8, PUBLISHER = 9, TITLE = 10;
  const ROW = 32, AROUND = 12, PRINTED = 5000;
  const $ = (id) => document.getElementById(id);
  const data = (id) => JSON.parse($(id).textContent);
  const { about, languages } = data("about");
  const language = navigator.languages.map((each) => each.slice(0, 2)).find((each) => Object.hasOwn(languages, each)) ?? "en";
  const { words, buckets, reasons } = languages[language];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const items = data("items");
  const pictures = data("pictures");
  const order = Object.keys(buckets);
  const number = (value) => value.toLocaleString(language);
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
    const sought = $("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set([...document.querySelectorAll("#buckets input:checked")].map((box) => box.value));
    const holds = (item) => {
      if (wanted.size && !wanted.has(item[BUCKET])) return false;
      if (!sought.length) return true;
      const text = `${item[PATH]}\n${item[TITLE] || ""}\n${item[PUBLISHER] || ""}\n${item[SHA256] || ""}\n${item[RECORD] || ""}`.toLowerCase();
      return sought.every((word) => text.includes(word));
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
    const more = left > 0 ? `; ${fill(words.in_table, { count: number(left) })}` : "";
    $("count").textContent = fill(words.count, { shown: number(shown.length), items: number(about.items) }) + more;
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
      const over = seen.difference ? h("img", { src: seen.difference, alt: words.where }) : null;
      const stack = h("div", { class: "stack" }, h("img", { src: seen.file, alt: words.file }), over);
      const slider = over && h("label", {}, `${words.differences} `, h("input", { type: "range", min: 0, max: 100, value: 100, input: (event) => { over.style.opacity = event.target.value / 100; } }));
      figures.push(h("figure", {}, stack, h("figcaption", {}, `${words.file}. `, slider)));
    }
    if (seen.record) figures.push(h("figure", {}, h("div", { class: "stack" }, h("img", { src: seen.record, alt: words.registered })), h("figcaption", {}, words.registered)));
    const also = (item[ALSO] || []).map((name) => buckets[name]?.label ?? name.replaceAll("_", " ")).join(", ");
    $("item").replaceChildren(
      h("h2", { tabindex: -1 }, item[PATH]),
      h("p", {}, h("strong", {}, label(item)), ". ", item[DETAIL] ? h("span", { lang: "en" }, item[DETAIL]) : buckets[item[BUCKET]].means),
      h("div", { class: "pictures" }, ...figures),
      h("dl", {},
        ...fact(words.also, also), ...fact("SHA-256", item[SHA256] && h("code", {}, item[SHA256])),
        ...fact(words.registered_as, item[TITLE]), ...fact(words.publisher, item[PUBLISHER]),
        ...fact(words.record, item[RECORD] && h("code", {}, item[RECORD])), ...fact(words.log_index, item[INDEX] === null ? "" : number(item[INDEX])),
        ...fact(words.further, item[OTHERS] && number(item[OTHERS]))));
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
    if (shown.length > PRINTED) $("count").textContent += `; ${fill(words.printed, { count: number(PRINTED) })}`;
  });
  addEventListener("afterprint", choose);
  const when = about.made_at.replace("T", " ").replace("Z", " UTC");
  const said = fill(words.said, { items: number(about.items), service: about.service, time: when });
  $("said").textContent = said + (about.pending ? ` ${fill(words.pending, { count: number(about.pending) })}` : "");
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = words[each.dataset.word];
  for (const row of document.querySelectorAll("[data-bucket]")) {
    const { label, means } = buckets[row.dataset.bucket];
    [row.cells[0].textContent, row.cells[1].textContent, row.cells[2].textContent] = [label, number(about.buckets[row.dataset.bucket]), means];
  }
  $("words").placeholder = words.find_hint;
  $("list").setAttribute("aria-label", words.items);
  $("filters").hidden = $("list").hidden = false;
  choose();
})();
