// Greys to pixels, and where a tile sits. No DOM here.

/** The grey of a signal of zero. */
export const ZERO = 128;

/**
 * @typedef {import("./protocol.js").TileHeader & { greys: Uint8Array }} Tile
 * @typedef {{ name: string, title: string, channels: number, tiles: Tile[], stale: boolean }} Row
 */

/**
 * Cut the tiles of a layer out of the packed buffer; nothing is copied.
 *
 * @param {import("./protocol.js").LayerHeader} layer
 * @param {Uint8Array} packed
 * @returns {Tile[]}
 */
export function cutTiles({ name, tiles, channels = 1 }, packed) {
  return tiles.map((tile) => {
    const end = tile.offset + tile.h * tile.w * channels;
    if (end > packed.length) {
      throw new RangeError(`${name}: a tile ends at byte ${end} of ${packed.length}`);
    }
    return { ...tile, greys: packed.subarray(tile.offset, end) };
  });
}

/**
 * Side of the square that every tile of a row is shown in: the receptive field, or less where the input is
 * smaller. A unit at the border sees less than a full field; shown in the same square it keeps its scale.
 *
 * @param {Pick<Tile, "h" | "w">[]} tiles
 */
export function fieldSide(tiles) {
  return tiles.reduce((side, { h, w }) => Math.max(side, h, w), 1);
}

/**
 * What the units of a row see of the drawing, in words. At the border they see less than a full field, and of a field
 * larger than the drawing each sees another part.
 *
 * @param {Pick<Tile, "h" | "w">[]} tiles at least one
 * @param {number} size side of the network's input
 */
export function seen(tiles, size) {
  if (tiles.every(({ h, w }) => Math.min(h, w) >= size)) return "each sees the whole drawing";
  const [rows, columns] = [Math.max(...tiles.map(({ h }) => h)), Math.max(...tiles.map(({ w }) => w))];
  const alike = tiles.every(({ h, w }) => h === rows && w === columns);
  return `each sees ${alike ? "" : "up to "}${columns} × ${rows} px`;
}

/**
 * Where in that square a tile goes. What the border of the input cut off is left empty on that side.
 *
 * @param {Pick<Tile, "h" | "w" | "box">} tile
 * @param {number} field
 * @returns {{ top: number, left: number }}
 */
export function placement({ h, w, box: [top, left] }, field) {
  return { top: top === 0 ? field - h : 0, left: left === 0 ? field - w : 0 };
}

/**
 * RGBA pixels of a square of `field` pixels with the tile in its place, the rest at zero; or of a window of that square.
 *
 * @param {Tile} tile
 * @param {number} channels 1 or 3
 * @param {number} field
 * @param {import("./signal_window.js").Window} [shown]
 */
export function tilePixels(tile, channels, field, shown = { top: 0, left: 0, side: field }) {
  const { greys, h, w } = tile;
  const { side } = shown;
  const out = new Uint8ClampedArray(side * side * 4).fill(ZERO);
  for (let i = 3; i < out.length; i += 4) out[i] = 255;
  // Where the first pixel of the tile is, from the window's corner: before it, where that is negative.
  const at = placement(tile, field);
  const [top, left] = [at.top - shown.top, at.left - shown.left];
  const [first, end] = [Math.max(0, -left), Math.min(w, side - left)];
  for (let y = Math.max(0, -top); y < Math.min(h, side - top); y++) {
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

/**
 * RGBA pixels of the network's input: ink in one colour, as opaque as it is dark; paper is left clear.
 *
 * @param {Uint8Array} ink 0 paper to 255 ink
 * @param {[number, number, number]} colour
 */
export function paperPixels(ink, [red, green, blue]) {
  const out = new Uint8ClampedArray(ink.length * 4);
  for (let i = 0, to = 0; i < ink.length; i++, to += 4) {
    out[to] = red;
    out[to + 1] = green;
    out[to + 2] = blue;
    out[to + 3] = ink[i];
  }
  return out;
}

/**
 * A number for a reader: about three significant digits, a real minus sign.
 *
 * @param {number | null | undefined} value
 */
export function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const far = size >= 1e5 || (size > 0 && size < 1e-3);
  const text = far ? value.toExponential(1) : size >= 1000 ? value.toFixed(0) : value.toPrecision(3);
  return text.replaceAll("-", "−");
}
