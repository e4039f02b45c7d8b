import assert from "node:assert/strict";
import { test } from "node:test";
import { drawStroke, fitCanvas, lineWidth } from "../src/ink.js";

/** A 2D context that notes the segments that are stroked. */
function recorder() {
  /** @type {string[]} */
  const segments = [];
  /** @type {number[]} */
  let at = [];
  /** @type {string[]} */
  let path = [];
  let dots = 0;
  const context = {
    lineWidth: 0,
    beginPath: () => (path = []),
    moveTo: (/** @type {number} */ x, /** @type {number} */ y) => (at = [x, y]),
    lineTo(/** @type {number} */ x, /** @type {number} */ y) {
      path.push(`${at} ${[x, y]} ${this.lineWidth.toFixed(2)}`);
      at = [x, y];
    },
    stroke: () => segments.push(...path),
    arc: () => {},
    fill: () => (dots += 1),
  };
  return { context: /** @type {any} */ (context), segments, dots: () => dots };
}

/** @param {number[]} pressures */
function stroke(pressures) {
  const points = new Float32Array(4 * (pressures.length + 3));
  pressures.forEach((p, i) => points.set([i, i * i, i, p], 4 * i));
  return { id: 2, points, n: pressures.length };
}

test("ink drawn point by point is the ink drawn at once", () => {
  const whole = stroke([1, 1, 0.5, 0.2, 0.2, 0.9]);
  const once = recorder();
  drawStroke(once.context, whole);
  const bit = recorder();
  for (let n = 1; n <= whole.n; n++) drawStroke(bit.context, { ...whole, n }, n - 1);
  assert.deepEqual(bit.segments, once.segments);
  assert.equal(once.segments.length, 5);
  assert.deepEqual([bit.dots(), once.dots()], [1, 1]);
});

test("a single point is a dot, an empty stroke nothing", () => {
  const { context, segments, dots } = recorder();
  drawStroke(context, stroke([1]));
  drawStroke(context, stroke([]));
  assert.equal(dots(), 1);
  assert.equal(segments.length, 0);
});

test("pressure widens the line a little and never beyond its range", () => {
  assert.ok(lineWidth(0.2) < lineWidth(0.8));
  assert.ok(lineWidth(0) > 0.5 * lineWidth(1));
  assert.equal(lineWidth(7), lineWidth(1));
});

test("a canvas gets the device pixels of its size, and is left alone while it is hidden", () => {
  /** @type {any} */
  const canvas = { width: 300, height: 150 };
  const box = (/** @type {number} */ side) => [{ inlineSize: side, blockSize: side }];
  assert.equal(fitCanvas(canvas, /** @type {any} */ ({ contentBoxSize: box(0), devicePixelContentBoxSize: box(0) })), false);
  assert.equal(fitCanvas(canvas, /** @type {any} */ ({ contentBoxSize: box(400), devicePixelContentBoxSize: box(800) })), true);
  assert.deepEqual([canvas.width, canvas.height], [800, 800]);
  /** @type {any} */ (globalThis).devicePixelRatio = 1.5;
  assert.equal(fitCanvas(canvas, /** @type {any} */ ({ contentBoxSize: box(400) })), true);
  assert.equal(canvas.width, 600);
  assert.equal(fitCanvas(canvas, /** @type {any} */ ({ contentBoxSize: box(400) })), false);
});
