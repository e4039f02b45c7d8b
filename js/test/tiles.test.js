import assert from "node:assert/strict";
import { test } from "node:test";
import { cutTiles, fieldSide, paperPixels, placement, seen, short, tilePixels, ZERO } from "../src/tiles.js";

/** @param {Record<string, any>} rest @returns {any} */
const header = (rest) => ({ channel: 0, activation: 1, dead: false, box: [0, 0, 1, 1], h: 1, w: 1, offset: 0, ...rest });

/** Red values of RGBA pixels. @param {ArrayLike<number>} pixels */
const reds = (pixels) => Array.from(pixels).filter((_, i) => i % 4 === 0);

test("tiles are cut where their offsets say, without a copy", () => {
  const larger = new Uint8Array([9, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
  const packed = larger.subarray(2);
  const tiles = cutTiles(
    { name: "relu1", title: "", tiles: [header({ h: 2, w: 1, offset: 0 }), header({ h: 1, w: 3, offset: 2 })] },
    packed,
  );
  assert.deepEqual(tiles.map(({ greys }) => [...greys]), [[1, 2], [3, 4, 5]]);
  assert.equal(tiles[0].greys.buffer, larger.buffer);
});

test("a colour layer takes three bytes a pixel", () => {
  const layer = { name: "relu1", title: "", channels: 3, tiles: [header({ h: 1, w: 2 })] };
  assert.equal(cutTiles(layer, new Uint8Array(6))[0].greys.length, 6);
});

test("a tile that ends behind the buffer is refused by name", () => {
  const layer = { name: "relu5", title: "", tiles: [header({ h: 4, w: 4, offset: 2 })] };
  assert.throws(() => cutTiles(layer, new Uint8Array(17)), /relu5: a tile ends at byte 18 of 17/);
});

test("all tiles of a row share the side of the largest", () => {
  assert.equal(fieldSide([header({ h: 15, w: 9 }), header({ h: 12, w: 15 })]), 15);
  assert.equal(fieldSide([]), 1);
});

test("what the units of a row see", () => {
  /** @param {[number, number][]} sizes */
  const units = (...sizes) => sizes.map(([h, w]) => ({ h, w }));
  assert.equal(seen(units([43, 43], [43, 43]), 96), "each sees 43 × 43 px");
  assert.equal(seen(units([43, 43], [38, 43]), 96), "each sees up to 43 × 43 px");
  // A field of 99 pixels on a drawing of 96: only a unit in the middle sees all of it.
  assert.equal(seen(units([96, 96], [91, 87]), 96), "each sees up to 96 × 96 px");
  assert.equal(seen(units([89, 96], [89, 87]), 96), "each sees up to 96 × 89 px");
  assert.equal(seen(units([96, 96], [96, 96]), 96), "each sees the whole drawing");
});

test("a tile that the border cut keeps its place in the field", () => {
  assert.deepEqual(placement(header({ h: 9, w: 15, box: [0, 30, 9, 45] }), 15), { top: 6, left: 0 });
  assert.deepEqual(placement(header({ h: 15, w: 10, box: [40, 0, 55, 10] }), 15), { top: 0, left: 5 });
  assert.deepEqual(placement(header({ h: 9, w: 15, box: [216, 30, 225, 45] }), 15), { top: 0, left: 0 });
});

test("the pixels of a tile, opaque, with zero around it", () => {
  const tile = header({ h: 1, w: 2, box: [0, 5, 1, 7], greys: new Uint8Array([10, 250]) });
  const pixels = tilePixels(tile, 1, 2);
  assert.deepEqual(reds(pixels), [ZERO, ZERO, 10, 250]);
  assert.deepEqual([...pixels.slice(8, 12)], [10, 10, 10, 255]);
  assert.ok(pixels.every((value, i) => i % 4 !== 3 || value === 255));
});

test("the pixels of a colour tile keep their colours", () => {
  const tile = header({ greys: new Uint8Array([1, 2, 3]) });
  assert.deepEqual([...tilePixels(tile, 3, 1)], [1, 2, 3, 255]);
});

test("paper is clear where there is no ink", () => {
  assert.deepEqual([...paperPixels(new Uint8Array([0, 128]), [1, 2, 3])], [1, 2, 3, 0, 1, 2, 3, 128]);
});

test("numbers are short and have a real minus sign", () => {
  assert.deepEqual(
    [3.14159, -0.5, 0, 1234.6, 1e-5, -2e6, null].map(short),
    ["3.14", "−0.500", "0.00", "1235", "1.0e−5", "−2.0e+6", "–"],
  );
});
