// One tile of a row: a button with the picture and the number of its channel.
import { h } from "./dom.js";
import { short, tilePixels } from "./tiles.js";

/** @typedef {import("./tiles.js").Tile} Tile */
/** @typedef {import("./signal_window.js").Window} Window */

/**
 * Put a tile on a canvas, one canvas pixel a pixel of the network's input.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Tile} tile
 * @param {number} channels
 * @param {number} field
 * @param {Window} [window] of the field; all of it without one
 */
export function paintTile(canvas, tile, channels, field, window) {
  const side = window?.side ?? field;
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  const image = new ImageData(tilePixels(tile, channels, field, window), side, side);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

export class TileView {
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
      this.#number,
    );
  }

  /**
   * @param {Tile} tile
   * @param {number} channels
   * @param {number} field
   * @param {number} shown side on screen in CSS pixels
   * @param {Window} [window] of the field; all of it without one
   */
  update(tile, channels, field, shown, window) {
    this.tile = tile;
    const { channel, dead } = tile;
    this.element.classList.toggle("skw-is-dead", dead);
    this.#number.textContent = `ch ${channel}`;
    const said = dead ? `channel ${channel}: dead, no unit is active` : `channel ${channel}, activation ${short(tile.activation)}`;
    this.element.title = said;
    this.element.setAttribute("aria-label", `${said}. Enlarge.`);
    // Few pixels are honest as squares; many look better smooth.
    this.#canvas.classList.toggle("skw-pixelated", shown / (window?.side ?? field) > 2.5);
    if (!dead) paintTile(this.#canvas, tile, channels, field, window);
  }
}
