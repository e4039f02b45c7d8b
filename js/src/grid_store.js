// The figure of one TileGrid model, shared by all its views.
import { Downloads } from "./downloads.js";
import { bytes } from "./protocol.js";
import { Store } from "./store.js";

/**
 * @typedef {import("./protocol.js").Buffer} Buffer
 * @typedef {{
 *   kind: "picture", caption: string, description: string, label: string | null,
 *   boxes: [number, number, number, number][], smooth: boolean, facts: [string, string][],
 *   background: number | null, legend: [[number, number, number], string][], crossed: boolean | null,
 *   ramp: { colours: string[], low: string, high: string } | null,
 *   h: number, w: number, depth: number, offset: number, pixels: Uint8Array,
 * }} PictureTile boxes: top, left, bottom, right in pixels of the picture; depth 1, 3 or 4; crossed: out, as what is
 *   switched off, null where the tile is no switch
 * @typedef {{ kind: "chart", caption: string, description: string, w: number, h: number, svg: string }} ChartTile
 * @typedef {PictureTile | ChartTile} GridTile
 * @typedef {{
 *   title: string, caption: string, columns: number | null, side: number, tiles: GridTile[],
 * }} GridSection side: of a tile, where 96 is the usual
 * @typedef {{ section: number, tile: number, x: number, y: number }} Spot
 * @typedef {{ figure: void, tile: [number, number] }} GridEvents
 *   figure: all is new; tile: this one is new
 */

/** Ms after which the pointer is told again though the kernel has not answered. */
const PATIENCE = 1000;

/** @extends {Store<GridEvents>} */
export class GridStore extends Store {
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
    // Cut everything before anything changes: a bad message leaves the figure as it was.
    const cut = sections.map((section) => ({ ...section, tiles: section.tiles.map((tile) => cutTile(tile, packed)) }));
    this.title = title;
    this.sections = cut;
    this.emit("figure", undefined);
  }

  /**
   * @param {[number, number, GridTile][]} tiles
   * @param {Uint8Array} packed
   */
  #tiles(tiles, packed) {
    for (const [section, index, tile] of tiles) {
      // Of a figure that this page has not had; the kernel sends all of it with the hello.
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
    if (!this.model.get("_hovers") || (spot === null && this.#away)) return;
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
    if (this.#spot === undefined || performance.now() - this.#told < PATIENCE) return;
    const spot = this.#spot;
    this.#spot = undefined;
    this.#told = performance.now();
    this.link.send({ type: "hover", ...(spot ?? { section: null }) });
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
}

/**
 * A tile with its pixels out of the packed buffer; they are not copied.
 *
 * @param {GridTile} tile
 * @param {Uint8Array} packed
 * @returns {GridTile}
 */
export function cutTile(tile, packed) {
  if (tile.kind === "chart") return tile;
  const end = tile.offset + tile.h * tile.w * tile.depth;
  if (end > packed.length) throw new RangeError(`a tile ends at byte ${end} of ${packed.length}`);
  return { ...tile, pixels: packed.subarray(tile.offset, end) };
}

/**
 * RGBA of grey, RGB or RGBA pixels.
 *
 * @param {Pick<PictureTile, "pixels" | "depth" | "w" | "h">} tile
 * @param {Uint8ClampedArray} [out] written and returned
 */
export function rgba({ pixels, depth, w, h }, out = new Uint8ClampedArray(w * h * 4)) {
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

/**
 * A picture made smaller by a whole number: each pixel the mean of a square of them, so that a fine pattern becomes
 * grey and no coarse one. Squares that stick out at the right and below are cut.
 *
 * @param {Uint8ClampedArray} data RGBA
 * @param {number} w
 * @param {number} h
 * @param {number} factor
 * @returns {{ data: Uint8ClampedArray, w: number, h: number }}
 */
export function shrunk(data, w, h, factor) {
  const wide = Math.ceil(w / factor);
  const high = Math.ceil(h / factor);
  const out = new Uint8ClampedArray(wide * high * 4);
  for (let y = 0, to = 0; y < high; y++) {
    const bottom = Math.min(h, (y + 1) * factor);
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
