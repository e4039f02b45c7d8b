import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answerAt,
  cellOfMap,
  cellOfPicture,
  moved,
  occluded,
  OcclusionStore,
  points,
  sentence,
  unpack,
} from "../src/occlusion_store.js";
import { fakeFrames, FakeModel } from "./fakes.js";

/** A 4 x 6 picture of zeros with patches of 2 x 3 pixels filled with 9, two rows and two columns of them. */
function message() {
  const boxes = [
    [0, 0, 2, 3],
    [0, 3, 2, 6],
    [2, 0, 4, 3],
    [2, 3, 4, 6],
  ].flat();
  const best = [1, 0, 0, 1, 1, 0, -1, -1];
  const chances = [0.75, 0.25, 0.5, 0.25, 0.75, 0.125, NaN, NaN];
  const probability = [0.25, 0.5, 0.125, NaN];
  const activity = [1, 2, 3, NaN];
  const numbers = [
    new Int32Array([...boxes, ...best]),
    new Float32Array([...chances, ...probability, ...activity]),
  ].map(({ buffer }) => new Uint8Array(buffer));
  const pixels = [new Uint8Array(24), new Uint8Array(24).fill(9)];
  const packed = new Uint8Array([...numbers, ...pixels].flatMap((part) => [...part]));
  const start = packed.length - 48;
  /** @param {number} offset */
  const tile = (offset) => ({
    kind: "picture",
    caption: "",
    description: "",
    label: null,
    boxes: [],
    smooth: true,
    facts: [],
    background: null,
    legend: [],
    ramp: null,
    h: 4,
    w: 6,
    depth: 1,
    offset,
  });
  const [image, filling] = [tile(start), tile(start + 24)];
  const header = {
    type: "occlusion",
    rows: 2,
    cols: 2,
    top: 2,
    first: [0, 1],
    target: 0,
    unit: "relu5 / 3",
    activity: 4,
    activity_text: "4.00",
    classes: [
      [0, "cat", 0.5],
      [1, "dog", 0.25],
    ],
    tiles: { image, filling, heat: image, activity: image, probability: image, label: image },
  };
  return { header: /** @type {any} */ (header), packed };
}

/** The same at an odd place of a larger buffer, as other hosts send it. */
function experiment() {
  const { header, packed } = message();
  const shifted = new Uint8Array(packed.length + 3);
  shifted.set(packed, 3);
  return unpack(header, shifted.subarray(3));
}

test("says what the network says without a patch", () => {
  const { guesses, target, activity, box } = answerAt(experiment(), null);
  assert.deepEqual(
    guesses.map(({ name, chance, isTarget }) => [name, chance, isTarget]),
    [
      ["cat", 0.5, true],
      ["dog", 0.25, false],
    ],
  );
  assert.deepEqual([target.name, activity, box], ["cat", 4, null]);
});

test("says what it says with a patch, and what it said before", () => {
  const { guesses, target, activity, box } = answerAt(experiment(), [0, 0]);
  assert.deepEqual(
    guesses.map(({ name, chance, before }) => [name, chance, before]),
    [
      ["dog", 0.75, 0.25],
      ["cat", 0.25, 0.5],
    ],
  );
  assert.deepEqual([target.chance, target.before, activity, box], [0.25, 0.5, 1, [0, 0, 2, 3]]);
  assert.deepEqual(answerAt(experiment(), [1, 0]).box, [2, 0, 4, 3]);
});

test("knows what was not computed", () => {
  const { guesses, done } = answerAt(experiment(), [1, 1]);
  assert.deepEqual([guesses, done], [[], false]);
});

test("says in one sentence what a kept patch does", () => {
  const now = experiment();
  assert.equal(sentence(now, null), "No patch: cat 50\u00a0%.");
  assert.equal(sentence(now, [0, 0]), "Patch at row 0, column 0: cat 25\u00a0% instead of 50\u00a0%, dog is more probable.");
  assert.equal(sentence(now, [0, 1]), "Patch at row 0, column 3: cat 50\u00a0% instead of 50\u00a0%.");
  assert.equal(sentence(now, [1, 1]), "Patch at row 2, column 3: not computed.");
});

test("finds the cell under the pointer", () => {
  const now = experiment();
  assert.deepEqual(cellOfMap(now, 0.6, 0.2), [0, 1]);
  assert.deepEqual(cellOfMap(now, 1, 1), [1, 1]);
  assert.deepEqual(cellOfPicture(now, 0.49, 0.9), [1, 0]);
  assert.deepEqual(cellOfPicture(now, 0.51, 0.1), [0, 1]);
});

test("moves by keys, and stays inside", () => {
  const now = { rows: 5, cols: 3 };
  assert.deepEqual(moved(now, null, "ArrowLeft"), [2, 1]);
  assert.deepEqual(moved(now, [2, 1], "ArrowLeft"), [2, 0]);
  assert.deepEqual(moved(now, [2, 0], "ArrowLeft"), [2, 0]);
  assert.deepEqual(moved(now, [4, 2], "ArrowDown"), [4, 2]);
  assert.equal(moved(now, [4, 2], "Escape"), null);
  assert.equal(moved(now, [4, 2], "b"), undefined);
});

test("covers the picture only where the patch is", () => {
  const now = experiment();
  assert.deepEqual(
    [...occluded(now, [1, 1]).pixels],
    [...Array(15).fill(0), 9, 9, 9, 0, 0, 0, 9, 9, 9],
  );
  assert.equal(occluded(now, null), now.tiles.image);
  assert.ok(now.tiles.image.pixels.every((value) => value === 0));
});

test("refuses maps that are shorter than they say", () => {
  const { header, packed } = message();
  assert.throws(() => unpack(header, packed.subarray(0, 40)), RangeError);
});

test("writes changes for readers", () => {
  assert.deepEqual(
    [points(0.5, 0.25), points(0.25, 0.278), points(0.1, 0.1), points(0.1, NaN)],
    ["+25", "−2.8", "±0", "±0"],
  );
});

test("a store looks where the pointer is, else at what is kept", () => {
  fakeFrames();
  const model = new FakeModel({ cell: [1, 0] });
  const life = new AbortController();
  const store = new OcclusionStore(model.any, life.signal);
  let events = 0;
  store.listen("cell", () => (events += 1), life.signal);
  const { header, packed } = message();
  model.deliver(header, [new DataView(packed.buffer)]);
  assert.deepEqual(store.cell, [1, 0]);
  store.point([0, 1]);
  assert.deepEqual(store.cell, [0, 1]);
  store.point([0, 1]);
  assert.equal(events, 1);
  store.point(null);
  assert.deepEqual(store.cell, [1, 0]);
  store.keep([0, 0]);
  assert.deepEqual([model.get("cell"), model.saved], [[0, 0], 1]);
  model.deliver({ ...header, rows: 0, cols: 0 }, []);
  assert.deepEqual([store.experiment, store.cell], [null, null]);
  life.abort();
  assert.equal(model.listeners, 0);
});
