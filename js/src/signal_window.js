// Which part of the tiles of a row is shown where they are cropped to their signal. No DOM here.
// The kernel does the same for saved pictures: visualization/figures/_signal_window.py.
import { placement, ZERO } from "./tiles.js";

/** @typedef {import("./tiles.js").Tile} Tile */
/** @typedef {{ top: number, left: number, side: number }} Window in the square of the field */

/** A pixel stands out from this many greys off zero, of 127: a tenth of the strongest. */
const STANDS_OUT = 13;
/** Steps, so that a row does not change its scale with every stroke. */
const SIDES = [12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
/** Room around the signal: the side is at least so many times as long. */
const ROOM = 1.125;

/**
 * The smallest box around what stands out, in the square of the field.
 *
 * @param {Tile} tile
 * @param {number} channels
 * @param {number} field
 */
function signalBox(tile, channels, field) {
  const { greys, h, w, dead } = tile;
  const at = placement(tile, field);
  let [top, left, bottom, right] = [field, field, 0, 0];
  for (let y = 0, i = 0; !dead && y < h; y++) {
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

/**
 * A window for each tile of a row, all of one side so that they keep one scale: around what stands out, or the whole
 * field where that fills it.
 *
 * @param {Tile[]} tiles
 * @param {number} channels
 * @param {number} field
 * @returns {Window[]}
 */
export function signalWindows(tiles, channels, field) {
  const boxes = tiles.map((tile) => signalBox(tile, channels, field));
  let extent = 0;
  for (const box of boxes) if (box) extent = Math.max(extent, box.bottom - box.top, box.right - box.left);
  const side = Math.min(field, extent === 0 ? field : (SIDES.find((one) => one >= ROOM * extent) ?? field));
  const from = (/** @type {number} */ low, /** @type {number} */ high) =>
    Math.min(field - side, Math.max(0, Math.floor((low + high - side) / 2)));
  return boxes.map((box) =>
    box
      ? { top: from(box.top, box.bottom), left: from(box.left, box.right), side }
      : { top: from(0, field), left: from(0, field), side },
  );
}
