// Strokes on a canvas. Straight lines between the points: what the network is shown, too.
import { POINT } from "./protocol.js";

/** @typedef {import("./protocol.js").Stroke} Stroke */

/** Line width at full pressure, in board units of a board of 400. */
const WIDTH = 3.2;

/**
 * Line width for a pressure of 0..1: visible, and no more than a hint, since the network does not see it.
 *
 * @param {number} pressure
 */
export function lineWidth(pressure) {
  return WIDTH * (0.55 + 0.45 * Math.min(1, Math.max(0, pressure)));
}

/**
 * Draw a stroke, from the segment that ends in point `first`. The context is scaled to board units.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke} stroke
 * @param {number} [first]
 * @param {number} [unit] board units in which the width is given
 */
export function drawStroke(context, { points, n }, first = 0, unit = 1) {
  if (first === 0 && n > 0) {
    context.beginPath();
    context.arc(points[0], points[1], (unit * lineWidth(points[3])) / 2, 0, 2 * Math.PI);
    context.fill();
  }
  context.lineCap = "round";
  context.lineJoin = "round";
  let width = -1;
  let open = false;
  for (let i = Math.max(1, first); i < n; i++) {
    const a = (i - 1) * POINT;
    const b = i * POINT;
    const next = unit * lineWidth((points[a + 3] + points[b + 3]) / 2);
    // One path for as long as the width stays: a mouse draws a stroke in one go.
    if (Math.abs(next - width) > 0.02 * unit) {
      if (open) context.stroke();
      context.beginPath();
      context.moveTo(points[a], points[a + 1]);
      context.lineWidth = width = next;
      open = true;
    }
    context.lineTo(points[b], points[b + 1]);
  }
  if (open) context.stroke();
}

/**
 * Give a canvas the pixels of its size on screen. Changing the size wipes it.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ResizeObserverEntry} entry
 * @returns {boolean} whether the size changed
 */
export function fitCanvas(canvas, entry) {
  const exact = entry.devicePixelContentBoxSize?.[0];
  const css = entry.contentBoxSize[0];
  const width = Math.round(exact ? exact.inlineSize : css.inlineSize * devicePixelRatio);
  const height = Math.round(exact ? exact.blockSize : css.blockSize * devicePixelRatio);
  if (width === 0 || height === 0 || (canvas.width === width && canvas.height === height)) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}
