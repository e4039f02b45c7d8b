// One tile of a grid: a button with a picture or a chart, and what is written under it.
import { h } from "./dom.js";
import { rgba, shrunk } from "./grid_store.js";

/**
 * @typedef {import("./grid_store.js").GridTile} GridTile
 * @typedef {import("./grid_store.js").PictureTile} PictureTile
 */

/**
 * A picture with its boxes, as large as its container and in its own proportions.
 */
export class PictureView {
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
    this.#label.textContent = empty ? (tile.label ?? "") : "";
    if (empty) return;
    const { w, h: high } = tile;
    const longer = Math.max(w, high);
    this.#paint(tile, Math.floor(longer / (shown * (window.devicePixelRatio || 1))));
    this.inner.style.width = `${(100 * w) / longer}%`;
    this.inner.style.height = `${(100 * high) / longer}%`;
    // Few pixels are honest as squares; many look better smooth.
    this.#canvas.classList.toggle("skw-pixelated", !tile.smooth && shown >= 1.5 * longer);
    this.#boxes.replaceChildren(
      ...tile.boxes.map(([top, left, bottom, right]) => {
        const box = h("span", { class: "skw-field" });
        const share = (/** @type {number} */ v, /** @type {number} */ of) => `${(100 * v) / of}%`;
        Object.assign(box.style, {
          top: share(top, high),
          left: share(left, w),
          height: share(bottom - top, high),
          width: share(right - left, w),
        });
        return box;
      }),
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
}

/** Entries of a legend that a small tile shows. */
const LEGEND = 9;

/**
 * The scale of a heat map.
 *
 * @param {PictureTile} tile
 * @returns {HTMLElement[]}
 */
export function scaleOf({ ramp }) {
  if (!ramp) return [];
  const band = h("span", { class: "skw-ramp" });
  band.style.background = `linear-gradient(to right, ${ramp.colours.join(", ")})`;
  return [h("span", { class: "skw-ramp-row" }, ramp.low, band, ramp.high)];
}

/**
 * The legend of a label map.
 *
 * @param {PictureTile} tile
 * @param {number} [most] entries; of those left out it is said how many
 * @returns {HTMLElement[]}
 */
export function legendOf({ legend }, most = Infinity) {
  const shown = legend.length - most > 1 ? most : legend.length;
  const rows = legend.slice(0, shown).map(([[red, green, blue], text]) => {
    const swatch = h("span", { class: "skw-swatch" });
    swatch.style.background = `rgb(${red} ${green} ${blue})`;
    return h("span", { class: "skw-legend-row" }, swatch, h("span", {}, text));
  });
  const rest = legend.length - shown;
  return rest > 0 ? [...rows, h("span", { class: "skw-legend-rest" }, `and ${rest} more`)] : rows;
}

/**
 * The SVG of a chart, in the colours of the page.
 *
 * @param {import("./grid_store.js").ChartTile} tile
 * @returns {Element}
 */
export function chartElement({ svg }) {
  const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  if (parsed.nodeName !== "svg") throw new Error("a chart of the kernel is no SVG");
  return document.importNode(parsed, true);
}

export class GridTileView {
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
    this.#legend,
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
}
