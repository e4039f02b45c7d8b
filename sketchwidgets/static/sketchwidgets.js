// Built from js/ by `make bundle`. Do not edit.

// src/protocol.js
var POINT = 4;
var ProtocolError = class extends Error {
};
function bytes(buffer) {
  if (buffer === void 0) return new Uint8Array(0);
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return new Uint8Array(buffer);
}
function floats(buffer) {
  const raw = bytes(buffer);
  if (raw.byteLength % 4) throw new ProtocolError(`${raw.byteLength} bytes are no float32 numbers`);
  return new Float32Array(raw.slice().buffer);
}
function encodePoints(stroke, first, end) {
  return (
    /** @type {ArrayBuffer} */
    stroke.points.slice(first * POINT, end * POINT).buffer
  );
}
function decodeState(message, buffers) {
  const all = floats(buffers[0]);
  const total = message.strokes.reduce((sum, { n }) => sum + n, 0);
  if (all.length !== total * POINT) {
    throw new ProtocolError(`expected ${total} points, got ${all.length / POINT}`);
  }
  let at = 0;
  return message.strokes.map(({ id, n }) => {
    const points2 = all.subarray(at, at += n * POINT);
    return { id, n, points: points2 };
  });
}

// src/downloads.js
var FORMATS = {
  png: { type: "image/png", title: "Download as a picture (PNG)" },
  svg: { type: "image/svg+xml", title: "Download as a drawing with text (SVG)" },
  pdf: { type: "application/pdf", title: "Download as a page to print or to put in a paper (PDF)" }
};
var PATIENCE = 6e4;
var Downloads = class {
  #store;
  /** @type {Map<number, { done: () => void, timer: ReturnType<typeof setTimeout> }>} what is asked for */
  #waiting = /* @__PURE__ */ new Map();
  /** What was asked for and has not come in time; it is still taken when it comes. @type {Set<number>} */
  #late = /* @__PURE__ */ new Set();
  /** The status line that was written last. */
  #notice = "";
  #number = 0;
  /** @param {import("./store.js").Store<any>} store */
  constructor(store) {
    this.#store = store;
    store.listen("notices", () => !store.link.alive && this.#giveUp(), new AbortController().signal);
  }
  /**
   * Ask the kernel for a file.
   *
   * @param {Format} format
   * @param {() => void} done called when it has come, or cannot, or takes too long
   */
  ask(format, done) {
    const number = ++this.#number;
    const timer = setTimeout(() => this.#miss(number, format), PATIENCE);
    this.#waiting.set(number, { done, timer });
    const { link, client } = this.#store;
    link.send({ type: "export", format, client, number });
    if (!link.alive) this.#giveUp();
  }
  /**
   * An "export" message: the file, or with no name that there is none.
   *
   * @param {{ format: Format, client: string, number: number, name: string | null }} content
   * @param {Buffer[]} buffers
   */
  receive({ format, client, number, name }, buffers) {
    if (client !== this.#store.client || !(this.#waiting.has(number) || this.#late.delete(number))) return;
    this.#finish(number);
    if (this.#notice && this.#store.status === this.#notice) this.#say("");
    if (name === null) return;
    saveFile(name, new Blob([bytes(buffers[0]).slice()], { type: FORMATS[format].type }));
  }
  /** @param {number} number */
  #finish(number) {
    const asked = this.#waiting.get(number);
    this.#waiting.delete(number);
    clearTimeout(asked?.timer);
    asked?.done();
  }
  /** The kernel is gone, or does not answer. */
  #giveUp() {
    for (const number of [...this.#waiting.keys()]) {
      this.#late.add(number);
      this.#finish(number);
    }
  }
  /**
   * @param {number} number
   * @param {Format} format
   */
  #miss(number, format) {
    this.#late.add(number);
    this.#finish(number);
    this.#say(`The ${format.toUpperCase()} has not come. While the kernel is busy it waits, and is saved when it comes; else ask again.`);
  }
  /** @param {string} notice in the status line */
  #say(notice) {
    this.#notice = this.#store.status = notice;
    this.#store.emit("notices", void 0);
  }
};
function saveFile(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}

// src/dom.js
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === void 0) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  if (["button", "input", "select", "summary"].includes(tag) || "tabindex" in attributes) {
    element.dataset.lmSuppressShortcuts = "true";
  }
  element.append(...children);
  return element;
}
function iconButton(image, label2, act, signal) {
  const button = h("button", { type: "button", class: "skw-button", title: label2, "aria-label": label2 }, image);
  button.addEventListener("click", () => isOff(button) || act(), { signal });
  return button;
}
function switchOff(button, off) {
  if (off) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}
function isOff(button) {
  return button.getAttribute("aria-disabled") === "true";
}
var SVG = "http://www.w3.org/2000/svg";
function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("skw-icon");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
function afterPaint(callback) {
  requestAnimationFrame(() => requestAnimationFrame(callback));
}
function watchTheme(callback, signal) {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"]
  });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", callback, { signal });
  }
  signal.addEventListener("abort", () => observer.disconnect());
}

// src/emitter.js
var Emitter = class {
  /** @type {Map<keyof Events, Set<(detail: any) => void>>} */
  #listeners = /* @__PURE__ */ new Map();
  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(detail: Events[K]) => void} callback
   * @param {AbortSignal} signal the end of the listening
   */
  listen(name, callback, signal) {
    const set = this.#listeners.get(name) ?? /* @__PURE__ */ new Set();
    this.#listeners.set(name, set.add(callback));
    signal.addEventListener("abort", () => set.delete(callback));
  }
  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} detail
   */
  emit(name, detail) {
    for (const callback of [...this.#listeners.get(name) ?? []]) callback(detail);
  }
};

// src/link.js
var Link = class {
  /** False once the kernel has been restarted or shut down, or does not answer. */
  alive = true;
  /** Whether it is not alive because nothing was heard of it; it may be at work. */
  silent = false;
  #model;
  #changed;
  /**
   * @param {Model} model
   * @param {() => void} changed called when `alive` changes
   */
  constructor(model, changed) {
    this.#model = model;
    this.#changed = changed;
  }
  /**
   * Send a message; one that cannot be sent is dropped and `alive` says so. That one could be sent says nothing: without
   * a comm, as in a notebook that was opened with its widgets and no kernel, ipywidgets drops it and does not tell.
   *
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  send(content, buffers = []) {
    try {
      this.#model.send(content, void 0, buffers);
    } catch {
      this.#set(false);
      return;
    }
    if (
      /** @type {any} */
      this.#model.comm_live === false
    ) this.#set(false);
  }
  /** Something came from the kernel. */
  heard() {
    this.silent = false;
    this.#set(true);
  }
  /** The kernel was asked again and again, and nothing has come. */
  unheard() {
    this.silent = this.alive;
    this.#set(false);
  }
  /** @param {boolean} alive */
  #set(alive) {
    if (alive === this.alive) return;
    this.alive = alive;
    this.#changed();
  }
};

// src/store.js
var LATENCY_LIMIT = 6e4;
var ANSWER = 2e3;
var ASKS = 6;
var Store = class extends Emitter {
  /** @type {ErrorMessage | null} what the kernel says */
  #error = null;
  /** @type {Map<string, ErrorMessage>} why the last message of a type could not be shown here */
  #unshown = /* @__PURE__ */ new Map();
  status = "";
  views = 0;
  /** Names this page to the kernel, which may talk to several. */
  client = Math.random().toString(36).slice(2);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  /**
   * @param {Model} model
   * @param {AbortSignal} signal the end of the model
   */
  constructor(model, signal) {
    super();
    this.model = model;
    this.link = new Link(model, () => this.#noticed());
    const receive = (content, buffers) => this.#receive(content, buffers);
    const probe = () => this.hello();
    model.on("msg:custom", receive);
    model.on("comm_live_update", probe);
    signal.addEventListener("abort", () => {
      clearTimeout(this.#again);
      model.off("msg:custom", receive);
      model.off("comm_live_update", probe);
    });
  }
  /** @returns {ErrorMessage | null} the error to show */
  get error() {
    return this.#error ?? this.#unshown.values().next().value ?? null;
  }
  set error(error) {
    this.#error = error;
  }
  /**
   * A view has mounted: ask the kernel for everything.
   *
   * @param {AbortSignal} signal the end of the view
   */
  mount(signal) {
    this.views += 1;
    signal.addEventListener("abort", () => this.views -= 1);
    this.hello();
  }
  hello(asks = ASKS) {
    this.link.send({ type: "hello", client: this.client });
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (this.views === 0 || !this.link.alive) return;
      if (asks > 1) this.hello(asks - 1);
      else this.link.unheard();
    }, ANSWER);
  }
  /**
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  #receive(content, buffers) {
    if (content.type !== "seen") clearTimeout(this.#again);
    this.heard();
    try {
      if (content.type === "error") {
        this.#error = content.title === null ? null : content;
        this.#noticed();
      } else if (content.type === "status") {
        this.status = content.text;
        this.#noticed();
      } else {
        this.receive(content, buffers);
        if (this.#unshown.delete(content.type)) this.#noticed();
      }
    } catch (error) {
      const { message, stack } = (
        /** @type {Error} */
        error
      );
      const title = "Could not show a message of the kernel";
      this.#unshown.set(content.type, { type: "error", title, message, traceback: stack });
      this.#noticed();
    }
    this.#confirm(content);
  }
  /** Something came from the kernel. */
  heard() {
    this.link.heard();
  }
  #noticed() {
    this.emit("notices", void 0);
  }
  /**
   * What the widget does with its own messages.
   *
   * @param {any} _content
   * @param {Buffer[]} _buffers
   */
  receive(_content, _buffers) {
  }
  /**
   * Tell the kernel that a frame is on the screen. With no view nothing is painted, so nothing is confirmed.
   *
   * @param {{ frame?: number | null, since?: number | null }} content
   */
  #confirm({ frame, since }) {
    if (typeof frame !== "number" || this.views === 0) return;
    afterPaint(() => {
      const latency = typeof since === "number" ? performance.now() - since : NaN;
      const known = latency >= 0 && latency < LATENCY_LIMIT;
      this.link.send({ type: "ack", frame, latency_ms: known ? latency : null, client: this.client });
    });
  }
};

// src/grid_store.js
var PATIENCE2 = 1e3;
var GridStore = class extends Store {
  title = "";
  /** @type {GridSection[]} */
  sections = [];
  /** @type {Spot | null | undefined} where the pointer is, undefined once the kernel knows */
  #spot;
  #told = -Infinity;
  #away = true;
  #scheduled = false;
  downloads = new Downloads(this);
  /**
   * @param {number} section
   * @param {number} tile
   * @returns {GridTile | undefined}
   */
  at(section, tile) {
    return this.sections[section]?.tiles[tile];
  }
  /**
   * @override
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "figure") this.#figure(content, bytes(buffers[0]));
    else if (content.type === "tiles") this.#tiles(content.tiles, bytes(buffers[0]));
    else if (content.type === "hovered") {
      this.#told = -Infinity;
      this.#tell();
    } else if (content.type === "export") this.downloads.receive(content, buffers);
  }
  /**
   * @param {{ title: string, sections: GridSection[] }} content
   * @param {Uint8Array} packed
   */
  #figure({ title, sections }, packed) {
    const cut = sections.map((section) => ({ ...section, tiles: section.tiles.map((tile) => cutTile(tile, packed)) }));
    this.title = title;
    this.sections = cut;
    this.emit("figure", void 0);
  }
  /**
   * @param {[number, number, GridTile][]} tiles
   * @param {Uint8Array} packed
   */
  #tiles(tiles, packed) {
    for (const [section, index, tile] of tiles) {
      if (!this.at(section, index)) continue;
      this.sections[section].tiles[index] = cutTile(tile, packed);
      this.emit("tile", [section, index]);
    }
  }
  /**
   * @param {number} section
   * @param {number} tile
   */
  click(section, tile) {
    this.link.send({ type: "click", section, tile });
  }
  /**
   * The pointer is over a picture, or over none. One message a frame, and one under way: of many places that
   * the pointer passed while the kernel was busy only the newest is told.
   *
   * @param {Spot | null} spot
   */
  hover(spot) {
    if (!this.model.get("_hovers") || spot === null && this.#away) return;
    this.#away = spot === null;
    this.#spot = spot;
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#tell();
    });
  }
  #tell() {
    if (this.#spot === void 0 || performance.now() - this.#told < PATIENCE2) return;
    const spot = this.#spot;
    this.#spot = void 0;
    this.#told = performance.now();
    this.link.send({ type: "hover", ...spot ?? { section: null } });
  }
  /**
   * Change a setting from the page.
   *
   * @param {string} name
   * @param {any} value
   */
  choose(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
};
function cutTile(tile, packed) {
  if (tile.kind === "chart") return tile;
  const end = tile.offset + tile.h * tile.w * tile.depth;
  if (end > packed.length) throw new RangeError(`a tile ends at byte ${end} of ${packed.length}`);
  return { ...tile, pixels: packed.subarray(tile.offset, end) };
}
function rgba({ pixels, depth, w, h: h2 }, out = new Uint8ClampedArray(w * h2 * 4)) {
  if (depth === 4) {
    out.set(pixels);
    return out;
  }
  for (let from = 0, to = 0; to < out.length; from += depth, to += 4) {
    out[to] = pixels[from];
    out[to + 1] = pixels[depth === 3 ? from + 1 : from];
    out[to + 2] = pixels[depth === 3 ? from + 2 : from];
    out[to + 3] = 255;
  }
  return out;
}
function shrunk(data, w, h2, factor) {
  const wide = Math.ceil(w / factor);
  const high = Math.ceil(h2 / factor);
  const out = new Uint8ClampedArray(wide * high * 4);
  for (let y = 0, to = 0; y < high; y++) {
    const bottom = Math.min(h2, (y + 1) * factor);
    for (let x = 0; x < wide; x++, to += 4) {
      const right = Math.min(w, (x + 1) * factor);
      const sum = [0, 0, 0, 0];
      for (let row = y * factor; row < bottom; row++) {
        for (let from = 4 * (row * w + x * factor); from < 4 * (row * w + right); from += 4) {
          for (let c = 0; c < 4; c++) sum[c] += data[from + c];
        }
      }
      const count = (bottom - y * factor) * (right - x * factor);
      for (let c = 0; c < 4; c++) out[to + c] = sum[c] / count;
    }
  }
  return { data: out, w: wide, h: high };
}

// src/grid_tile.js
var PictureView = class {
  #canvas = h("canvas", { class: "skw-pic-canvas" });
  #boxes = h("span", { class: "skw-pic-boxes" });
  #label = h("span", { class: "skw-pic-label" });
  /** What the fractions of a pointer refer to. */
  inner = h("span", { class: "skw-pic-inner" }, this.#canvas, this.#boxes);
  element = h("span", { class: "skw-pic" }, this.inner, this.#label);
  /**
   * @param {PictureTile} tile
   * @param {number} shown side on screen in CSS pixels
   */
  update(tile, shown) {
    const empty = tile.w === 0;
    this.element.classList.toggle("skw-pic-empty", empty);
    this.element.classList.toggle("skw-pic-framed", !empty && tile.background === null);
    this.element.style.background = tile.background === null ? "" : `rgb(${tile.background} ${tile.background} ${tile.background})`;
    this.#label.textContent = empty ? tile.label ?? "" : "";
    if (empty) return;
    const { w, h: high } = tile;
    const longer = Math.max(w, high);
    this.#paint(tile, Math.floor(longer / (shown * (window.devicePixelRatio || 1))));
    this.inner.style.width = `${100 * w / longer}%`;
    this.inner.style.height = `${100 * high / longer}%`;
    this.#canvas.classList.toggle("skw-pixelated", !tile.smooth && shown >= 1.5 * longer);
    this.#boxes.replaceChildren(
      ...tile.boxes.map(([top, left, bottom, right]) => {
        const box = h("span", { class: "skw-field" });
        const share = (v, of) => `${100 * v / of}%`;
        Object.assign(box.style, {
          top: share(top, high),
          left: share(left, w),
          height: share(bottom - top, high),
          width: share(right - left, w)
        });
        return box;
      })
    );
  }
  /**
   * @param {PictureTile} tile
   * @param {number} factor how much larger it is than it is shown: browsers drop pixels of what they make much smaller
   */
  #paint(tile, factor) {
    const whole = rgba(tile);
    const large = Number.isFinite(factor) && factor > 1;
    const { data, w, h: high } = large ? shrunk(whole, tile.w, tile.h, factor) : { data: whole, w: tile.w, h: tile.h };
    if (this.#canvas.width !== w || this.#canvas.height !== high) {
      this.#canvas.width = w;
      this.#canvas.height = high;
    }
    const image = new ImageData(w, high);
    image.data.set(data);
    this.#canvas.getContext("2d")?.putImageData(image, 0, 0);
  }
};
var LEGEND = 9;
function scaleOf({ ramp }) {
  if (!ramp) return [];
  const band = h("span", { class: "skw-ramp" });
  band.style.background = `linear-gradient(to right, ${ramp.colours.join(", ")})`;
  return [h("span", { class: "skw-ramp-row" }, ramp.low, band, ramp.high)];
}
function legendOf({ legend }, most = Infinity) {
  const shown = legend.length - most > 1 ? most : legend.length;
  const rows = legend.slice(0, shown).map(([[red, green, blue], text]) => {
    const swatch = h("span", { class: "skw-swatch" });
    swatch.style.background = `rgb(${red} ${green} ${blue})`;
    return h("span", { class: "skw-legend-row" }, swatch, h("span", {}, text));
  });
  const rest = legend.length - shown;
  return rest > 0 ? [...rows, h("span", { class: "skw-legend-rest" }, `and ${rest} more`)] : rows;
}
function chartElement({ svg }) {
  const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  if (parsed.nodeName !== "svg") throw new Error("a chart of the kernel is no SVG");
  return document.importNode(parsed, true);
}
var GridTileView = class {
  /** @type {GridTile | null} */
  tile = null;
  /** Whether a click switches it, instead of showing it large. */
  get switches() {
    return this.tile?.kind === "picture" && (this.tile.crossed ?? null) !== null;
  }
  picture = new PictureView();
  #chart = h("span", { class: "skw-chart", hidden: true });
  #scale = h("span", { class: "skw-keys" });
  #legend = h("span", { class: "skw-keys" });
  #caption = h("span", { class: "skw-grid-caption" });
  element = h(
    "button",
    { type: "button", class: "skw-cell", tabindex: -1 },
    this.picture.element,
    this.#chart,
    this.#scale,
    this.#caption,
    this.#legend
  );
  /**
   * @param {GridTile} tile
   * @param {number} shown side on screen in CSS pixels
   */
  update(tile, shown) {
    this.tile = tile;
    const isChart = tile.kind === "chart";
    this.element.classList.toggle("skw-cell-chart", isChart);
    this.picture.element.hidden = isChart;
    this.#chart.hidden = !isChart;
    if (tile.kind === "chart") {
      this.#chart.replaceChildren(chartElement(tile));
      this.#scale.replaceChildren();
      this.#legend.replaceChildren();
      this.element.style.width = `min(100%, ${tile.w}px)`;
    } else {
      this.picture.update(tile, shown);
      this.#scale.replaceChildren(...scaleOf(tile));
      this.#legend.replaceChildren(...legendOf(tile, LEGEND));
      this.element.style.width = "";
    }
    const off = tile.kind === "picture" && Boolean(tile.crossed);
    this.element.classList.toggle("skw-switch", this.switches);
    this.element.classList.toggle("skw-crossed", off);
    if (this.switches) this.element.setAttribute("aria-pressed", String(off));
    this.#caption.textContent = tile.caption;
    const said = [tile.description || tile.caption, tile.kind === "picture" && tile.label].filter(Boolean).join(", ");
    this.element.title = tile.description;
    this.element.setAttribute("aria-label", said || "picture");
  }
};

// src/grid_large.js
var GridLarge = class {
  /** What is shown: a place in the figure, followed through newer figures. @type {[number, number] | null} */
  shown = null;
  #store;
  #back;
  #title = h("h4", { class: "skw-large-title" });
  #picture = new PictureView();
  #chart = h("div", { class: "skw-chart skw-chart-large" });
  #keys = h("div", { class: "skw-keys" });
  #text = h("p", { class: "skw-large-text" });
  #facts = h("dl", { class: "skw-facts" });
  /**
   * @param {GridStore} store
   * @param {(section: number, tile: number, held: boolean) => void} back called when it closes, to give the focus back
   *   where it held it
   * @param {(section: number, tile: number) => void} move called when another tile is wanted
   * @param {AbortSignal} signal
   */
  constructor(store, back, move, signal) {
    this.#store = store;
    this.#back = back;
    const step = (by) => {
      if (!this.shown) return;
      const [section, tile] = this.shown;
      if (store.at(section, tile + by)) move(section, tile + by);
    };
    const close = iconButton(icon("M4 4l8 8", "M12 4l-8 8"), "Close (Escape)", () => this.close(), signal);
    const previous = iconButton(icon("M10 3L5 8l5 5"), "Previous (Left)", () => step(-1), signal);
    const next = iconButton(icon("M6 3l5 5-5 5"), "Next (Right)", () => step(1), signal);
    this.element = h(
      "div",
      { class: "skw-large", role: "dialog", tabindex: -1, hidden: true },
      h("div", { class: "skw-large-head" }, this.#title, h("span", { class: "skw-large-tools" }, previous, next, close)),
      h(
        "div",
        { class: "skw-large-body" },
        h("div", { class: "skw-large-main" }, this.#picture.element, this.#chart, this.#keys),
        h("div", { class: "skw-large-about" }, this.#text, this.#facts)
      )
    );
    this.#picture.element.classList.add("skw-pic-large");
    this.element.addEventListener(
      "keydown",
      (event) => {
        const act = { Escape: () => this.close(), ArrowLeft: () => step(-1), ArrowRight: () => step(1) }[event.key];
        if (!act) return;
        event.preventDefault();
        event.stopPropagation();
        act();
      },
      { signal }
    );
  }
  /**
   * @param {number} section
   * @param {number} tile
   */
  open(section, tile) {
    this.shown = [section, tile];
    this.element.hidden = false;
    this.update();
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }
  close() {
    if (!this.shown) return;
    const [section, tile] = this.shown;
    const held = this.element.contains(document.activeElement);
    this.shown = null;
    this.element.hidden = true;
    this.#back(section, tile, held);
  }
  /** Show what the tile is now; one that has gone closes. */
  update() {
    if (!this.shown) return;
    const tile = this.#store.at(...this.shown);
    if (!tile) {
      this.close();
      return;
    }
    const section = this.#store.sections[this.shown[0]].title;
    const title = [section, tile.caption].filter(Boolean).join(" · ");
    this.#title.textContent = title;
    this.element.setAttribute("aria-label", `${title}, enlarged`);
    const isChart = tile.kind === "chart";
    this.#picture.element.hidden = isChart;
    this.#chart.hidden = !isChart;
    this.element.classList.toggle("skw-large-wide", isChart);
    if (tile.kind === "chart") {
      this.#chart.replaceChildren(chartElement(tile));
      this.#keys.replaceChildren();
      this.#facts.replaceChildren();
    } else {
      this.#picture.update(tile, 320);
      this.#keys.replaceChildren(...scaleOf(tile), ...legendOf(tile));
      const facts = tile.label ? [["Picture", tile.label], ...tile.facts] : tile.facts;
      this.#facts.replaceChildren(...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    }
    this.#text.textContent = tile.description;
    this.#text.hidden = !tile.description || tile.description === tile.caption;
  }
};

// src/grid_section.js
var USUAL = 96;
var GridSectionView = class {
  /** @type {GridTileView[]} */
  tiles = [];
  #title = h("h4", { class: "skw-row-title" });
  #caption = h("p", { class: "skw-section-caption" });
  #grid = h("div", { class: "skw-cells", role: "group" });
  /** The tile that the tab key reaches. */
  #current = 0;
  #act;
  #pointed = false;
  /**
   * @param {{
   *   open: (tile: number) => void,
   *   hover: (tile: number | null, x: number, y: number) => void,
   * }} act
   * @param {AbortSignal} signal
   */
  constructor(act, signal) {
    this.#act = act;
    this.element = h("section", { class: "skw-section" }, this.#title, this.#caption, this.#grid);
    this.#grid.addEventListener(
      "click",
      (event) => {
        const at = this.#indexOf(event.target);
        if (at >= 0) act.open(at);
      },
      { signal }
    );
    this.#grid.addEventListener("keydown", (event) => this.#walk(event), { signal });
    this.#grid.addEventListener("focusin", (event) => this.#reach(this.#indexOf(event.target)), { signal });
    const point = (event) => {
      const at = this.#indexOf(event.target);
      const inner = this.tiles[at]?.picture.inner.getBoundingClientRect();
      const x = inner ? (event.clientX - inner.left) / inner.width : -1;
      const y = inner ? (event.clientY - inner.top) / inner.height : -1;
      if (!(x >= 0 && y >= 0 && x <= 1 && y <= 1)) return this.leave();
      this.#pointed = true;
      act.hover(at, x, y);
    };
    this.#grid.addEventListener("pointermove", point, { signal });
    this.#grid.addEventListener("pointerleave", () => this.leave(), { signal });
    signal.addEventListener("abort", () => this.leave());
  }
  /** The pointer is over none of the tiles; no event says so of a section or a view that goes. */
  leave() {
    if (!this.#pointed) return;
    this.#pointed = false;
    this.#act.hover(null, 0, 0);
  }
  /**
   * @param {GridSection} section
   * @param {number} tile side of a tile in CSS pixels, where the section's is 96
   */
  update(section, tile) {
    const { title, caption, columns, tiles } = section;
    this.#title.textContent = title;
    this.#title.hidden = !title;
    this.#caption.textContent = caption;
    this.#caption.hidden = !caption;
    this.#grid.setAttribute("aria-label", title || "pictures");
    const shown = sideOf(section, tile);
    this.element.style.setProperty("--skw-cell", `${shown}px`);
    this.element.style.setProperty("--skw-columns", String(columns ?? 1));
    this.element.style.setProperty("--skw-count", String(tiles.length));
    this.#grid.classList.toggle("skw-cells-columns", columns !== null);
    const fit = columns === null && tile <= USUAL && tiles.every(({ kind }) => kind === "picture");
    this.#grid.classList.toggle("skw-cells-fit", fit);
    while (this.tiles.length > tiles.length) this.tiles.pop()?.element.remove();
    const fresh = [];
    while (this.tiles.length < tiles.length) {
      const view = new GridTileView();
      this.tiles.push(view);
      fresh.push(view.element);
    }
    this.#grid.append(...fresh);
    tiles.forEach((one, index) => this.tiles[index].update(one, shown));
    this.#reach(Math.min(this.#current, Math.max(0, tiles.length - 1)));
  }
  /** @param {EventTarget | null} target */
  #indexOf(target2) {
    const cell = target2 instanceof Element ? target2.closest(".skw-cell") : null;
    return this.tiles.findIndex(({ element }) => element === cell);
  }
  /** @param {number} index */
  #reach(index) {
    if (index < 0 || !this.tiles[index]) return;
    if (this.tiles[this.#current]) this.tiles[this.#current].element.tabIndex = -1;
    this.#current = index;
    this.tiles[index].element.tabIndex = 0;
  }
  /** @param {KeyboardEvent} event */
  #walk(event) {
    const at = this.#indexOf(document.activeElement);
    if (at < 0) return;
    const to = target(
      event.key,
      at,
      this.tiles.map(({ element }) => element.offsetTop),
      this.tiles.map(({ element }) => element.offsetLeft)
    );
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.tiles[to].element.focus();
  }
};
function sideOf({ side }, tile) {
  return Math.round(tile * side / USUAL);
}
function target(key2, at, tops, lefts) {
  const last = tops.length - 1;
  if (key2 === "ArrowRight") return Math.min(last, at + 1);
  if (key2 === "ArrowLeft") return Math.max(0, at - 1);
  if (key2 === "Home") return 0;
  if (key2 === "End") return last;
  if (key2 !== "ArrowDown" && key2 !== "ArrowUp") return null;
  const beyond = tops.filter((top) => key2 === "ArrowDown" ? top > tops[at] : top < tops[at]);
  if (beyond.length === 0) return at;
  const row = key2 === "ArrowDown" ? Math.min(...beyond) : Math.max(...beyond);
  let best = -1;
  for (let i = 0; i <= last; i++) {
    if (tops[i] !== row) continue;
    if (best < 0 || Math.abs(lefts[i] - lefts[at]) < Math.abs(lefts[best] - lefts[at])) best = i;
  }
  return best;
}

// src/grid_toolbar.js
function sizeSlider(model, { least, most }, signal) {
  const slider = h("input", {
    type: "range",
    class: "skw-slider",
    min: least,
    max: most,
    step: 4,
    title: "Size of a tile on the screen"
  });
  slider.addEventListener("input", () => model.set("tile", Number(slider.value)), { signal });
  slider.addEventListener(
    "change",
    () => {
      model.set("tile", Number(slider.value));
      model.save_changes();
    },
    { signal }
  );
  const update = () => {
    slider.value = String(model.get("tile"));
    slider.style.setProperty("--skw-at", `${100 * (Number(slider.value) - least) / (most - least)}%`);
  };
  model.on("change:tile", update);
  signal.addEventListener("abort", () => model.off(
    /** @type {any} */
    "change:tile",
    update
  ));
  update();
  return slider;
}
function exportButtons(downloads, signal) {
  const formats = (
    /** @type {import("./downloads.js").Format[]} */
    Object.keys(FORMATS)
  );
  const buttons = formats.map((format) => {
    const name = format.toUpperCase();
    const { title } = FORMATS[format];
    const button = h("button", { type: "button", class: "skw-text-button", title }, name);
    button.addEventListener(
      "click",
      () => {
        if (button.getAttribute("aria-disabled") === "true") return;
        button.setAttribute("aria-disabled", "true");
        downloads.ask(format, () => button.removeAttribute("aria-disabled"));
      },
      { signal }
    );
    return button;
  });
  return h("span", { class: "skw-labelled" }, "Save", h("span", { class: "skw-buttons" }, ...buttons));
}

// src/notices.js
var SILENT = "The kernel does not answer, and nothing new is shown until it does. It may be busy. If it is gone, run the cell again.";
function notices(store, gone, signal) {
  const banner = h("div", { class: "skw-banner", role: "alert", hidden: true });
  const title = h("div", { class: "skw-error-title" });
  const message = h("div", { class: "skw-error-message" });
  const traceback = h("pre", { class: "skw-error-traceback" });
  const details = h("details", {}, h("summary", {}, "Traceback"), traceback);
  const error = h("div", { class: "skw-error", role: "alert", hidden: true }, title, message, details);
  const status = h("div", { class: "skw-status", role: "status", hidden: true });
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const update = () => {
    write(banner, store.link.silent ? SILENT : gone);
    banner.hidden = store.link.alive;
    error.hidden = store.error === null;
    write(title, store.error?.title ?? "");
    write(message, store.error?.message ?? "");
    write(traceback, store.error?.traceback ?? "");
    details.hidden = !store.error?.traceback;
    status.hidden = !store.status || !store.link.alive;
    write(status, store.status);
  };
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-notices" }, banner, error, status);
}

// src/grid_view.js
var GONE = "The kernel of these pictures is gone: they stay, but nothing can be computed or saved. Run the cell again.";
function renderGrid(store, root, signal) {
  const { model } = store;
  const views = [];
  const title = h("h3", { class: "skw-grid-title" });
  const list = h("div", { class: "skw-sections" });
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Pictures" },
    h("label", { class: "skw-labelled" }, "Size", sizeSlider(model, { least: 24, most: 320 }, signal)),
    exportButtons(store.downloads, signal)
  );
  const head = h("div", { class: "skw-grid-head" }, title, tools);
  root.append(h("div", { class: "skw skw-tile-grid" }, head, notices(store, GONE, signal), list));
  const large = new GridLarge(
    store,
    (section, tile, held) => {
      mark2();
      if (held) views[section]?.tiles[tile]?.element.focus();
    },
    (section, tile) => open(section, tile),
    signal
  );
  const mark2 = () => {
    const chosen = model.get("selectable") ? model.get("selected") : large.shown;
    views.forEach(
      ({ tiles }, section) => tiles.forEach(({ element, switches }, tile) => {
        const on = Boolean(chosen) && chosen[0] === section && chosen[1] === tile;
        element.classList.toggle("skw-open", on);
        if (model.get("selectable")) element.setAttribute("aria-pressed", String(on));
        else if (!switches) element.removeAttribute("aria-pressed");
      })
    );
  };
  const open = (section, tile) => {
    const view = views[section];
    if (!view) return;
    store.click(section, tile);
    if (model.get("selectable") || view.tiles[tile]?.switches) return;
    if (large.element.parentNode !== view.element) view.element.append(large.element);
    large.open(section, tile);
    mark2();
  };
  const draw = () => {
    title.textContent = store.title;
    title.hidden = !store.title;
    tools.hidden = !model.get("toolbar") || store.sections.length === 0;
    head.hidden = title.hidden && tools.hidden;
    while (views.length > store.sections.length) {
      const view = views.pop();
      view?.leave();
      if (view?.element.contains(large.element)) large.close();
      view?.element.remove();
    }
    while (views.length < store.sections.length) {
      const section = views.length;
      const view = new GridSectionView(
        {
          open: (tile) => open(section, tile),
          hover: (tile, x, y) => store.hover(tile === null ? null : { section, tile, x, y })
        },
        signal
      );
      views.push(view);
      list.append(view.element);
    }
    const side = Number(model.get("tile"));
    store.sections.forEach((section, i) => views[i].update(section, side));
    large.update();
    mark2();
  };
  const selectable = () => {
    if (model.get("selectable")) large.close();
    list.classList.toggle("skw-selectable", Boolean(model.get("selectable")));
    mark2();
  };
  store.listen("figure", draw, signal);
  store.listen(
    "tile",
    ([section, tile]) => {
      const data = store.at(section, tile);
      const side = sideOf(store.sections[section], Number(model.get("tile")));
      if (data) views[section]?.tiles[tile]?.update(data, side);
      if (large.shown?.[0] === section && large.shown[1] === tile) large.update();
    },
    signal
  );
  const changes = [
    ["tile", draw],
    ["toolbar", draw],
    ["selectable", selectable],
    ["selected", mark2]
  ];
  for (const [name, act] of changes) {
    model.on(`change:${name}`, act);
    signal.addEventListener("abort", () => model.off(
      /** @type {any} */
      `change:${name}`,
      act
    ));
  }
  selectable();
  draw();
}

// src/keys.js
var OURS = ".skw, .skw-explorer, .skw-curves, .skw-player, .skw-lab";
var SUPPRESS = "data-lm-suppress-shortcuts";
var SHARED = /* @__PURE__ */ Symbol.for("sketchwidgets.keys");
function passes({ key: key2, ctrlKey, metaKey, shiftKey, altKey }) {
  const command = ctrlKey || metaKey;
  if (key2 === "Enter") return (shiftKey || command) && !altKey;
  return command && !altKey && /^[b-ln-xB-LN-X]$/.test(key2);
}
function mark(event) {
  const { target: target2 } = event;
  if (!(target2 instanceof Element) || !target2.closest(OURS)) return;
  if (passes(
    /** @type {KeyboardEvent} */
    event
  )) target2.removeAttribute(SUPPRESS);
  else target2.setAttribute(SUPPRESS, "true");
}
function keepKeys(signal) {
  const page = (
    /** @type {any} */
    window
  );
  const shared = page[SHARED] ??= { views: 0, mark };
  if (shared.views++ === 0) window.addEventListener("keydown", shared.mark, true);
  signal.addEventListener("abort", () => {
    if (--shared.views > 0) return;
    window.removeEventListener("keydown", shared.mark, true);
    delete page[SHARED];
  });
}

// src/percent.js
var SPACE = " ";
function percent(share, fine = false) {
  if (share === null || !Number.isFinite(share)) return "–";
  const digits = fine && (share < 0.1 || share > 0.995) ? 1 : 0;
  const unit = 10 ** -digits;
  if (share > 0 && 100 * share < unit / 2) return `< ${unit}${SPACE}%`;
  if (share < 1 && 100 * share >= 100 - unit / 2) return `> ${100 - unit}${SPACE}%`;
  return `${(100 * share).toFixed(share === 0 || share === 1 ? 0 : digits)}${SPACE}%`;
}

// src/occlusion_store.js
var OcclusionStore = class extends Store {
  /** @type {Experiment | null} */
  experiment = null;
  /** @type {Cell | null} where the pointer is */
  #pointed = null;
  downloads = new Downloads(this);
  /**
   * @param {import("./store.js").Model} model
   * @param {AbortSignal} signal the end of the model
   */
  constructor(model, signal) {
    super(model, signal);
    const moved2 = () => this.emit("cell", void 0);
    model.on("change:cell", moved2);
    signal.addEventListener("abort", () => model.off(
      /** @type {any} */
      "change:cell",
      moved2
    ));
  }
  /**
   * @override
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "export") this.downloads.receive(content, buffers);
    if (content.type !== "occlusion") return;
    this.experiment = content.rows === 0 ? null : unpack(content, bytes(buffers[0]));
    this.#pointed = this.#inside(this.#pointed);
    this.emit("experiment", void 0);
  }
  /** The patch that is looked at: where the pointer is, else the one that is kept. */
  get cell() {
    return this.#pointed ?? this.kept;
  }
  /** @returns {Cell | null} */
  get kept() {
    return this.#inside(this.model.get("cell"));
  }
  /** @param {Cell | null} cell */
  point(cell) {
    if (same(cell, this.#pointed)) return;
    this.#pointed = cell;
    this.emit("cell", void 0);
  }
  /**
   * Keep a place, or none; the kernel is told.
   *
   * @param {Cell | null} cell
   */
  keep(cell) {
    if (same(cell, this.kept)) return;
    this.model.set("cell", cell);
    this.model.save_changes();
  }
  /** @param {Cell | null | undefined} cell @returns {Cell | null} */
  #inside(cell) {
    const now = this.experiment;
    return cell && now && cell[0] < now.rows && cell[1] < now.cols ? cell : null;
  }
};
function same(a, b) {
  return a === b || a !== null && b !== null && a[0] === b[0] && a[1] === b[1];
}
function unpack(header, packed) {
  const count = header.rows * header.cols;
  const numbers = packed.slice(0, 4 * count * (6 + 2 * header.top)).buffer;
  if (numbers.byteLength < 4 * count * (6 + 2 * header.top)) throw new RangeError("the maps are shorter than they say");
  let at = 0;
  const take = (kind, length) => {
    const values = new kind(numbers, at, length);
    at += 4 * length;
    return values;
  };
  const tiles = Object.fromEntries(
    Object.entries(header.tiles).map(([key2, tile]) => [
      key2,
      /** @type {PictureTile} */
      cutTile(tile, packed)
    ])
  );
  return {
    ...header,
    tiles: (
      /** @type {Header["tiles"]} */
      tiles
    ),
    boxes: take(Int32Array, 4 * count),
    best: take(Int32Array, header.top * count),
    chances: take(Float32Array, header.top * count),
    probabilities: take(Float32Array, count),
    activities: take(Float32Array, count)
  };
}
function answerAt(experiment, cell) {
  const { cols, top, target: target2 } = experiment;
  const known = new Map(experiment.classes.map(([index, name, before]) => [index, { name, before }]));
  const guess = (index, chance) => {
    const { name, before } = known.get(index) ?? { name: `class ${index}`, before: NaN };
    return { name, before, chance: chance ?? before, isTarget: index === target2 };
  };
  if (cell === null) {
    const guesses = experiment.first.map((index) => guess(index));
    return { guesses, target: guess(target2), activity: experiment.activity, box: null, done: true };
  }
  const at = cell[0] * cols + cell[1];
  const best = Array.from(experiment.best.subarray(top * at, top * (at + 1)));
  const done = best[0] >= 0;
  const [y, x, bottom, right] = experiment.boxes.subarray(4 * at, 4 * at + 4);
  return {
    guesses: done ? best.map((index, rank) => guess(index, experiment.chances[top * at + rank])) : [],
    target: guess(target2, experiment.probabilities[at]),
    activity: experiment.activities[at],
    box: [y, x, bottom, right],
    done
  };
}
function sentence(experiment, cell) {
  const { guesses, target: target2, box, done } = answerAt(experiment, cell);
  if (box === null) return `No patch: ${target2.name} ${percent(target2.before, true)}.`;
  const place = `Patch at row ${box[0]}, column ${box[1]}`;
  if (!done) return `${place}: not computed.`;
  const other = guesses[0].isTarget ? "" : `, ${guesses[0].name} is more probable`;
  return `${place}: ${target2.name} ${percent(target2.chance, true)} instead of ${percent(target2.before, true)}${other}.`;
}
function cellOfMap({ rows, cols }, x, y) {
  const index = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [index(y, rows), index(x, cols)];
}
function cellOfPicture({ rows, cols, boxes, tiles }, x, y) {
  const nearest = (count, middle, place) => {
    let best = 0;
    for (let i = 1; i < count; i++) if (Math.abs(middle(i) - place) < Math.abs(middle(best) - place)) best = i;
    return best;
  };
  return [
    nearest(rows, (row) => (boxes[4 * row * cols] + boxes[4 * row * cols + 2]) / 2, y * tiles.image.h),
    nearest(cols, (column) => (boxes[4 * column + 1] + boxes[4 * column + 3]) / 2, x * tiles.image.w)
  ];
}
function moved({ rows, cols }, cell, key2) {
  if (key2 === "Escape") return null;
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key2];
  if (!step) return void 0;
  if (cell === null) return [Math.floor((rows - 1) / 2), Math.floor((cols - 1) / 2)];
  const within = (value, count) => Math.min(count - 1, Math.max(0, value));
  return [within(cell[0] + step[0], rows), within(cell[1] + step[1], cols)];
}
function occluded({ tiles: { image, filling }, boxes, cols }, cell) {
  if (cell === null) return image;
  const at = 4 * (cell[0] * cols + cell[1]);
  const [top, left, bottom, right] = boxes.subarray(at, at + 4);
  const pixels = image.pixels.slice();
  for (let y = top; y < bottom; y++) {
    const from = (y * image.w + left) * image.depth;
    pixels.set(filling.pixels.subarray(from, from + (right - left) * image.depth), from);
  }
  return { ...image, pixels };
}
function points(chance, before) {
  const change = 100 * (chance - before);
  if (Number.isNaN(change) || Math.abs(change) < 0.05) return "±0";
  return `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(Math.abs(change) < 9.95 ? 1 : 0)}`;
}

// src/tiles.js
var ZERO = 128;
function cutTiles({ name, tiles, channels = 1 }, packed) {
  return tiles.map((tile) => {
    const end = tile.offset + tile.h * tile.w * channels;
    if (end > packed.length) {
      throw new RangeError(`${name}: a tile ends at byte ${end} of ${packed.length}`);
    }
    return { ...tile, greys: packed.subarray(tile.offset, end) };
  });
}
function fieldSide(tiles) {
  return tiles.reduce((side, { h: h2, w }) => Math.max(side, h2, w), 1);
}
function seen(tiles, size) {
  if (tiles.every(({ h: h2, w }) => Math.min(h2, w) >= size)) return "each sees the whole drawing";
  const [rows, columns] = [Math.max(...tiles.map(({ h: h2 }) => h2)), Math.max(...tiles.map(({ w }) => w))];
  const alike = tiles.every(({ h: h2, w }) => h2 === rows && w === columns);
  return `each sees ${alike ? "" : "up to "}${columns} × ${rows} px`;
}
function placement({ h: h2, w, box: [top, left] }, field) {
  return { top: top === 0 ? field - h2 : 0, left: left === 0 ? field - w : 0 };
}
function tilePixels(tile, channels, field, shown = { top: 0, left: 0, side: field }) {
  const { greys, h: h2, w } = tile;
  const { side } = shown;
  const out = new Uint8ClampedArray(side * side * 4).fill(ZERO);
  for (let i = 3; i < out.length; i += 4) out[i] = 255;
  const at = placement(tile, field);
  const [top, left] = [at.top - shown.top, at.left - shown.left];
  const [first, end] = [Math.max(0, -left), Math.min(w, side - left)];
  for (let y = Math.max(0, -top); y < Math.min(h2, side - top); y++) {
    let to = ((top + y) * side + left + first) * 4;
    let from = (y * w + first) * channels;
    for (let x = first; x < end; x++, to += 4, from += channels) {
      out[to] = greys[from];
      out[to + 1] = greys[channels === 3 ? from + 1 : from];
      out[to + 2] = greys[channels === 3 ? from + 2 : from];
    }
  }
  return out;
}
function paperPixels(ink, [red, green, blue]) {
  const out = new Uint8ClampedArray(ink.length * 4);
  for (let i = 0, to = 0; i < ink.length; i++, to += 4) {
    out[to] = red;
    out[to + 1] = green;
    out[to + 2] = blue;
    out[to + 3] = ink[i];
  }
  return out;
}
function short(value) {
  if (value === null || value === void 0) return "–";
  const size = Math.abs(value);
  const far = size >= 1e5 || size > 0 && size < 1e-3;
  const text = far ? value.toExponential(1) : size >= 1e3 ? value.toFixed(0) : value.toPrecision(3);
  return text.replaceAll("-", "−");
}

// src/occlusion_view.js
var GONE2 = "The kernel of these maps is gone: they stay, but nothing new can be computed or saved. Run the cell again.";
var LARGE = 240;
var SMALL = 150;
var Panel = class {
  #title = h("span", { class: "skw-occ-title" });
  #picture = new PictureView();
  #frame = h("span", { class: "skw-occ-frame", hidden: true });
  #keys = h("span", { class: "skw-keys" });
  element;
  #side;
  /**
   * @param {string} name
   * @param {number} side
   */
  constructor(name, side) {
    this.#side = side;
    this.inner = this.#picture.inner;
    this.inner.append(this.#frame);
    this.element = h(
      "figure",
      { class: `skw-occ-panel skw-occ-${side === LARGE ? "large" : "small"}`, "data-map": name },
      this.#title,
      this.#picture.element,
      this.#keys
    );
  }
  /**
   * @param {string} title
   * @param {PictureTile} tile
   */
  show(title, tile) {
    this.#title.textContent = title;
    this.#title.title = tile.description;
    this.#picture.update(tile, this.#side);
    this.#keys.replaceChildren(...scaleOf(tile), ...legendOf(tile, 9));
  }
  /**
   * Frame a part, given as shares: top, left, bottom, right.
   *
   * @param {[number, number, number, number] | null} part
   * @param {boolean} kept
   */
  frame(part, kept) {
    this.#frame.hidden = part === null;
    this.#frame.classList.toggle("skw-occ-kept", kept);
    if (part === null) return;
    const [top, left, bottom, right] = part.map((share) => 100 * share);
    Object.assign(this.#frame.style, {
      top: `${top}%`,
      left: `${left}%`,
      height: `${bottom - top}%`,
      width: `${right - left}%`
    });
  }
  /**
   * Call back with the place of the pointer, as shares, and with null once it has left; and for a click or a tap. A
   * finger that scrolls the page is no tap: the browser takes it away before it is lifted.
   *
   * @param {(x: number | null, y: number) => void} move
   * @param {() => void} press
   * @param {AbortSignal} signal
   */
  listen(move, press, signal) {
    let [inside, down] = [false, false];
    const tell = ({ clientX, clientY }) => {
      const { left, top, width, height } = this.inner.getBoundingClientRect();
      if (width === 0) return;
      inside = true;
      move((clientX - left) / width, (clientY - top) / height);
    };
    const leave = () => {
      const was = inside;
      inside = down = false;
      if (was) move(null, 0);
    };
    this.inner.addEventListener("pointermove", tell, { signal });
    this.inner.addEventListener("pointerleave", leave, { signal });
    this.inner.addEventListener("pointercancel", leave, { signal });
    this.inner.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || !event.isPrimary) return;
        tell(event);
        down = true;
      },
      { signal }
    );
    this.inner.addEventListener(
      "pointerup",
      (event) => {
        if (event.button !== 0 || !down) return;
        down = false;
        tell(event);
        press();
      },
      { signal }
    );
    signal.addEventListener("abort", leave);
  }
};
var AnswerPanel = class {
  #title = h("span", { class: "skw-occ-title" });
  #rows = h("div", { class: "skw-occ-bars" });
  #facts = h("div", { class: "skw-occ-facts" });
  element = h("div", { class: "skw-occ-answer" }, this.#title, this.#rows, this.#facts);
  /**
   * @param {Experiment} experiment
   * @param {Cell | null} cell
   */
  show(experiment, cell) {
    const { guesses, target: target2, activity, box, done } = answerAt(experiment, cell);
    this.#title.textContent = cell === null || !box ? "Without a patch the network says" : `Patch at row ${box[0]}, column ${box[1]}`;
    this.#rows.replaceChildren(
      ...guesses.map(({ name, chance, before, isTarget }) => {
        const bar = h("span", { class: "skw-occ-bar" });
        bar.style.width = `${100 * Math.min(1, chance)}%`;
        const mark2 = h("span", { class: "skw-occ-mark", hidden: cell === null });
        mark2.style.left = `${100 * Math.min(1, before)}%`;
        return h(
          "div",
          { class: `skw-occ-row${isTarget ? " skw-occ-target" : ""}`, title: `${name}: ${percent(before, true)} without a patch` },
          h("span", { class: "skw-occ-name" }, name),
          h("span", { class: "skw-occ-track" }, bar, mark2),
          h("span", { class: "skw-occ-share" }, percent(chance, true)),
          h("span", { class: "skw-occ-change" }, cell === null ? "" : points(chance, before))
        );
      })
    );
    const share = experiment.activity ? ` (${signed(100 * (activity - experiment.activity) / Math.abs(experiment.activity))} %)` : "";
    this.#facts.replaceChildren(
      ...cell === null ? [h("span", {}, "Point at a place to cover it; a click or the arrow keys keep it.")] : done ? [
        h("span", {}, `${target2.name}: ${percent(target2.chance, true)} instead of ${percent(target2.before, true)}`),
        h("span", {}, `Map ${experiment.unit}: ${short(activity)} instead of ${experiment.activity_text}${share}`)
      ] : [h("span", {}, "not computed")]
    );
  }
};
function signed(value) {
  const size = Math.abs(value).toFixed(Math.abs(value) < 9.95 ? 1 : 0);
  return Number(size) === 0 ? "±0" : `${value > 0 ? "+" : "−"}${size}`;
}
function renderOcclusion(store, root, signal) {
  const heat = new Panel("heat", LARGE);
  const seen2 = new Panel("occluded", LARGE);
  const answer = new AnswerPanel();
  const spoken = h("p", { class: "skw-spoken", role: "status" });
  let said = store.kept;
  const maps = (
    /** @type {const} */
    ["activity", "probability", "label"].map((key2) => ({ key: key2, panel: new Panel(key2, SMALL) }))
  );
  const stage = h(
    "div",
    {
      class: "skw-occ-stage",
      tabindex: 0,
      role: "application",
      "aria-label": "Occlusion maps. Arrow keys move the patch, Escape takes it away."
    },
    heat.element,
    seen2.element,
    answer.element,
    h("div", { class: "skw-occ-maps" }, ...maps.map(({ panel }) => panel.element))
  );
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Occlusion maps" },
    exportButtons(store.downloads, signal)
  );
  const head = h("div", { class: "skw-grid-head skw-occ-head" }, tools);
  root.append(h("div", { class: "skw skw-occlusion" }, notices(store, GONE2, signal), stage, head, spoken));
  const follow = (panel, locate) => {
    panel.listen(
      (x, y) => {
        const { experiment } = store;
        if (experiment) store.point(x === null ? null : locate(experiment, x, y));
      },
      () => {
        store.keep(same(store.cell, store.kept) ? null : store.cell);
      },
      signal
    );
  };
  follow(heat, cellOfPicture);
  follow(seen2, cellOfPicture);
  for (const { panel } of maps) follow(panel, cellOfMap);
  stage.addEventListener(
    "keydown",
    (event) => {
      const next = store.experiment ? moved(store.experiment, store.kept, event.key) : void 0;
      if (next === void 0) return;
      event.preventDefault();
      event.stopPropagation();
      store.point(null);
      store.keep(next);
    },
    { signal }
  );
  const mark2 = () => {
    const { experiment, cell, kept } = store;
    if (!experiment) return;
    const { rows, cols, boxes, tiles } = experiment;
    const isKept = same(cell, kept);
    if (!same(kept, said)) spoken.textContent = sentence(experiment, kept);
    said = kept;
    seen2.show(cell === null ? "What the network sees" : "What the network sees now", occluded(experiment, cell));
    answer.show(experiment, cell);
    if (cell === null) {
      for (const panel of [heat, seen2, ...maps.map((map) => map.panel)]) panel.frame(null, false);
      return;
    }
    const [row, column] = cell;
    const at = 4 * (row * cols + column);
    const [top, left, bottom, right] = boxes.subarray(at, at + 4);
    const { w, h: high } = tiles.image;
    heat.frame([top / high, left / w, bottom / high, right / w], isKept);
    for (const { panel } of maps) panel.frame([row / rows, column / cols, (row + 1) / rows, (column + 1) / cols], isKept);
  };
  const draw = () => {
    const { experiment } = store;
    stage.hidden = head.hidden = experiment === null;
    said = store.kept;
    if (!experiment) return;
    heat.show(`Where patches change map ${experiment.unit}`, experiment.tiles.heat);
    const target2 = experiment.classes.find(([index]) => index === experiment.target)?.[1] ?? "the class";
    const titles = { activity: `Activity of ${experiment.unit}`, probability: `Probability of ${target2}, %`, label: "Most probable class" };
    for (const { key: key2, panel } of maps) panel.show(titles[key2], experiment.tiles[key2]);
    mark2();
  };
  store.listen("experiment", draw, signal);
  store.listen("cell", mark2, signal);
  draw();
}

// src/fewest.js
var OFF = { type: "fewest", offered: false, on: false };
var Fewest = class {
  #said = OFF;
  /** Left here, while the kernel may still speak of it. */
  #left = false;
  /** Whether there is somebody to ask. */
  get offered() {
    return this.#said.offered;
  }
  get on() {
    return this.#said.on && !this.#left;
  }
  get busy() {
    return this.on && Boolean(this.#said.busy);
  }
  /** Part of the search that is done, 0..1; null where nobody knows. */
  get share() {
    return this.on ? this.#said.share ?? null : null;
  }
  get text() {
    return this.on ? this.#said.text ?? "" : "";
  }
  get note() {
    return this.on ? this.#said.note ?? "" : "";
  }
  /**
   * Whether a stroke is not needed, so far as is known.
   *
   * @param {number} id
   */
  spares(id) {
    const { kept } = this.#said;
    return this.on && Boolean(kept) && !kept?.includes(id);
  }
  /** @param {FewestMessage} message */
  receive(message) {
    this.#said = message;
    if (!message.on) this.#left = false;
  }
  /** Asked for: what the kernel says next counts. */
  ask() {
    this.#left = false;
  }
  /** Not wanted any more, at once and not only when the kernel knows. False where it was not on. */
  leave() {
    if (!this.on) return false;
    this.#left = true;
    return true;
  }
};

// src/delivery.js
var CHECK = 1e3;
var LONGEST = 1e4;
var Delivery = class {
  /** @type {Message[]} what the kernel has not confirmed, oldest first */
  #kept = [];
  /** Number of the last message that the kernel has confirmed. */
  #confirmed = 0;
  /** @type {{ check: number, seq: number } | null} the last question, and the last message before it */
  #asked = null;
  #checks = 0;
  #wait = CHECK;
  #paused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #send;
  /** Number of the last message; the kernel puts messages back in order by it, and takes each number once. */
  seq = 0;
  /**
   * @param {(content: Record<string, any>, buffers?: ArrayBuffer[]) => void} send
   * @param {string} client names this page, since numbers count from 1 in each
   */
  constructor(send, client) {
    this.client = client;
    this.#send = send;
  }
  /** True while the kernel may lack something. */
  get pending() {
    return this.#kept.length > 0;
  }
  /**
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  send(content, buffers = []) {
    this.seq += 1;
    const message = { content: { ...content, seq: this.seq, client: this.client }, buffers };
    this.#kept.push(message);
    this.#send(message.content, buffers);
    this.#watch();
  }
  /**
   * The kernel has all messages up to a number.
   *
   * @param {number} seen
   */
  confirm(seen2) {
    if (seen2 <= this.#confirmed) return;
    this.#confirmed = seen2;
    const first = this.#kept.findIndex(({ content }) => content.seq > seen2);
    this.#kept = first < 0 ? [] : this.#kept.slice(first);
    if (this.pending) return;
    this.stop();
    this.#wait = CHECK;
  }
  /**
   * The answer to a question. Of what went out before the question, the kernel lacks all after `seen`, or has it out of
   * order; it knows by their numbers those that it has.
   *
   * @param {import("./protocol.js").SeenMessage} answer
   */
  answered({ client, check, seen: seen2 }) {
    if (client !== this.client) return;
    this.confirm(seen2);
    if (this.#asked?.check !== check) return;
    const { seq } = this.#asked;
    this.#asked = null;
    this.#wait = CHECK;
    this.stop();
    if (this.pending) this.#watch();
    for (const { content, buffers } of this.#kept) if (content.seq <= seq) this.#send(content, buffers);
  }
  /** Ask nothing, whatever is sent: nobody is there to answer. */
  pause() {
    this.#paused = true;
    this.stop();
  }
  /** Ask again. */
  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wait = CHECK;
    if (this.pending) this.#watch();
  }
  /** Ask no more, until something is sent. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = void 0;
  }
  #watch() {
    if (!this.#paused) this.#timer ??= setTimeout(() => this.#ask(), this.#wait);
  }
  #ask() {
    this.#timer = void 0;
    this.#wait = Math.min(2 * this.#wait, LONGEST);
    this.#checks += 1;
    this.#asked = { check: this.#checks, seq: this.seq };
    this.#send({ type: "check", client: this.client, check: this.#checks, confirmed: this.#confirmed });
    this.#watch();
  }
};

// src/outbox.js
var REST = 2e3;
var Outbox = class {
  /** @type {{ stroke: Stroke, sent: number } | null} */
  #open = null;
  /** @type {number | null | undefined} the step to send; undefined: none waits */
  #step;
  #scheduled = false;
  #schedule;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;
  /**
   * @param {(content: Record<string, any>, buffers?: ArrayBuffer[]) => void} send
   * @param {string} client names this page, since numbers count from 1 in each
   * @param {(callback: () => void) => unknown} [schedule] the next animation frame
   */
  constructor(send, client, schedule = (callback) => requestAnimationFrame(callback)) {
    this.delivery = new Delivery(send, client);
    this.#schedule = schedule;
  }
  /** True while something waits for its frame. */
  get waiting() {
    return this.#open !== null || this.#step !== void 0;
  }
  /** @param {Stroke} stroke has grown */
  grow(stroke) {
    this.#begin(stroke);
    this.#later();
  }
  /** @param {Stroke} stroke */
  #begin(stroke) {
    if (this.#open) return;
    this.#open = { stroke, sent: 0 };
    this.#step = void 0;
  }
  /**
   * The stroke has ended: its last points go out now, the answer should not wait for a frame.
   *
   * @param {Stroke} stroke
   * @param {number} upMs performance.now() at pointer-up
   */
  end(stroke, upMs) {
    this.#begin(stroke);
    this.#points(true, upMs);
  }
  /** @param {"undo" | "redo" | "clear" | "fewest" | "fewest_off" | "fewest_stop"} type */
  operate(type) {
    this.flush();
    this.delivery.send({ type });
  }
  /**
   * Scrubbing sends the newest step once a frame.
   *
   * @param {number | null} step
   */
  scrub(step) {
    this.#step = step;
    this.#later();
  }
  /** Send what waits. */
  flush() {
    if (this.#open) this.#points(false);
    if (this.#step !== void 0) {
      const step = this.#step;
      this.#step = void 0;
      this.delivery.send({ type: "scrub", step });
    }
  }
  /** Send nothing more by itself. */
  stop() {
    clearTimeout(this.#rest);
    this.delivery.stop();
  }
  #later() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
  /**
   * @param {boolean} end
   * @param {number} [upMs]
   * @param {boolean} [resting] with or without points
   */
  #points(end, upMs, resting = false) {
    const open = this.#open;
    if (!open) return;
    const { stroke, sent } = open;
    if (stroke.n === sent && !end && !resting) return;
    const content = { type: "points", stroke: stroke.id, first: sent, end };
    if (end) content.up_ms = upMs;
    const buffers = stroke.n > sent ? [encodePoints(stroke, sent, stroke.n)] : [];
    open.sent = stroke.n;
    clearTimeout(this.#rest);
    if (end) this.#open = null;
    else this.#rest = setTimeout(() => this.#points(false, void 0, true), REST);
    this.delivery.send(content, buffers);
  }
};

// src/pen.js
var PEN_NEAR = 600;
var PALM = 60;
var Grip = class {
  /** @type {{ id: number, type: string } | null} */
  active = null;
  #lastPen = -Infinity;
  /** @param {{ pointerType: string, timeStamp: number }} event any event of a pointer near the board */
  notice({ pointerType, timeStamp }) {
    if (pointerType === "pen") this.#lastPen = timeStamp;
  }
  /**
   * A pointer is down: "draw", "ignore", or "replace" when it is the pen and what draws is a touch.
   *
   * @param {Press} event
   * @returns {"draw" | "ignore" | "replace"}
   */
  press(event) {
    const { pointerType, pointerId, button, ctrlKey, timeStamp } = event;
    const penNear = timeStamp - this.#lastPen < PEN_NEAR;
    this.notice(event);
    if (button !== 0 || pointerType === "mouse" && ctrlKey) return "ignore";
    if (pointerType === "touch" && (penNear || !event.isPrimary || Math.max(event.width, event.height) > PALM)) {
      return "ignore";
    }
    const other = this.active && this.active.id !== pointerId ? this.active : null;
    if (other && !(pointerType === "pen" && other.type === "touch")) return "ignore";
    const outcome = other ? "replace" : "draw";
    this.active = { id: pointerId, type: pointerType };
    return outcome;
  }
  /** @param {{ pointerId: number }} event */
  holds({ pointerId }) {
    return this.active?.id === pointerId;
  }
  release() {
    this.active = null;
  }
};
function coalesced(event) {
  const all = event.getCoalescedEvents?.() ?? [];
  return all.length > 0 ? all : [event];
}
function toPoints(events, box, board, last) {
  const points2 = [];
  const inside = (v) => Math.min(board, Math.max(0, v));
  for (const event of events) {
    const x = inside((event.clientX - box.left) / box.width * board);
    const y = inside((event.clientY - box.top) / box.height * board);
    if (last && x === last.x && y === last.y) continue;
    const pressure = event.pointerType === "pen" ? event.pressure || (last?.pressure ?? 0.5) : 1;
    const time = Math.max(event.timeStamp, last?.time ?? -Infinity);
    last = { x, y, time, pressure };
    points2.push(last);
  }
  return points2;
}
function listenToPen(canvas, board, hand, grip, signal) {
  let mine = null;
  let last = null;
  const draw = (events) => {
    const points2 = toPoints(events, canvas.getBoundingClientRect(), board(), last);
    if (points2.length === 0) return;
    last = points2[points2.length - 1];
    hand.extend(points2);
  };
  const holds = (event) => mine !== null && mine === grip.active && grip.holds(event);
  const end = () => {
    grip.release();
    mine = null;
    last = null;
    hand.finish();
  };
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const outcome = grip.press(event);
      if (outcome === "ignore") return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      mine = grip.active;
      last = null;
      if (outcome === "replace") hand.takeBack();
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch {
      }
      hand.begin();
      draw([event]);
    },
    { signal }
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      grip.notice(event);
      if (!holds(event)) return;
      if (event.buttons === 0 && event.pointerType !== "touch") end();
      else draw(coalesced(event));
    },
    { signal }
  );
  canvas.addEventListener(
    "pointerup",
    (event) => {
      if (!holds(event)) return;
      draw([event]);
      end();
    },
    { signal }
  );
  for (
    const name of
    /** @type {const} */
    ["pointercancel", "lostpointercapture"]
  ) {
    canvas.addEventListener(name, (event) => holds(event) && end(), { signal });
  }
  canvas.addEventListener("contextmenu", (event) => grip.active && event.preventDefault(), { signal });
  signal.addEventListener("abort", () => mine !== null && mine === grip.active && end());
}

// src/strokes.js
var HISTORY = 1e3;
var BLOCK = 2 ** 20;
function blockOfIds() {
  return BLOCK * (1 + Math.floor(Math.random() * (2 ** 32 - 1)));
}
var Drawing = class {
  /** @type {Stroke[]} */
  strokes = [];
  /** @type {Stroke | null} the stroke under the pen */
  current = null;
  /** @type {number | null} strokes looked at when scrubbed back, null at the live end */
  step = null;
  /** @type {Operation[]} */
  #done = [];
  /** @type {Operation[]} */
  #undone = [];
  // Operations that only the kernel remembers, from before this page was loaded.
  #hiddenUndo = 0;
  #hiddenRedo = 0;
  #nextId;
  /** @param {number} [firstId] of its strokes, even */
  constructor(firstId = 2) {
    this.#nextId = firstId;
  }
  get canUndo() {
    return this.#done.length + this.#hiddenUndo > 0;
  }
  get canRedo() {
    return this.#undone.length + this.#hiddenRedo > 0;
  }
  /** The finished strokes that are looked at. */
  get visible() {
    return this.step === null ? this.strokes : this.strokes.slice(0, this.step);
  }
  /** Begin a stroke at the live end. A page's ids are even, the kernel's odd: they never meet. */
  begin() {
    this.step = null;
    this.current = { id: this.#nextId, points: new Float32Array(64 * POINT), n: 0 };
    this.#nextId += 2;
    return this.current;
  }
  /**
   * Add a point to the stroke under the pen.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} t
   * @param {number} pressure
   */
  extend(x, y, t, pressure) {
    const stroke = this.current;
    if (!stroke) return;
    const at = stroke.n * POINT;
    if (at === stroke.points.length) {
      const grown = new Float32Array(2 * at);
      grown.set(stroke.points);
      stroke.points = grown;
    }
    stroke.points.set([x, y, t, pressure], at);
    stroke.n += 1;
  }
  /** End the stroke under the pen. */
  finish() {
    const stroke = this.current;
    this.current = null;
    if (!stroke || stroke.n === 0) return;
    stroke.points = stroke.points.slice(0, stroke.n * POINT);
    this.strokes.push(stroke);
    this.#remember({ kind: "add", stroke });
  }
  /** @param {Operation} operation */
  #remember(operation) {
    this.#done.push(operation);
    if (this.#done.length + this.#hiddenUndo > HISTORY) {
      if (this.#hiddenUndo > 0) this.#hiddenUndo -= 1;
      else this.#done.shift();
    }
    this.#undone = [];
    this.#hiddenRedo = 0;
  }
  /**
   * Take back the newest operation.
   *
   * @returns {"done" | "ask" | "nothing"} "ask": only the kernel knows what comes back
   */
  undo() {
    const operation = this.#done.pop();
    if (!operation) return this.#hiddenUndo > 0 ? "ask" : "nothing";
    this.#undone.push(operation);
    if (operation.kind === "add") this.strokes.pop();
    else this.strokes = [...operation.strokes];
    this.step = null;
    return "done";
  }
  /**
   * Bring back what undo took.
   *
   * @returns {"done" | "ask" | "nothing"}
   */
  redo() {
    const operation = this.#undone.pop();
    if (!operation) return this.#hiddenRedo > 0 ? "ask" : "nothing";
    this.#done.push(operation);
    if (operation.kind === "add") this.strokes.push(operation.stroke);
    else this.strokes = [];
    this.step = null;
    return "done";
  }
  /** Remove all strokes; undo brings them back. False where there is none. */
  clear() {
    if (this.strokes.length === 0) return false;
    this.#remember({ kind: "clear", strokes: this.strokes });
    this.strokes = [];
    this.step = null;
    return true;
  }
  /**
   * Look at the first `step` strokes; null, or the last one, is the live end. False where nothing changes.
   *
   * @param {number | null} step
   */
  scrub(step) {
    const n = this.strokes.length;
    const next = step === null || step >= n ? null : Math.max(1, step);
    if (next === this.step) return false;
    this.step = next;
    return true;
  }
  /**
   * Take over the kernel's drawing; a stroke under the pen goes on. False where it is what is here already.
   *
   * @param {Stroke[]} strokes
   * @param {{ undo?: number, redo?: number, step?: number | null }} rest
   */
  replace(strokes, { undo = 0, redo = 0, step = null }) {
    const same2 = strokes.length === this.strokes.length && strokes.every((stroke, i) => stroke.id === this.strokes[i].id && stroke.n === this.strokes[i].n);
    if (same2 && step === this.step && undo === this.#done.length + this.#hiddenUndo && redo === this.#undone.length + this.#hiddenRedo) {
      return false;
    }
    this.strokes = strokes;
    this.step = step;
    this.#done = [];
    this.#undone = [];
    this.#hiddenUndo = undo;
    this.#hiddenRedo = redo;
    return true;
  }
  /** The time of the last point in ms, 0 for an empty board. */
  get lastTime() {
    const stroke = this.strokes.at(-1);
    return stroke ? stroke.points[(stroke.n - 1) * POINT + 2] : 0;
  }
};

// src/pad_store.js
var PAUSE = 1e3;
var CHECKS = 6;
var ASK_AGAIN = 250;
var PadStore = class extends Store {
  drawing = new Drawing(blockOfIds());
  fewest = new Fewest();
  /** One for all views: only one pointer draws at a time. */
  grip = new Grip();
  /** @type {PredictionMessage | null} */
  prediction = null;
  /** The page's clock at time 0 of the drawing. @type {number | null} */
  #zero = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Questions since something was heard of the kernel. */
  #checks = 0;
  /**
   * @param {import("./store.js").Model} model
   * @param {AbortSignal} signal
   */
  constructor(model, signal) {
    super(model, signal);
    this.outbox = new Outbox((content, buffers) => this.#send(content, buffers), this.client);
    this.listen("notices", () => !this.link.alive && this.outbox.delivery.pause(), signal);
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.outbox.stop();
    });
  }
  get board() {
    return (
      /** @type {number} */
      this.model.get("board")
    );
  }
  get drawingNow() {
    return this.drawing.current !== null;
  }
  /**
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  #send(content, buffers) {
    if (content.type === "check" && (this.#checks += 1) > CHECKS) this.link.unheard();
    else this.link.send(content, buffers);
  }
  /** @override */
  heard() {
    this.#checks = 0;
    super.heard();
    this.outbox.delivery.resume();
  }
  /** The pen is down. */
  begin() {
    this.finish();
    const wasScrubbed = this.drawing.step !== null;
    this.drawing.begin();
    const wasPale = this.#leaveFewest();
    if (wasScrubbed || wasPale) this.emit("drawing", { repaint: true });
    this.emit("prediction", void 0);
  }
  /**
   * The pen has moved; `time` is the page's clock.
   *
   * @param {{ x: number, y: number, time: number, pressure: number }[]} points
   */
  extend(points2) {
    const stroke = this.drawing.current;
    if (!stroke || points2.length === 0) return;
    this.#zero ??= points2[0].time - (this.drawing.strokes.length ? this.drawing.lastTime + PAUSE : 0);
    const first = stroke.n;
    for (const { x, y, time, pressure } of points2) this.drawing.extend(x, y, time - this.#zero, pressure);
    this.emit("ink", { stroke, first });
    this.outbox.grow(stroke);
  }
  /** The pen is up. */
  finish() {
    const stroke = this.drawing.current;
    if (!stroke) return;
    this.drawing.finish();
    if (stroke.n > 0) this.outbox.end(stroke, performance.now());
    this.emit("drawing", { repaint: false });
  }
  /** @param {"undo" | "redo"} type */
  walk(type) {
    if (this.drawingNow) return;
    const outcome = type === "undo" ? this.drawing.undo() : this.drawing.redo();
    if (outcome === "nothing") return;
    this.outbox.operate(type);
    if (outcome === "ask") this.hello();
    this.#afterChange();
  }
  clear() {
    if (this.drawingNow || !this.drawing.clear()) return;
    this.outbox.operate("clear");
    this.#afterChange();
  }
  /** Ask for the fewest strokes that are enough for the label, or show all as before. */
  toggleFewest() {
    if (this.drawingNow) return;
    if (this.#leaveFewest()) {
      this.outbox.operate("fewest_off");
      this.emit("drawing", { repaint: true });
    } else if (this.drawing.strokes.length > 0) {
      this.fewest.ask();
      this.outbox.operate("fewest");
    }
  }
  /** Search no further, and keep what was found. */
  stopFewest() {
    if (this.fewest.busy) this.outbox.operate("fewest_stop");
  }
  /** The drawing is another one now. The kernel finds that out by itself. */
  #leaveFewest() {
    const left = this.fewest.leave();
    if (left) this.emit("fewest", void 0);
    return left;
  }
  #afterChange() {
    this.#leaveFewest();
    if (this.drawing.strokes.length === 0) {
      this.#zero = null;
      this.prediction = null;
      this.emit("prediction", void 0);
    }
    this.emit("drawing", { repaint: true });
  }
  /** @param {number | null} step */
  scrub(step) {
    if (this.drawingNow || !this.drawing.scrub(step)) return;
    this.#leaveFewest();
    this.outbox.scrub(this.drawing.step);
    this.emit("drawing", { repaint: true });
  }
  /**
   * @override
   * @param {any} content
   * @param {import("./protocol.js").Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "state") this.#adopt(content, buffers);
    else if (content.type === "changed") content.by !== this.client && this.#askSoon();
    else if (content.type === "seen") this.outbox.delivery.answered(content);
    else if (content.type === "prediction") {
      const wanted = content.top.length > 0 && (this.drawing.strokes.length > 0 || this.drawingNow);
      this.prediction = wanted ? content : null;
      this.emit("prediction", void 0);
    } else if (content.type === "fewest") {
      this.fewest.receive(content);
      this.emit("fewest", void 0);
      this.emit("drawing", { repaint: true });
    }
  }
  /**
   * Take over the kernel's drawing, unless it was sent before the kernel had seen what was drawn here.
   *
   * @param {StateMessage} state
   * @param {import("./protocol.js").Buffer[]} buffers
   */
  #adopt(state, buffers) {
    const { outbox } = this;
    const seen2 = state.seen?.[this.client];
    if (seen2 !== void 0) outbox.delivery.confirm(seen2);
    const older = outbox.delivery.pending || seen2 !== void 0 && seen2 < outbox.delivery.seq;
    if (outbox.waiting || this.drawingNow || older) {
      this.#askSoon();
      return;
    }
    if (!this.drawing.replace(decodeState(state, buffers), state)) return;
    this.#zero = null;
    this.#afterChange();
  }
  #askSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = void 0;
      if (this.drawingNow) this.#askSoon();
      else this.hello();
    }, ASK_AGAIN);
  }
};

// src/fewest_view.js
function fewestButton(store, signal) {
  const title = "Show which strokes are enough for the network to recognise the drawing";
  const button = h("button", { type: "button", class: "skw-text-button skw-fewest-button", title }, "Fewest strokes");
  button.addEventListener("click", () => isOff(button) || store.toggleFewest(), { signal });
  const update = () => {
    button.hidden = !store.fewest.offered;
    switchOff(button, store.drawing.strokes.length === 0 || !store.link.alive);
    button.setAttribute("aria-pressed", String(store.fewest.on));
  };
  for (
    const event of
    /** @type {const} */
    ["fewest", "drawing", "notices"]
  ) store.listen(event, update, signal);
  update();
  return button;
}
function fewestLine(store, board, signal) {
  const text = h("span", { class: "skw-fewest-text" });
  const note = h("span", { class: "skw-fewest-note" });
  const bar = h("div", { class: "skw-fewest-done" });
  const track = h("div", { class: "skw-fewest-track", "aria-hidden": "true" }, bar);
  const stop = h("button", { type: "button", class: "skw-text-button", title: "Keep what was found so far" }, "Stop");
  stop.addEventListener("click", () => store.stopFewest(), { signal });
  const spoken = h("span", { class: "skw-spoken", role: "status" });
  const said = h("div", { class: "skw-fewest-said" }, text, note);
  const line = h("div", { class: "skw-fewest", hidden: true }, said, stop, track, spoken);
  const update = () => {
    const { fewest } = store;
    if (!fewest.busy && stop === document.activeElement) board.focus({ preventScroll: true });
    line.hidden = !fewest.on;
    text.textContent = fewest.text;
    note.textContent = fewest.note;
    stop.hidden = track.hidden = !fewest.busy;
    bar.style.width = `${100 * (fewest.share ?? 0)}%`;
    if (!fewest.busy) spoken.textContent = fewest.text;
  };
  store.listen("fewest", update, signal);
  update();
  return line;
}

// src/ink.js
var WIDTH = 3.2;
function lineWidth(pressure) {
  return WIDTH * (0.55 + 0.45 * Math.min(1, Math.max(0, pressure)));
}
function drawStroke(context, { points: points2, n }, first = 0, unit = 1) {
  if (first === 0 && n > 0) {
    context.beginPath();
    context.arc(points2[0], points2[1], unit * lineWidth(points2[3]) / 2, 0, 2 * Math.PI);
    context.fill();
  }
  context.lineCap = "round";
  context.lineJoin = "round";
  let width = -1;
  let open = false;
  for (let i = Math.max(1, first); i < n; i++) {
    const a = (i - 1) * POINT;
    const b = i * POINT;
    const next = unit * lineWidth((points2[a + 3] + points2[b + 3]) / 2);
    if (Math.abs(next - width) > 0.02 * unit) {
      if (open) context.stroke();
      context.beginPath();
      context.moveTo(points2[a], points2[a + 1]);
      context.lineWidth = width = next;
      open = true;
    }
    context.lineTo(points2[b], points2[b + 1]);
  }
  if (open) context.stroke();
}
function fitCanvas(canvas, entry) {
  const exact = entry.devicePixelContentBoxSize?.[0];
  const css = entry.contentBoxSize[0];
  const width = Math.round(exact ? exact.inlineSize : css.inlineSize * devicePixelRatio);
  const height = Math.round(exact ? exact.blockSize : css.blockSize * devicePixelRatio);
  if (width === 0 || height === 0 || canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

// src/prediction_label.js
var DONT_KNOW = "I don't know yet";
function predictionLabel(store, signal) {
  const name = h("bdi", { class: "skw-guess-name" });
  const probability = h("span", { class: "skw-guess-p" });
  const others = h("span", { class: "skw-guess-others" });
  const spoken = h("span", { class: "skw-spoken", role: "status" });
  const first = h("span", { class: "skw-guess-first" }, name, probability);
  const guess = h("div", { class: "skw-guess", "aria-hidden": "true" }, first, others);
  const said = ([label2, p]) => `⁨${label2}⁩ ${percent(p)}`;
  const shown = (guesses) => guesses.flatMap(([label2, p], i) => [i ? " · " : "", h("bdi", {}, label2), ` ${percent(p)}`]);
  const update = () => {
    const prediction = store.link.alive ? store.prediction : null;
    const top = prediction?.top ?? [];
    const [best, ...rest] = top;
    const unsure = Boolean(best) && prediction?.known === false;
    name.textContent = unsure ? DONT_KNOW : best?.[0] ?? "";
    probability.textContent = best && !unsure ? percent(best[1]) : "";
    others.replaceChildren(...shown(unsure ? top.slice(0, 3) : rest.slice(0, 2)));
    guess.title = top.map(said).join("\n");
    guess.classList.toggle("skw-unsure", unsure);
    const provisional = Boolean(prediction?.provisional || prediction && store.drawingNow);
    guess.classList.toggle("skw-provisional", provisional);
    if (provisional) return;
    const heard = best ? `${best[0]}, ${percent(best[1])}` : "";
    spoken.textContent = unsure ? `${DONT_KNOW}, perhaps ${heard}` : heard;
  };
  store.listen("prediction", update, signal);
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-label" }, guess, spoken);
}

// src/scrubber.js
var BEAT = 450;
var PLAY = ["M5 3.2v9.6l7.5-4.8z"];
var STOP = ["M4.5 4h7v8h-7z"];
function scrubber(store, board, signal) {
  const { drawing } = store;
  let timer;
  const slider = h("input", {
    type: "range",
    class: "skw-slider",
    min: 1,
    step: 1,
    title: "Step through the strokes",
    "aria-label": "Stroke"
  });
  const text = h("span", { class: "skw-scrub-text" });
  const play = iconButton(icon(...PLAY), "Play the strokes", () => timer ? stop() : start(), signal);
  const face = (paths, label2) => {
    play.replaceChildren(icon(...paths));
    play.title = label2;
    play.setAttribute("aria-label", label2);
  };
  const stop = () => {
    clearInterval(timer);
    timer = void 0;
    face(PLAY, "Play the strokes");
  };
  const start = () => {
    if (drawing.strokes.length < 2) return;
    store.scrub(drawing.step === null ? 1 : drawing.step + 1);
    if (drawing.step === null) return;
    face(STOP, "Stop");
    timer = setInterval(() => {
      if (drawing.step !== null) store.scrub(drawing.step + 1);
      if (drawing.step === null) stop();
    }, BEAT);
  };
  const update = () => {
    const n = drawing.strokes.length;
    const at = drawing.step ?? n;
    slider.max = String(Math.max(n, 1));
    slider.value = String(Math.max(at, 1));
    if (n < 2 && slider === document.activeElement) board.focus({ preventScroll: true });
    slider.disabled = n < 2;
    switchOff(play, n < 2);
    slider.setAttribute("aria-valuetext", `stroke ${at} of ${n}`);
    slider.style.setProperty("--skw-at", n > 1 ? `${(at - 1) / (n - 1) * 100}%` : "100%");
    text.textContent = n === 0 ? "no strokes" : `${at} of ${n}`;
    if (timer && drawing.step === null) stop();
  };
  slider.addEventListener(
    "input",
    () => {
      stop();
      store.scrub(Number(slider.value));
    },
    { signal }
  );
  store.listen("drawing", update, signal);
  signal.addEventListener("abort", stop);
  update();
  return h("div", { class: "skw-scrubber" }, play, slider, text);
}

// src/pad_view.js
var GONE3 = "The kernel of this pad is gone. The drawing is kept and you can go on drawing here, but nothing is recognised. Run the cell again to connect it.";
var KEYS = "Ctrl+Z undo, Ctrl+Shift+Z redo, Delete clear, arrow keys step through the strokes";
function renderPad(store, root, signal) {
  const canvas = h("canvas", {
    class: "skw-canvas",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "drawing board"
  });
  const hint = h("div", { class: "skw-hint", "aria-hidden": "true" }, "Draw something");
  const board = h("div", { class: "skw-board" }, canvas, hint);
  const undo = iconButton(
    icon("M5.5 3 2.5 6l3 3", "M2.5 6h7a3.8 3.8 0 0 1 0 7.5H6"),
    "Undo (Ctrl+Z)",
    () => store.walk("undo"),
    signal
  );
  const redo = iconButton(
    icon("M10.5 3l3 3-3 3", "M13.5 6h-7a3.8 3.8 0 0 0 0 7.5H10"),
    "Redo (Ctrl+Shift+Z)",
    () => store.walk("redo"),
    signal
  );
  const clear = iconButton(
    icon("M3 4.5h10", "M6 4.5V3h4v1.5", "M4.5 4.5l.6 9h5.8l.6-9"),
    "Clear (Delete)",
    () => store.clear(),
    signal
  );
  const tools = h(
    "div",
    { class: "skw-tools", role: "group", "aria-label": "Drawing" },
    undo,
    redo,
    clear,
    fewestButton(store, signal),
    scrubber(store, canvas, signal)
  );
  const pad = h("div", { class: "skw skw-pad" }, board, predictionLabel(store, signal), tools);
  pad.append(fewestLine(store, canvas, signal), notices(store, GONE3, signal));
  root.append(pad);
  paint(store, canvas, signal);
  const update = () => {
    const { drawing } = store;
    hint.hidden = drawing.strokes.length > 0 || drawing.current !== null;
    switchOff(undo, !drawing.canUndo);
    switchOff(redo, !drawing.canRedo);
    switchOff(clear, drawing.strokes.length === 0);
    canvas.setAttribute("aria-label", label(drawing));
    board.classList.toggle("skw-scrubbed", drawing.step !== null);
  };
  store.listen("drawing", update, signal);
  store.listen("ink", () => hint.hidden = true, signal);
  update();
  listenToPen(
    canvas,
    () => store.board,
    {
      begin: () => store.begin(),
      extend: (points2) => store.extend(points2),
      finish: () => store.finish(),
      takeBack: () => {
        store.finish();
        store.walk("undo");
      }
    },
    store.grip,
    signal
  );
  pad.addEventListener("keydown", (event) => key(store, event), { signal });
}
function label({ strokes: { length: n }, step }) {
  const strokes = n === 0 ? "empty" : `${n} stroke${n === 1 ? "" : "s"}`;
  return `Drawing, ${step === null ? strokes : `stroke ${step} of ${n}`}. ${KEYS}.`;
}
function paint(store, canvas, signal) {
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  const unit = () => store.board / 400;
  const all = () => {
    const { visible, current } = store.drawing;
    const ghosts = store.drawing.strokes.slice(visible.length);
    const scale = canvas.width / store.board;
    const colour = getComputedStyle(canvas).color;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = 0.1;
    for (const stroke of ghosts) drawStroke(context, stroke, 0, unit());
    for (const stroke of visible) {
      context.globalAlpha = store.fewest.spares(stroke.id) ? 0.16 : 1;
      drawStroke(context, stroke, 0, unit());
    }
    context.globalAlpha = 1;
    if (current) drawStroke(context, current, 0, unit());
  };
  const observer = new ResizeObserver(([entry]) => {
    if (fitCanvas(canvas, entry)) all();
  });
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas);
  }
  signal.addEventListener("abort", () => observer.disconnect());
  store.listen("ink", ({ stroke, first }) => drawStroke(context, stroke, first, unit()), signal);
  store.listen("drawing", ({ repaint }) => repaint && all(), signal);
  watchTheme(all, signal);
  store.model.on("change:board", all);
  signal.addEventListener("abort", () => store.model.off("change:board", all));
}
function key(store, event) {
  const command = event.ctrlKey || event.metaKey;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { drawing } = store;
  const at = drawing.step ?? drawing.strokes.length;
  const onSlider = event.target instanceof HTMLInputElement;
  let act;
  if (command && !event.altKey) {
    if (name === "z") act = () => store.walk(event.shiftKey ? "redo" : "undo");
    else if (name === "y") act = () => store.walk("redo");
  } else if (!event.altKey) {
    if (name === "Delete" || name === "Backspace") act = () => store.clear();
    else if (onSlider) act = void 0;
    else if (name === "ArrowLeft" || name === "ArrowDown") act = () => store.scrub(at - 1);
    else if (name === "ArrowRight" || name === "ArrowUp") act = () => store.scrub(at + 1);
    else if (name === "Home") act = () => store.scrub(1);
    else if (name === "Escape" && store.fewest.on) act = () => store.toggleFewest();
    else if (name === "End" || name === "Escape") act = () => store.scrub(null);
  }
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

// src/panels_store.js
var PanelsStore = class extends Store {
  /** @type {Map<string, Row>} in the order of the layers */
  rows = /* @__PURE__ */ new Map();
  /** @type {Paper | null} */
  paper = null;
  /** Side of the network's input. */
  size = 225;
  step = 0;
  downloads = new Downloads(this);
  /** @type {Map<object, Set<string>>} rows in sight, for each view */
  #sight = /* @__PURE__ */ new Map();
  #lastSight = "[]";
  #sightScheduled = false;
  get empty() {
    for (const { tiles } of this.rows.values()) if (tiles.length > 0) return false;
    return true;
  }
  /**
   * @override
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "panels") this.#panels(content, buffers);
    else if (content.type === "rows") this.#announce(content.rows);
    else if (content.type === "empty") this.#clear();
    else if (content.type === "export") this.downloads.receive(content, buffers);
    else if (content.type === "paper") {
      this.paper = { step: content.step, size: content.size, ink: bytes(buffers[0]) };
      this.emit("paper", void 0);
    }
  }
  /** @param {{ name: string, title: string }[]} rows */
  #announce(rows) {
    const old = this.rows;
    this.rows = /* @__PURE__ */ new Map();
    for (const { name, title } of rows) {
      const tiles = old.get(name)?.tiles ?? [];
      this.rows.set(name, { name, title, channels: old.get(name)?.channels ?? 1, tiles, stale: tiles.length > 0 });
    }
    this.emit("rows", void 0);
  }
  #clear() {
    for (const row of this.rows.values()) {
      row.tiles = [];
      row.stale = false;
    }
    this.paper = null;
    this.emit("rows", void 0);
    for (const name of this.rows.keys()) this.emit("row", name);
  }
  /**
   * @param {PanelsMessage} message
   * @param {Buffer[]} buffers
   */
  #panels(message, buffers) {
    const packed = bytes(buffers[0]);
    const cut = message.layers.map((layer) => ({ ...layer, tiles: cutTiles(layer, packed) }));
    this.size = message.sketch_size;
    this.step = message.step;
    if (message.replace) for (const row of this.rows.values()) row.stale = row.tiles.length > 0;
    for (const { name, title, channels = 1, tiles } of cut) {
      this.rows.set(name, { name, title, channels, tiles, stale: false });
    }
    this.emit("rows", void 0);
    for (const { name } of cut) this.emit("row", name);
  }
  /**
   * Which rows a view shows; the kernel computes those that somebody sees.
   *
   * @param {object} view
   * @param {Set<string> | null} names null when the view is gone
   */
  see(view, names) {
    if (names) this.#sight.set(view, names);
    else this.#sight.delete(view);
    if (this.#sightScheduled) return;
    this.#sightScheduled = true;
    requestAnimationFrame(() => {
      this.#sightScheduled = false;
      const seen2 = [...this.rows.keys()].filter((name) => [...this.#sight.values()].some((set) => set.has(name)));
      const text = JSON.stringify(seen2);
      if (text === this.#lastSight) return;
      this.#lastSight = text;
      this.link.send({ type: "visible", layers: seen2, client: this.client });
    });
  }
  /**
   * Change a setting from the page.
   *
   * @param {string} name
   * @param {any} value
   */
  choose(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
};

// src/tile_view.js
function paintTile(canvas, tile, channels, field, window2) {
  const side = window2?.side ?? field;
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  const image = new ImageData(tilePixels(tile, channels, field, window2), side, side);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
var TileView = class {
  /** @type {Tile | null} */
  tile = null;
  #canvas = h("canvas", { class: "skw-tile-canvas" });
  #dead = h("span", { class: "skw-tile-dead" }, "dead");
  #number = h("span", { class: "skw-tile-number" });
  constructor() {
    this.element = h(
      "button",
      { type: "button", class: "skw-tile", tabindex: -1 },
      h("span", { class: "skw-tile-picture" }, this.#canvas, this.#dead),
      this.#number
    );
  }
  /**
   * @param {Tile} tile
   * @param {number} channels
   * @param {number} field
   * @param {number} shown side on screen in CSS pixels
   * @param {Window} [window] of the field; all of it without one
   */
  update(tile, channels, field, shown, window2) {
    this.tile = tile;
    const { channel, dead } = tile;
    this.element.classList.toggle("skw-is-dead", dead);
    this.#number.textContent = `ch ${channel}`;
    const said = dead ? `channel ${channel}: dead, no unit is active` : `channel ${channel}, activation ${short(tile.activation)}`;
    this.element.title = said;
    this.element.setAttribute("aria-label", `${said}. Enlarge.`);
    this.#canvas.classList.toggle("skw-pixelated", shown / (window2?.side ?? field) > 2.5);
    if (!dead) paintTile(this.#canvas, tile, channels, field, window2);
  }
};

// src/enlarged.js
function textColour(element) {
  const context = h("canvas", { width: 1, height: 1 }).getContext("2d");
  if (!context) return [0, 0, 0];
  context.fillStyle = getComputedStyle(element).color;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return [r, g, b];
}
var Enlarged = class {
  /** What is enlarged; a channel is followed wherever the next drawing ranks it. @type {{ layer: string, channel: number } | null} */
  shown = null;
  #store;
  #back;
  #title = h("h4", { class: "skw-large-title" });
  #tile = h("canvas", { class: "skw-large-canvas" });
  #paper = h("canvas", { class: "skw-paper-canvas" });
  #box = h("div", { class: "skw-field" });
  #low = h("span");
  #high = h("span");
  #facts = h("dl", { class: "skw-facts skw-facts-row" });
  /**
   * @param {PanelsStore} store
   * @param {(layer: string, channel: number, held: boolean) => void} back called when it closes, to give the focus back
   *   where it held it
   * @param {AbortSignal} signal
   */
  constructor(store, back, signal) {
    this.#store = store;
    this.#back = back;
    const close = iconButton(icon("M4 4l8 8", "M12 4l-8 8"), "Close (Escape)", () => this.close(), signal);
    const legend = h(
      "div",
      { class: "skw-legend", title: "The projection is signed: mid-grey is zero" },
      this.#low,
      h("span", { class: "skw-legend-ramp" }),
      this.#high
    );
    const figure = (caption, ...content) => h("figure", { class: "skw-figure" }, ...content, h("figcaption", {}, caption));
    this.element = h(
      "div",
      { class: "skw-large", role: "dialog", tabindex: -1, hidden: true },
      h("div", { class: "skw-large-head" }, this.#title, close),
      h(
        "div",
        { class: "skw-large-body" },
        figure("What excites it there", h("div", { class: "skw-large-picture" }, this.#tile), legend),
        figure(
          "The drawing as the network sees it; the unit sees what is inside the blue box",
          h("div", { class: "skw-paper" }, this.#paper, this.#box)
        )
      ),
      this.#facts
    );
    this.element.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.close();
      },
      { signal }
    );
    store.listen("row", (name) => name === this.shown?.layer && this.#update(), signal);
    store.listen("rows", () => this.#fade(), signal);
    store.listen("paper", () => this.#drawPaper(), signal);
    watchTheme(() => this.#drawPaper(), signal);
  }
  /**
   * @param {string} layer
   * @param {number} channel
   */
  open(layer, channel) {
    this.shown = { layer, channel };
    this.element.hidden = false;
    this.#update();
    this.#drawPaper();
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }
  close() {
    if (!this.shown) return;
    const { layer, channel } = this.shown;
    const held = this.element.contains(document.activeElement);
    this.shown = null;
    this.element.hidden = true;
    this.#back(layer, channel, held);
  }
  #found() {
    const row = this.shown ? this.#store.rows.get(this.shown.layer) : void 0;
    const tile = row?.tiles.find(({ channel }) => channel === this.shown?.channel);
    return { row, tile };
  }
  #fade() {
    const { row, tile } = this.#found();
    this.element.classList.toggle("skw-stale", Boolean(this.shown) && (!tile || !row || row.stale));
  }
  #update() {
    if (!this.shown) return;
    const { row, tile } = this.#found();
    const { layer, channel } = this.shown;
    this.#title.textContent = `${layer}, channel ${channel}`;
    this.element.setAttribute("aria-label", `${layer}, channel ${channel}, enlarged`);
    this.#fade();
    if (!row || !tile || tile.dead) {
      const why = tile?.dead ? "dead: no unit of this channel is active" : `not among the strongest ${row?.tiles.length ?? 0} now`;
      this.#setFacts([["Activation", why]]);
      if (tile?.dead) this.#tile.width = 1;
      this.#box.hidden = true;
      return;
    }
    paintTile(this.#tile, tile, row.channels, fieldSide(row.tiles));
    this.#tile.classList.toggle("skw-pixelated", this.#tile.width <= 90);
    const scale = tile.scale === void 0 ? "max" : short(tile.scale);
    this.#low.textContent = `−${scale}`;
    this.#high.textContent = `+${scale}`;
    this.#placeBox(tile.box);
    const [top, left, bottom, right] = tile.box;
    const size = this.#store.size;
    const facts = [["Activation", short(tile.activation)]];
    if (tile.position) {
      const maps = /\d+ × \d+$/.exec(row.title);
      const of = maps ? ` of ${maps[0]}` : "";
      facts.push(["Unit", `row ${tile.position[0]}, column ${tile.position[1]}${of}`]);
    }
    facts.push(["Sees", `${right - left} × ${bottom - top} of ${size} × ${size} px`]);
    this.#setFacts(facts);
  }
  /** @param {[string, string][]} facts */
  #setFacts(facts) {
    this.#facts.replaceChildren(...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
  }
  /** @param {[number, number, number, number]} box */
  #placeBox([top, left, bottom, right]) {
    const size = this.#store.size;
    const share = (v) => `${100 * Math.min(size, Math.max(0, v)) / size}%`;
    this.#box.hidden = false;
    Object.assign(this.#box.style, {
      top: share(top),
      left: share(left),
      height: share(bottom - top),
      width: share(right - left)
    });
  }
  #drawPaper() {
    if (!this.shown) return;
    const context = (
      /** @type {CanvasRenderingContext2D} */
      this.#paper.getContext("2d")
    );
    const paper = this.#store.paper;
    if (!paper) {
      context.clearRect(0, 0, this.#paper.width, this.#paper.height);
      return;
    }
    this.#paper.width = this.#paper.height = paper.size;
    const pixels = paperPixels(paper.ink, textColour(this.#paper));
    context.putImageData(new ImageData(pixels, paper.size, paper.size), 0, 0);
  }
};

// src/panels_toolbar.js
var RULES = [
  ["guided", "Guided", "Guided backpropagation: on its way down, signal passes a ReLU where it is positive and the unit was active."],
  ["deconvnet", "Deconvnet", "Deconvnet: on its way down, signal passes a ReLU where it is positive, whether the unit was active or not."],
  ["backprop", "Backprop", "Backpropagation, the plain gradient: on its way down, signal passes a ReLU where the unit was active, with either sign."]
];
var CROPS = [
  ["signal", "Signal", "Each tile is as much of its field as holds what excites the unit, all tiles of a row at one scale"],
  ["field", "Field", "Each tile is all that the unit sees, in its place"]
];
var TOPS = [1, 2, 3, 4, 6, 9, 12, 16];
function panelsToolbar(store, signal) {
  const { model } = store;
  const top = h("select", { class: "skw-select", title: "How many of the strongest channels of each layer" });
  top.addEventListener("change", () => store.choose("top", Number(top.value)), { signal });
  const explained = h("p", { class: "skw-rule-explained" });
  const update = () => {
    const now = Number(model.get("top"));
    const offered = TOPS.includes(now) ? TOPS : [...TOPS, now].sort((a, b) => a - b);
    top.replaceChildren(...offered.map((n) => h("option", { value: n, selected: n === now }, String(n))));
    top.value = String(now);
    explained.textContent = RULES.find(([rule]) => rule === model.get("rule"))?.[2] ?? "";
  };
  for (const name of ["rule", "top"]) {
    model.on(`change:${name}`, update);
    signal.addEventListener("abort", () => model.off(
      /** @type {any} */
      `change:${name}`,
      update
    ));
  }
  update();
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Projections" },
    h("span", { class: "skw-labelled" }, "Rule", choices(store, "rule", "Rule", RULES, signal)),
    h("label", { class: "skw-labelled" }, "Top", top),
    h("span", { class: "skw-labelled" }, "Crop", choices(store, "crop", "Crop", CROPS, signal)),
    h("label", { class: "skw-labelled" }, "Size", sizeSlider(model, { least: 32, most: 160 }, signal)),
    exportButtons(store.downloads, signal)
  );
  return h("div", { class: "skw-panels-head" }, tools, explained);
}
function choices(store, name, label2, options, signal) {
  const { model } = store;
  const buttons = options.map(([value, text, title]) => {
    const button = h("button", { type: "button", class: "skw-choice", title, role: "radio" }, text);
    button.addEventListener("click", () => store.choose(name, value), { signal });
    return button;
  });
  const group = h("div", { class: "skw-choices", role: "radiogroup", "aria-label": label2 }, ...buttons);
  group.addEventListener(
    "keydown",
    (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (by === void 0) return;
      event.preventDefault();
      event.stopPropagation();
      const at = options.findIndex(([value]) => value === model.get(name));
      const next = (at + by + options.length) % options.length;
      store.choose(name, options[next][0]);
      buttons[next].focus();
    },
    { signal }
  );
  const update = () => {
    options.forEach(([value], i) => {
      const on = value === model.get(name);
      buttons[i].setAttribute("aria-checked", String(on));
      buttons[i].tabIndex = on ? 0 : -1;
    });
  };
  model.on(
    /** @type {any} */
    `change:${name}`,
    update
  );
  signal.addEventListener("abort", () => model.off(
    /** @type {any} */
    `change:${name}`,
    update
  ));
  update();
  return group;
}

// src/signal_window.js
var STANDS_OUT = 13;
var SIDES = [12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
var ROOM = 1.125;
function signalBox(tile, channels, field) {
  const { greys, h: h2, w, dead } = tile;
  const at = placement(tile, field);
  let [top, left, bottom, right] = [field, field, 0, 0];
  for (let y = 0, i = 0; !dead && y < h2; y++) {
    for (let x = 0; x < w * channels; x++, i++) {
      if (Math.abs(greys[i] - ZERO) < STANDS_OUT) continue;
      const column = at.left + Math.floor(x / channels);
      if (at.top + y < top) top = at.top + y;
      bottom = at.top + y + 1;
      if (column < left) left = column;
      if (column >= right) right = column + 1;
    }
  }
  return bottom > top ? { top, left, bottom, right } : null;
}
function signalWindows(tiles, channels, field) {
  const boxes = tiles.map((tile) => signalBox(tile, channels, field));
  let extent = 0;
  for (const box of boxes) if (box) extent = Math.max(extent, box.bottom - box.top, box.right - box.left);
  const side = Math.min(field, extent === 0 ? field : SIDES.find((one) => one >= ROOM * extent) ?? field);
  const from = (low, high) => Math.min(field - side, Math.max(0, Math.floor((low + high - side) / 2)));
  return boxes.map(
    (box) => box ? { top: from(box.top, box.bottom), left: from(box.left, box.right), side } : { top: from(0, field), left: from(0, field), side }
  );
}

// src/row_view.js
var RowView = class {
  /** @type {TileView[]} */
  tiles = [];
  /** Side of what is shown of the field, in pixels of the input; 0 where it is all of it. */
  #cropped = 0;
  /** The tile that the tab key reaches: one a row, since the arrow keys lead to the others. */
  #current = 0;
  #title = h("h4", { class: "skw-row-title" });
  #grid = h("div", { class: "skw-grid" });
  /**
   * @param {string} name
   * @param {(rank: number) => void} open called with the place of a tile that is clicked
   * @param {AbortSignal} signal
   */
  constructor(name, open, signal) {
    this.element = h("section", { class: "skw-row", "data-layer": name }, this.#title, this.#grid);
    this.#grid.addEventListener(
      "click",
      (event) => {
        const rank = this.#rankOf(event.target);
        if (rank >= 0) open(rank);
      },
      { signal }
    );
    this.#grid.addEventListener("keydown", (event) => this.#walk(event), { signal });
    this.#grid.addEventListener("focusin", (event) => this.#reach(this.#rankOf(event.target)), { signal });
  }
  /**
   * @param {Row} row
   * @param {number} size side of the network's input
   */
  head({ name, title, stale, tiles }, size) {
    const facts = [(title.startsWith(name) ? title.slice(name.length) : title).replace(/^[\s:·]+/, "")];
    const alive = tiles.filter(({ dead }) => !dead);
    const shown = this.#cropped ? `, shown ${this.#cropped} × ${this.#cropped}` : "";
    if (alive.length > 0) facts.push(seen(alive, size) + shown);
    this.#title.replaceChildren(name, h("span", { class: "skw-row-facts" }, facts.filter(Boolean).join(" · ")));
    this.element.classList.toggle("skw-stale", stale);
    this.element.setAttribute("aria-busy", String(stale));
    this.element.classList.toggle("skw-waiting", tiles.length === 0);
  }
  /**
   * @param {Row} row
   * @param {number} size side of the network's input
   * @param {number} shown side of a tile in CSS pixels
   * @param {boolean} crop whether tiles are cropped to their signal
   */
  update(row, size, shown, crop) {
    const field = fieldSide(row.tiles);
    const windows = crop ? signalWindows(row.tiles, row.channels, field) : [];
    const side = windows[0]?.side ?? field;
    this.#cropped = side < field ? side : 0;
    this.head(row, size);
    while (this.tiles.length > row.tiles.length) this.tiles.pop()?.element.remove();
    while (this.tiles.length < row.tiles.length) {
      const view = new TileView();
      this.tiles.push(view);
      this.#grid.append(view.element);
    }
    row.tiles.forEach((tile, i) => this.tiles[i].update(tile, row.channels, field, shown, windows[i]));
    this.#reach(Math.min(this.#current, this.tiles.length - 1));
  }
  /** @param {EventTarget | null} target */
  #rankOf(target2) {
    return this.tiles.findIndex(({ element }) => element.contains(
      /** @type {Node} */
      target2
    ));
  }
  /** @param {number} rank */
  #reach(rank) {
    if (rank < 0) return;
    if (this.tiles[this.#current]) this.tiles[this.#current].element.tabIndex = -1;
    this.#current = rank;
    this.tiles[rank].element.tabIndex = 0;
  }
  /** @param {KeyboardEvent} event */
  #walk(event) {
    const at = this.#rankOf(document.activeElement);
    const count = this.tiles.length;
    const to = { ArrowRight: (at + 1) % count, ArrowLeft: (at - 1 + count) % count, Home: 0, End: count - 1 }[event.key];
    if (to === void 0 || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.tiles[to].element.focus();
  }
};

// src/panels_view.js
var GONE4 = "The kernel of these panels is gone: they show the last drawing it saw. Run the cell again.";
function renderPanels(store, root, signal) {
  const views = /* @__PURE__ */ new Map();
  const list = h("div", { class: "skw-rows" });
  const empty = h(
    "p",
    { class: "skw-empty" },
    "Draw a stroke, and every layer of the network shows here what it found in the drawing."
  );
  const panels = h("div", { class: "skw skw-panels" }, panelsToolbar(store, signal), notices(store, GONE4, signal));
  panels.append(empty, list);
  root.append(panels);
  const enlarged = new Enlarged(
    store,
    (layer, channel, held) => {
      mark2(layer);
      if (held) views.get(layer)?.tiles.find(({ tile }) => tile?.channel === channel)?.element.focus();
    },
    signal
  );
  const seen2 = watchSight(store, panels, signal);
  const tileSide = () => Number(store.model.get("tile"));
  const mark2 = (name) => {
    const channel = enlarged.shown?.layer === name ? enlarged.shown.channel : void 0;
    for (const { tile, element } of views.get(name)?.tiles ?? []) {
      element.classList.toggle("skw-open", tile !== null && tile.channel === channel);
    }
  };
  const open = (name, rank) => {
    const view = views.get(name);
    const tile = view?.tiles[rank].tile;
    if (!view || !tile) return;
    const before = enlarged.shown?.layer;
    view.element.append(enlarged.element);
    enlarged.open(name, tile.channel);
    mark2(name);
    if (before && before !== name) mark2(before);
  };
  const rows = () => {
    for (const [name, view] of views) {
      if (store.rows.has(name)) continue;
      if (enlarged.shown?.layer === name) enlarged.close();
      seen2.unobserve(view.element);
      view.element.remove();
      views.delete(name);
    }
    let previous = (
      /** @type {Element | null} */
      null
    );
    for (const [name, row2] of store.rows) {
      let view = views.get(name);
      if (!view) {
        view = new RowView(name, (rank) => open(name, rank), signal);
        views.set(name, view);
        seen2.observe(view.element);
      }
      view.head(row2, store.size);
      if (view.element.previousElementSibling !== previous || view.element.parentNode !== list) {
        if (previous) previous.after(view.element);
        else list.prepend(view.element);
      }
      previous = view.element;
    }
    empty.hidden = !store.empty;
    list.classList.toggle("skw-rows-empty", store.empty);
  };
  const row = (name) => {
    const data = store.rows.get(name);
    if (data) views.get(name)?.update(data, store.size, tileSide(), store.model.get("crop") === "signal");
    mark2(name);
  };
  const resize = () => {
    panels.style.setProperty("--skw-tile", `${tileSide()}px`);
    panels.style.setProperty("--skw-top", String(store.model.get("top")));
    for (const name of views.keys()) row(name);
  };
  store.listen("rows", rows, signal);
  store.listen("row", row, signal);
  for (const name of ["tile", "top", "crop"]) {
    store.model.on(`change:${name}`, resize);
    signal.addEventListener("abort", () => store.model.off(
      /** @type {any} */
      `change:${name}`,
      resize
    ));
  }
  rows();
  resize();
}
function watchSight(store, view, signal) {
  const names = /* @__PURE__ */ new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target: target2, isIntersecting } of entries) {
        const name = (
          /** @type {HTMLElement} */
          target2.dataset.layer ?? ""
        );
        if (isIntersecting) names.add(name);
        else names.delete(name);
      }
      store.see(view, names);
    },
    { rootMargin: "120px" }
  );
  signal.addEventListener("abort", () => {
    observer.disconnect();
    store.see(view, null);
  });
  return observer;
}

// src/index.js
var KINDS = {
  sketch_pad: { make: (model, signal) => new PadStore(model, signal), render: renderPad },
  layer_panels: { make: (model, signal) => new PanelsStore(model, signal), render: renderPanels },
  tile_grid: { make: (model, signal) => new GridStore(model, signal), render: renderGrid },
  // Shows nothing: it is there for the keys, which every view looks after.
  keys: { make: (model, signal) => new Store(model, signal), render: () => {
  } },
  occlusion: { make: (model, signal) => new OcclusionStore(model, signal), render: renderOcclusion }
};
function kindOf(model) {
  const kind = KINDS[model.get("_kind")];
  if (!kind) throw new Error(`sketchwidgets: this bundle knows no widget ${model.get("_kind")}`);
  return kind;
}
function widget() {
  let store;
  return {
    /** @param {{ model: Model }} props */
    initialize({ model }) {
      const life = new AbortController();
      store = kindOf(model).make(model, life.signal);
      return () => life.abort();
    },
    /** @param {{ model: Model, el: HTMLElement }} props */
    render({ model, el }) {
      const life = new AbortController();
      kindOf(model).render(store, el, life.signal);
      store.mount(life.signal);
      keepKeys(life.signal);
      return () => {
        life.abort();
        el.replaceChildren();
      };
    }
  };
}
export {
  widget as default
};
