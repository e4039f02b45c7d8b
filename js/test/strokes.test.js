import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { blockOfIds, Drawing, HISTORY } from "../src/strokes.js";

/** @param {Drawing} drawing @param {number} x */
function draw(drawing, x) {
  drawing.begin();
  drawing.extend(x, 0, 0, 1);
  drawing.finish();
}

/** @param {Drawing} drawing */
const xs = (drawing) => drawing.strokes.map(({ points }) => points[0]);

/** How often `step` can be done. @param {() => string} step */
function times(step) {
  let n = 0;
  while (step() === "done") n += 1;
  return n;
}

// The kernel's drawing must end in the same state: tests/widgets/test_sketch_pad_drawing.py reads this file too.
const scenarios = JSON.parse(readFileSync(new URL("drawing_scenarios.json", import.meta.url), "utf8"));
for (const { name, do: steps, strokes, step, undo, redo } of scenarios) {
  test(name, () => {
    const drawing = new Drawing();
    let drawn = 0;
    for (const what of steps) {
      if (what === "draw") draw(drawing, drawn++);
      else if (typeof what === "number") drawing.scrub(what);
      else drawing[/** @type {"undo" | "redo" | "clear"} */ (what)]();
    }
    assert.deepEqual(xs(drawing), strokes);
    assert.equal(drawing.step, step);
    assert.equal(drawing.canUndo, undo > 0);
    assert.equal(drawing.canRedo, redo > 0);
    assert.equal(times(() => drawing.redo()), redo);
    assert.equal(times(() => drawing.undo()), undo + redo);
  });
}

test("a stroke grows past its first room and is cut to its points", () => {
  const drawing = new Drawing();
  drawing.begin();
  for (let i = 0; i < 1000; i++) drawing.extend(i, 2 * i, 3 * i, 1);
  drawing.finish();
  const [{ n, points }] = drawing.strokes;
  assert.equal(n, 1000);
  assert.equal(points.length, 4000);
  assert.deepEqual([...points.slice(-4)], [999, 1998, 2997, 1]);
  assert.equal(drawing.lastTime, 2997);
});

test("a stroke without points is not kept", () => {
  const drawing = new Drawing();
  drawing.begin();
  drawing.finish();
  assert.equal(drawing.strokes.length, 0);
  assert.equal(drawing.canUndo, false);
});

test("only the newest operations can be undone", () => {
  const drawing = new Drawing();
  for (let i = 0; i < HISTORY + 5; i++) draw(drawing, i);
  assert.equal(times(() => drawing.undo()), HISTORY);
  assert.deepEqual(xs(drawing), [0, 1, 2, 3, 4]);
});

test("scrubbing says whether anything changed and stays on the board", () => {
  const drawing = new Drawing();
  for (let i = 0; i < 3; i++) draw(drawing, i);
  assert.equal(drawing.scrub(null), false);
  assert.equal(drawing.scrub(2), true);
  assert.equal(drawing.scrub(2), false);
  assert.deepEqual(drawing.visible.map(({ points }) => points[0]), [0, 1]);
  assert.equal(drawing.scrub(0), true);
  assert.equal(drawing.step, 1);
});

test("the kernel's drawing replaces this one; what only it remembers is asked for", () => {
  const drawing = new Drawing();
  const strokes = [{ id: 9, n: 1, points: new Float32Array([5, 5, 7, 1]) }];
  assert.equal(drawing.replace(strokes, { undo: 1, redo: 2, step: null }), true);
  assert.deepEqual([drawing.canUndo, drawing.canRedo], [true, true]);
  assert.deepEqual([drawing.undo(), drawing.redo()], ["ask", "ask"]);
  assert.equal(drawing.replace(strokes, { undo: 1, redo: 2, step: null }), false);
  assert.equal(drawing.lastTime, 7);
});

test("new strokes have even ids of the page's own, whatever the kernel has", () => {
  const drawing = new Drawing(40);
  drawing.replace([{ id: 9, n: 1, points: new Float32Array(4) }], {});
  assert.equal(drawing.begin().id, 40);
  drawing.extend(1, 1, 1, 1);
  drawing.finish();
  // Of another page: its next ids are not ours to take.
  drawing.replace([{ id: 90, n: 1, points: new Float32Array(4) }], {});
  assert.equal(drawing.begin().id, 42);
});

test("a page's ids are whole even numbers that no other page has", () => {
  const firsts = Array.from({ length: 2000 }, blockOfIds);
  for (const first of firsts) {
    const drawing = new Drawing(first);
    assert.ok(Number.isSafeInteger(first + 1e6) && first > 0 && first % 2 === 0, `${first}`);
    assert.equal(drawing.begin().id, first);
  }
  const apart = firsts.sort((a, b) => a - b).slice(1).map((first, i) => first - firsts[i]);
  assert.ok(apart.every((gap) => gap === 0 || gap >= 1e6));
  assert.ok(apart.filter((gap) => gap === 0).length <= 1);
});

test("what is drawn after a reload can be undone here, what was drawn before it only by the kernel", () => {
  const drawing = new Drawing();
  drawing.replace([{ id: 2, n: 1, points: new Float32Array(4) }], { undo: 1 });
  draw(drawing, 8);
  assert.equal(drawing.undo(), "done");
  assert.equal(drawing.undo(), "ask");
});

test("the stroke under the pen goes on when the kernel's drawing comes", () => {
  const drawing = new Drawing();
  drawing.begin();
  drawing.extend(1, 2, 3, 1);
  drawing.replace([], { undo: 1 });
  drawing.extend(2, 3, 4, 1);
  drawing.finish();
  assert.equal(drawing.strokes[0].n, 2);
});
