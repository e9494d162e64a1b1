// A close look: zoom and pan of all the pictures of a stage together, by wheel, pinch, drag, keys and buttons.

import { mapped } from "./alignment.js";
import { h } from "./dom.js";
import { fill, number, page } from "./words.js";

const MOST = 16; // times as large: beyond that, the pixels of any picture are squares
const STEP = 1.5; // of a key or a button
const WHEEL = 0.002; // natural logarithm of the zoom, for each pixel that a wheel scrolls
const LINE = 16; // pixels of a line, where a wheel counts in lines
const PAN = 0.2; // of a pane, for each press of an arrow key

/**
 * Makes a stage the place of a close look. `homography` takes fractions of the verified picture to those of the
 * registered one, or is null. Returns the buttons, and `add(pane, side, moved)` for each pane that shows a picture
 * ("query" or "reference"). A pane holds a frame, which is laid out larger than it; `moved` is told where it lies.
 */
export function closeLook(stage, homography) {
  const panes = [];
  const fingers = new Map();
  const at = { zoom: 1, x: 0.5, y: 0.5 }; // the point of the verified picture that is in the middle

  const told = h("output", { class: "small" });
  const show = () => {
    at.zoom = Math.min(MOST, Math.max(1, at.zoom));
    at.x = inside(at.x, at.zoom);
    at.y = inside(at.y, at.zoom);
    stage.classList.toggle("zoomed", at.zoom > 1);
    told.textContent = at.zoom > 1 ? fill(page.zoom_at, { times: number(at.zoom, { maximumFractionDigits: 1 }) }) : "";
    // Not `disabled`, which would take the focus from who has just pressed it.
    for (const each of [less, all]) each.setAttribute("aria-disabled", at.zoom <= 1);
    more.setAttribute("aria-disabled", at.zoom >= MOST);
    for (const { pane, side, moved } of panes) {
      const { zoom, x, y } = side === "query" ? at : inReference();
      const left = inside(x, zoom) * zoom - 0.5;
      const top = inside(y, zoom) * zoom - 0.5;
      for (const [name, value] of Object.entries({ zoom, left, top })) pane.style.setProperty(`--${name}`, value);
      moved({ zoom, left });
    }
  };
  /** The same look at the registered picture: what lies in the middle, as large as in the verified one. */
  const inReference = () => {
    if (!homography) return at;
    const { x, y, slopes } = mapped(homography, at.x, at.y);
    const scale = Math.sqrt(Math.abs(slopes[0] * slopes[3] - slopes[1] * slopes[2])) || 1;
    const share = Math.min(1, at.zoom - 1); // all of both is shown at first, whatever their scale
    return { x, y, zoom: Math.max(1, 1 - share + (share * at.zoom) / scale) };
  };
  const zoomTo = (zoom, [across, down] = [0.5, 0.5]) => {
    const next = Math.min(MOST, Math.max(1, zoom));
    at.x += (across - 0.5) * (1 / at.zoom - 1 / next); // what lies there stays there
    at.y += (down - 0.5) * (1 / at.zoom - 1 / next);
    at.zoom = next;
    show();
  };
  /** Moves by fractions of a pane. */
  const pan = (across, down, side = "query") => {
    let [dx, dy] = [across / at.zoom, down / at.zoom];
    if (side === "reference" && homography) {
      const { zoom } = inReference();
      const [a, b, c, d] = mapped(homography, at.x, at.y).slopes;
      const determinant = a * d - b * c || 1;
      const [du, dv] = [across / zoom, down / zoom];
      [dx, dy] = [(d * du - b * dv) / determinant, (a * dv - c * du) / determinant];
    }
    at.x += dx;
    at.y += dy;
    show();
  };

  const button = (text, label, act) => h("button", { type: "button", "aria-label": label, title: label === text ? null : label, onclick: act }, text);
  const less = button("−", page.zoom_out, () => zoomTo(at.zoom / STEP));
  const more = button("+", page.zoom_in, () => zoomTo(at.zoom * STEP));
  const all = button(page.zoom_all, page.zoom_all, () => zoomTo(1));
  const buttons = h("div", { class: "zoom", role: "group", "aria-label": page.zoom }, less, more, all, told);

  const keys = {
    "+": () => zoomTo(at.zoom * STEP),
    "=": () => zoomTo(at.zoom * STEP),
    "-": () => zoomTo(at.zoom / STEP),
    0: () => zoomTo(1),
    ArrowLeft: () => pan(-PAN, 0),
    ArrowRight: () => pan(PAN, 0),
    ArrowUp: () => pan(0, -PAN),
    ArrowDown: () => pan(0, PAN),
  };
  stage.tabIndex = 0;
  stage.setAttribute("role", "group");
  stage.setAttribute("aria-label", page.zoom);
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    if (event.key.startsWith("Arrow") && at.zoom === 1) return; // the page scrolls
    event.preventDefault();
    keys[event.key]();
  });

  const watch = (pane, side) => {
    const place = ({ clientX, clientY }) => {
      const { left, top, width, height } = pane.getBoundingClientRect();
      return [(clientX - left) / width, (clientY - top) / height];
    };
    pane.addEventListener(
      "wheel",
      (event) => {
        const wanted = event.ctrlKey || event.metaKey || document.activeElement === stage; // else the page scrolls
        if (!wanted || (at.zoom === 1 && event.deltaY > 0)) return;
        event.preventDefault();
        zoomTo(at.zoom * Math.exp(-event.deltaY * (event.deltaMode ? LINE : 1) * WHEEL), place(event));
      },
      { passive: false },
    );
    pane.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    pane.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, place(event));
      pane.setPointerCapture(event.pointerId);
    });
    pane.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = place(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      fingers.set(event.pointerId, now);
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      if (other && apart(before) > 0) zoomTo((at.zoom * apart(now)) / apart(before), other);
      else if (!other && at.zoom > 1) pan(before[0] - now[0], before[1] - now[1], side);
    });
    for (const end of ["pointerup", "pointercancel"]) pane.addEventListener(end, (event) => fingers.delete(event.pointerId));
  };
  return {
    buttons,
    add(pane, side, moved) {
      panes.push({ pane, side, moved });
      watch(pane, side);
      show();
    },
  };
}

/** The middle of a look, so that it shows nothing beyond the edges. */
function inside(middle, zoom) {
  return Math.min(1 - 0.5 / zoom, Math.max(0.5 / zoom, middle));
}
