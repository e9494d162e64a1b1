// @ts-check
/**
 * The pictures of one document, seen from beside its own scripts: injected when a user asks, and not before. It sets
 * `countermark`, which `pictures.js` asks, and which the page's scripts neither see nor change.
 */

/**
 * @typedef {object} Seen
 * @property {string} source address of the largest version; "" where there is none
 * @property {string} shown address of what is shown now
 * @property {"img" | "background" | "canvas" | "video" | "document" | "inline-svg"} kind
 * @property {number} width of what is shown, in its own pixels where it is known, else in CSS pixels
 * @property {number} height
 * @property {string} description
 * @property {number} element to ask for it again
 */

// What an earlier click has put here knows which element has which number; the page's own names are not looked at.
if (!Object.hasOwn(globalThis, "countermark")) {
  globalThis.countermark = (() => {
    const MAX_ELEMENTS = 50_000; // about a second of work on the largest pages
    const MAX_PICTURES = 500; // more than a user looks through
    const MAX_DESCRIPTION = 200; // characters: a line or two
    const SLICE_BYTES = 12 << 20; // a message of a browser has at most 64 MiB, and base64 takes a third more
    const LAZY_SOURCES = ["data-src", "data-original", "data-lazy-src", "data-full-src"];
    const LAZY_SETS = ["data-srcset", "data-lazy-srcset"];
    const DRAWN_MS = 500; // a browser draws ten times in it, and never where the page is not seen
    const SPACER_SIDE = 4; // pixels: what lies in for a picture that comes later, or covers one

    const { dom } = chrome; // Chrome's; Firefox has the same as a property of elements

    /** @type {Map<number, WeakRef<Element>>} */
    const elements = new Map();
    /** @type {WeakMap<Element, number>} */
    const numbers = new WeakMap();
    let last = 0;
    /** @type {Blob | null} */
    let kept = null;
    /** @type {(() => void) | null} */
    let scrollBack = null;

    /** @param {Element} element */
    function numberOf(element) {
      let number = numbers.get(element);
      if (number === undefined) {
        numbers.set(element, (number = ++last));
        elements.set(number, new WeakRef(element));
      }
      return number;
    }

    /**
     * A property as the browser has it: what a page names as one (`<input name="parentElement">`) stands in for it on
     * forms and documents.
     * @param {{ prototype: object }} type
     * @param {string} name
     * @param {object} thing
     * @returns {any}
     */
    function property(type, name, thing) {
      const found = Reflect.get(type.prototype, name, thing);
      return typeof found === "function" ? found.bind(thing) : found;
    }

    /** All elements but forms, also those in shadow trees, closed ones too. @returns {Generator<Element>} */
    function* everything() {
      /** @type {(Document | ShadowRoot)[]} */
      const roots = [document];
      let left = MAX_ELEMENTS;
      for (const root of roots) {
        const type = root instanceof Document ? Document : DocumentFragment;
        for (const element of property(type, "querySelectorAll", root)("*")) {
          if ((left -= 1) < 0) return;
          if (element instanceof HTMLFormElement) continue;
          const shadow = shadowOf(element);
          if (shadow) roots.push(shadow);
          yield element;
        }
      }
    }

    /** @param {Element} element @returns {ShadowRoot | null} */
    function shadowOf(element) {
      if ("openOrClosedShadowRoot" in element) return /** @type {any} */ (element).openOrClosedShadowRoot;
      if (element instanceof HTMLElement && dom) return dom.openOrClosedShadowRoot(element);
      return element.shadowRoot;
    }

    /** @param {string | null | undefined} address */
    function absolute(address) {
      try {
        return address ? new URL(address, property(Node, "baseURI", document)).href : "";
      } catch {
        return "";
      }
    }

    /**
     * The candidates of a `srcset`, as HTML reads one: addresses may have commas, and are followed by a width or a density.
     * @param {string} set
     */
    function candidates(set) {
      const found = [];
      for (const [, address = "", descriptor = ""] of set.matchAll(/[\s,]*(\S*[^\s,])(?:\s+([\d.]+[wx])?[^,]*)?(?:,|$)/g)) {
        found.push({ address: absolute(address), size: parseFloat(descriptor) || 1 });
      }
      return found;
    }

    /** @param {string} set */
    const largestOf = (set) => candidates(set).reduce((best, each) => (each.size > best.size ? each : best), { address: "", size: 0 }).address;

    /** @param {HTMLImageElement} image what the browser chose from has what it shows: a `<picture>` may hold others */
    function sourceOf(image) {
      const shown = image.currentSrc || image.src;
      const sets = image.parentElement?.localName === "picture" ? [...image.parentElement.querySelectorAll("source")] : [];
      for (const { srcset } of [...sets, image]) {
        if (srcset && candidates(srcset).some(({ address }) => address === shown)) return largestOf(srcset);
      }
      return shown;
    }

    /** What a script of the page will put there when it is scrolled to. @param {Element} element */
    function lazySource(element) {
      for (const name of LAZY_SETS) {
        const set = element.getAttribute(name);
        if (set) return largestOf(set);
      }
      for (const name of LAZY_SOURCES) {
        const address = absolute(element.getAttribute(name));
        if (address) return address;
      }
      return "";
    }

    /** The addresses of a computed `background-image`; of an `image-set()` the one of most pixels. @param {string} value */
    function backgrounds(value) {
      const found = [];
      for (const layer of value.matchAll(/image-set\(((?:"[^"]*"|[^")]|\([^)]*\))*)\)|url\("((?:[^"\\]|\\.)*)"\)/g)) {
        if (layer[1] === undefined) found.push(layer[2] ?? "");
        else {
          let best = { address: "", size: 0 };
          for (const [, address = "", size = "1"] of layer[1].matchAll(/url\("((?:[^"\\]|\\.)*)"\)\s*([\d.]+)?/g)) {
            if (Number(size) > best.size) best = { address, size: Number(size) };
          }
          found.push(best.address);
        }
      }
      return found.map((address) => absolute(address.replace(/\\(.)/g, "$1"))).filter(Boolean);
    }

    /** @param {Element} element */
    function describe(element) {
      const caption = element.closest("figure")?.querySelector("figcaption")?.textContent;
      const texts = [element.getAttribute("alt"), element.getAttribute("aria-label"), element.getAttribute("title"), caption];
      const text = texts.find((each) => each?.trim()) ?? "";
      return text.replace(/\s+/g, " ").trim().slice(0, MAX_DESCRIPTION);
    }

    /** @param {Element} element @returns {Seen[]} */
    function picturesOf(element) {
      const box = element.getBoundingClientRect();
      const [width, height] = [Math.round(box.width), Math.round(box.height)];
      const seen = { width, height, description: describe(element), element: numberOf(element) };
      /** @type {Seen[]} */
      const found = [];
      const alone = property(Document, "contentType", document).startsWith("image/");
      if (element instanceof HTMLImageElement) {
        const shown = element.currentSrc || element.src;
        const isSpacer = element.naturalWidth <= SPACER_SIDE && element.naturalHeight <= SPACER_SIDE;
        const source = (isSpacer && lazySource(element)) || sourceOf(element);
        const size = source === shown || !isSpacer ? { width: element.naturalWidth, height: element.naturalHeight } : {};
        const known = element.naturalWidth > 0 ? size : {};
        const isLazy = isSpacer && source !== shown;
        if (source) found.push({ ...seen, ...known, source, shown: isLazy ? source : shown, kind: alone ? "document" : "img" });
      } else if (element instanceof HTMLInputElement) {
        if (element.type === "image" && element.src) found.push({ ...seen, source: element.src, shown: element.src, kind: "img" });
      } else if (element instanceof SVGImageElement) {
        const source = absolute(element.href.baseVal);
        if (source) found.push({ ...seen, source, shown: source, kind: "img" });
      } else if (element instanceof HTMLCanvasElement) {
        found.push({ ...seen, width: element.width, height: element.height, source: "", shown: "", kind: "canvas" });
      } else if (element instanceof HTMLVideoElement) {
        const size = element.videoWidth > 0 ? { width: element.videoWidth, height: element.videoHeight } : {};
        const poster = absolute(element.getAttribute("poster"));
        if (element.videoWidth > 0) found.push({ ...seen, ...size, source: "", shown: element.currentSrc, kind: "video" });
        if (poster) found.push({ ...seen, source: poster, shown: poster, kind: "img" });
      } else if (element instanceof SVGSVGElement) {
        if (!element.ownerSVGElement) found.push({ ...seen, source: "", shown: "", kind: "inline-svg" });
      } else if (element instanceof HTMLObjectElement || element instanceof HTMLEmbedElement) {
        const source = absolute(element instanceof HTMLObjectElement ? element.data : element.src);
        if (source && element.type.startsWith("image/")) found.push({ ...seen, source, shown: source, kind: "img" });
      } else if (lazySource(element) && !(element instanceof HTMLSourceElement)) {
        const source = lazySource(element);
        found.push({ ...seen, source, shown: source, kind: "background" });
      }
      for (const pseudo of [null, "::before", "::after"]) {
        const style = getComputedStyle(element, pseudo);
        for (const value of pseudo ? [style.backgroundImage, style.content] : [style.backgroundImage]) {
          if (!value.includes("url(")) continue;
          for (const source of backgrounds(value)) found.push({ ...seen, source, shown: source, kind: "background" });
        }
      }
      return found;
    }

    /** @param {number | undefined} number @returns {Element | null} */
    function elementOf(number) {
      const element = number === undefined ? null : (elements.get(number)?.deref() ?? null);
      return element?.isConnected ? element : null;
    }

    /** @returns {Seen[]} one for each address, the largest first */
    function list() {
      /** @type {Map<string, Seen>} */
      const found = new Map();
      for (const element of everything()) {
        for (const seen of picturesOf(element)) {
          if (isSpacer(seen)) continue;
          const key = seen.source || `${seen.kind} ${seen.element}`;
          const before = found.get(key);
          if (!before || before.width * before.height < seen.width * seen.height) found.set(key, seen);
        }
      }
      const largestFirst = [...found.values()].sort((one, other) => other.width * other.height - one.width * one.height);
      return largestFirst.slice(0, MAX_PICTURES);
    }

    /**
     * The picture that a menu was opened on, by the element where the browser names it (Firefox), else by the address of
     * what it shows. What only covers others is not what a user means: then the picture below it. Null where that does not
     * tell which picture is meant.
     * @param {string} address "" where the browser sees no picture there
     * @param {number | undefined} target
     * @returns {Seen | null}
     */
    function find(address, target) {
      const named = target === undefined ? null : /** @type {any} */ (chrome).menus?.getTargetElement(target);
      if (named) return at(named, address);
      /** @type {Map<string, Seen>} */
      const found = new Map();
      for (const element of address ? everything() : []) {
        const shows = element instanceof HTMLImageElement ? element.currentSrc || element.src : "";
        const seen = picturesOf(element).find((each) => shows === address || each.shown === address);
        if (!seen) continue;
        const meant = (isSpacer(seen) && below(element)) || seen;
        if (!found.has(meant.source)) found.set(meant.source, meant);
      }
      return found.size === 1 || isPicture(address, found) ? ([...found.values()][0] ?? null) : null;
    }

    /** Whether what has one address is one picture in several sizes, and not a spacer for several. @param {string} address @param {Map<string, Seen>} found */
    const isPicture = (address, found) => [...found.values()].every(({ shown }) => shown === address);

    /** @param {Seen} seen */
    const isSpacer = ({ width, height }) => width <= SPACER_SIDE && height <= SPACER_SIDE;

    /** @param {Element} element @param {string} address @returns {Seen | null} */
    function at(element, address) {
      for (let each = /** @type {Element | null} */ (element); each; each = parentOf(each)) {
        if (each instanceof HTMLFormElement) continue;
        const pictures = picturesOf(each);
        const seen = pictures.find(({ shown }) => shown === address) ?? pictures[0];
        if (seen) return isSpacer(seen) ? (below(each) ?? seen) : seen;
      }
      return null;
    }

    /** The first picture below the middle of an element. @param {Element} element @returns {Seen | null} */
    function below(element) {
      const box = element.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      for (const each of property(Document, "elementsFromPoint", document)(x, y)) {
        const seen = each === element ? [] : picturesOf(each).filter((seen) => !isSpacer(seen));
        if (seen[0]) return seen[0];
      }
      return null;
    }

    /** @param {Blob} blob @returns {Promise<string>} */
    const base64 = async (blob) => new Uint8Array(await blob.arrayBuffer()).toBase64();

    /** @param {Blob} blob */
    async function handOver(blob) {
      kept = blob.size > SLICE_BYTES ? blob : null;
      return { type: blob.type, size: blob.size, data: await base64(blob.slice(0, SLICE_BYTES)) };
    }

    return {
      list,
      find,

      /** The bytes of an address, as far as the site lets its own page have them. @param {string} source @param {number} maxBytes @param {number} maxSeconds */
      async read(source, maxBytes, maxSeconds) {
        const found = await globalThis.readPicture(source, maxBytes, maxSeconds);
        return typeof found === "string" ? { fault: found } : handOver(found);
      },

      /** The next part of what was too long for one message. @param {number} start */
      async more(start) {
        const part = kept?.slice(start, start + SLICE_BYTES);
        if (kept && start + SLICE_BYTES >= kept.size) kept = null;
        return part ? base64(part) : null;
      },

      /**
       * What an element shows at this moment; with its longest side at most this.
       * @param {number | undefined} number
       * @param {string} shown
       * @param {number} [maxSide]
       */
      async draw(number, shown, maxSide = Infinity) {
        const element = elementOf(number);
        if (!element) return { fault: "gone" };
        const isPicture = element instanceof HTMLImageElement;
        if (isPicture && (element.currentSrc || element.src) !== shown) return { fault: "changed" };
        if (!isPicture && !(element instanceof HTMLCanvasElement) && !(element instanceof HTMLVideoElement)) return { fault: "drawing" };
        const [width, height] = isPicture
          ? [element.naturalWidth, element.naturalHeight]
          : element instanceof HTMLVideoElement
            ? [element.videoWidth, element.videoHeight]
            : [element.width, element.height];
        if (!width || !height) return { fault: "not-a-picture" };
        try {
          const scale = Math.min(1, maxSide / Math.max(width, height));
          const canvas = new OffscreenCanvas(Math.max(1, width * scale), Math.max(1, height * scale));
          const context = canvas.getContext("2d");
          if (!context) return { fault: "tainted" };
          context.drawImage(element, 0, 0, canvas.width, canvas.height);
          return await handOver(await canvas.convertToBlob());
        } catch {
          return { fault: "tainted" };
        }
      },

      /** Brings an element to where it is seen; tells where that is. @param {number | undefined} number @param {string} shown */
      async show(number, shown) {
        const element = elementOf(number);
        if (!element) return { fault: "gone" };
        if (document.visibilityState === "hidden") return { fault: "not-in-view" };
        const scrolled = new Map();
        for (let each = /** @type {Element | null} */ (element); each; each = parentOf(each)) {
          const [left, top] = ["scrollLeft", "scrollTop"].map((name) => property(Element, name, each));
          scrolled.set(property(Element, "scrollTo", each), { left, top, behavior: "instant" });
        }
        for (const view of views()) {
          scrolled.set(view.scrollTo.bind(view), { left: view.scrollX, top: view.scrollY, behavior: "instant" });
        }
        scrollBack ??= () => scrolled.forEach((place, scrollTo) => scrollTo(place));
        element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        for (let frame = 0; frame < 2; frame += 1) {
          await Promise.race([new Promise(requestAnimationFrame), new Promise((resolve) => setTimeout(resolve, DRAWN_MS))]);
        }
        return this.where(number, shown);
      },

      /**
       * Where an element is seen now, in shares of what is seen of the page.
       * @param {number | undefined} number
       * @param {string} shown
       * @returns {Box | { fault: string }}
       */
      where(number, shown) {
        const element = elementOf(number);
        if (!element) return { fault: "gone" };
        if (element instanceof HTMLImageElement && (element.currentSrc || element.src) !== shown) return { fault: "changed" };
        /** @type {Box} */
        let box = element.getBoundingClientRect();
        for (let each = parentOf(element); each; each = parentOf(each)) {
          const clips = getComputedStyle(each).overflow !== "visible" && each !== property(Document, "scrollingElement", document);
          if (clips) box = within(box, property(Element, "getBoundingClientRect", each)());
        }
        let view = /** @type {Window} */ (window);
        for (const outer of views()) {
          box = within(box, { left: 0, top: 0, right: view.innerWidth, bottom: view.innerHeight });
          const frame = /** @type {Element} */ (view.frameElement);
          const place = frame.getBoundingClientRect();
          const [left, top] = [place.left + frame.clientLeft, place.top + frame.clientTop];
          box = { left: box.left + left, right: box.right + left, top: box.top + top, bottom: box.bottom + top };
          view = outer;
        }
        if (view !== view.top) return { fault: "not-in-view" }; // within another site's page, which does not tell where
        // Of a page that fingers have enlarged, Chrome gives what is seen, and Firefox what was before.
        const { offsetLeft, offsetTop, scale } = dom && view.visualViewport ? view.visualViewport : { offsetLeft: 0, offsetTop: 0, scale: 1 };
        const [width, height] = [view.innerWidth / scale, view.innerHeight / scale];
        const seen = within(box, { left: offsetLeft, top: offsetTop, right: offsetLeft + width, bottom: offsetTop + height });
        if (seen.right - seen.left < 1 || seen.bottom - seen.top < 1) return { fault: "not-in-view" };
        return {
          left: (seen.left - offsetLeft) / width,
          top: (seen.top - offsetTop) / height,
          right: (seen.right - offsetLeft) / width,
          bottom: (seen.bottom - offsetTop) / height,
        };
      },

      /** As the user had it. */
      restore() {
        scrollBack?.();
        scrollBack = null;
      },
    };

    /** Also out of a shadow tree. @param {Element} element @returns {Element | null} */
    function parentOf(element) {
      const parent = property(Element, "assignedSlot", element) ?? property(Node, "parentNode", element);
      if (parent instanceof ShadowRoot) return parent.host;
      return parent instanceof Element ? parent : null;
    }

    /** The windows that this document is framed in, from the inside, as far as they are of its own site. */
    function views() {
      const found = [];
      for (let view = /** @type {Window} */ (window); view !== view.top && view.frameElement; view = view.parent) {
        found.push(view.parent);
      }
      return found;
    }

    /** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */

    /** @param {Box} box @param {Box} bounds @returns {Box} */
    function within(box, bounds) {
      return {
        left: Math.max(box.left, bounds.left),
        top: Math.max(box.top, bounds.top),
        right: Math.min(box.right, bounds.right),
        bottom: Math.min(box.bottom, bounds.bottom),
      };
    }
  })();
}
