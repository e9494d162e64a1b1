// What went into a file, as its content credential names it: a drawing with thumbnails, and the same as nested lists.

import { h, quoted } from "./dom.js";
import { LANGUAGE, fill, page, phrases, relationName, valueName } from "./words.js";

/** A folded panel; null for a file without ingredients. The drawing is asked for when it is opened: of the file, where
 *  there is one, with thumbnails; else of the report with this id. */
export function ingredients(credential, id, file) {
  const all = credential?.ingredients ?? [];
  if (!all.length) return null;
  const { parts, others } = nested(credential);
  const drawn = h("div", { class: "scroll chain", role: "region", tabindex: "0", "aria-label": page.ingredients_drawing });
  const said = h("p", { class: "small", role: "status" }, file ? page.ingredients_thumbnails : page.ingredients_unpictured);
  const show = async ({ target }) => {
    if (!target.open || drawn.children.length) return;
    const address = await drawing(id, file);
    const read = () => URL.revokeObjectURL(address);
    if (address) return drawn.replaceChildren(h("img", { src: address, alt: page.ingredients_drawing, onload: read, onerror: read }));
    drawn.hidden = true;
    said.textContent = page.ingredients_undrawn;
  };
  return h(
    "details",
    { class: "panel", id: "ingredients", ontoggle: show },
    h("summary", {}, h("h3", {}, fill(page.ingredients, { count: all.length }))),
    h("p", { class: "small" }, page.ingredients_note),
    parts.length ? [said, drawn, h("p", { class: "small" }, page.ingredients_nested), list(parts)] : null,
    others.length ? [h("p", { class: "small" }, page.ingredients_others), list(others)] : null,
  );
}

/** The address of the drawing, in this page's memory; null where there is none. */
async function drawing(id, file) {
  try {
    const asked = file ? fetch(`/verify/ingredients?lang=${LANGUAGE}`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file }) : fetch(`/verify/ingredients?lang=${LANGUAGE}&report=${id}`);
    const answer = await asked;
    return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
  } catch {
    return null;
  }
}

/** As `nested` of api/pages/derivations.py: what a manifest holds stands below the first ingredient that it came with. */
function nested({ manifest_id: own, ingredients: all }) {
  const told = new Set();
  const below = (manifest) => {
    const here = manifest ? all.filter((each) => each.within === manifest && !told.has(each)) : [];
    for (const each of here) told.add(each);
    return here.map((ingredient) => ({ ingredient, parts: below(ingredient.manifest_id) }));
  };
  const parts = below(own);
  return { parts, others: all.filter((each) => !told.has(each)).map((ingredient) => ({ ingredient, parts: [] })) };
}

function list(parts) {
  return h("ul", { class: "nested" }, parts.map((each) => h("li", {}, told(each.ingredient), each.parts.length ? list(each.parts) : null)));
}

function told({ title, relationship, state, signer, problems, remote_url: address }) {
  const faults = problems.filter((code) => code !== "signingCredential.untrusted"); // which the state says in words
  return [
    quoted(title ?? phrases.untitled),
    relationship ? [" (", quoted(relationName(relationship)), ")"] : null,
    `: ${valueName(state)}`,
    signer ? [" · ", quoted(signer)] : null,
    faults.length ? [" (", quoted(faults.join(", ")), ")"] : null,
    address ? [`, ${page.at} `, quoted(address)] : null,
  ];
}
