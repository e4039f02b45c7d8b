import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { signalWindows } from "../src/signal_window.js";
import { tilePixels, ZERO } from "../src/tiles.js";

// The kernel follows the same scenarios: tests/visualization/figures/test_signal_window.py.
const scenarios = JSON.parse(readFileSync(new URL("./signal_windows.json", import.meta.url), "utf8"));

/**
 * A tile as large as its field, zero but for one box.
 *
 * @param {number} field
 * @param {[number, number, number, number] | "dead" | null} spot
 * @param {number} [grey]
 * @returns {any}
 */
function tile(field, spot, grey = ZERO + 13) {
  if (spot === "dead") return { dead: true, h: 0, w: 0, box: [0, 0, 0, 0], greys: new Uint8Array() };
  const greys = new Uint8Array(field * field).fill(ZERO);
  if (spot) for (let y = spot[0]; y < spot[2]; y++) greys.fill(grey, y * field + spot[1], y * field + spot[3]);
  return { dead: false, h: field, w: field, box: [0, 0, field, field], greys };
}

for (const { what, field, spots, windows } of scenarios) {
  test(what, () => {
    const found = signalWindows(spots.map((/** @type {any} */ spot) => tile(field, spot)), 1, field);
    assert.deepEqual(found.map(({ top, left, side }) => [top, left, side]), windows);
  });
}

test("less than a tenth of the strongest does not stand out, on either side of zero", () => {
  const spots = (/** @type {number} */ grey) => [tile(96, [0, 0, 5, 5], grey), tile(96, [50, 50, 55, 55])];
  assert.equal(signalWindows(spots(ZERO + 12), 1, 96)[0].top, 42);
  assert.equal(signalWindows(spots(ZERO - 12), 1, 96)[0].top, 42);
  assert.equal(signalWindows(spots(ZERO - 13), 1, 96)[0].top, 0);
});

test("a colour stands out in any of its channels, and a tile that the border cut has its place in the field", () => {
  const greys = new Uint8Array(20 * 30 * 3).fill(ZERO);
  greys[(4 * 30 + 6) * 3 + 2] = 255;
  const cut = /** @type {any} */ ({ dead: false, h: 20, w: 30, box: [0, 10, 20, 40], greys });
  // Cut off above: row 4 of 20 is row 14 of the field.
  assert.deepEqual(signalWindows([cut], 3, 30), [{ top: 8, left: 0, side: 12 }]);
});

test("the pixels of a window are those of the field", () => {
  const one = tile(20, null);
  one.greys = one.greys.map((/** @type {number} */ _, /** @type {number} */ i) => i % 251);
  const whole = tilePixels(one, 1, 20);
  const part = tilePixels(one, 1, 20, { top: 5, left: 8, side: 12 });
  for (const [y, x] of [[0, 0], [3, 7], [11, 11]]) {
    assert.equal(part[(y * 12 + x) * 4], whole[((y + 5) * 20 + x + 8) * 4]);
  }
  // A tile that is smaller than its field: what lies beside it is zero.
  const small = { ...one, h: 6, w: 6, box: [0, 0, 6, 6], greys: new Uint8Array(36).fill(9) };
  const around = tilePixels(small, 1, 20, { top: 10, left: 10, side: 10 });
  assert.equal(around[0], ZERO);
  assert.equal(around[(4 * 10 + 4) * 4], 9);
});
