import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Fewest } from "../src/fewest.js";
import { PadStore } from "../src/pad_store.js";
import { FakeModel, fakeFrames } from "./fakes.js";

// What is not confirmed is asked about for ever.
beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** @param {Partial<import("../src/protocol.js").FewestMessage>} [rest] */
function message(rest) {
  return /** @type {import("../src/protocol.js").FewestMessage} */ ({
    type: "fewest",
    offered: true,
    on: true,
    busy: false,
    kept: [2],
    text: "1 of 2",
    ...rest,
  });
}

/** A board with two strokes, 2 and 4, and somebody to ask. */
function setUp() {
  fakeFrames();
  const model = new FakeModel({ board: 400 });
  const life = new AbortController();
  const store = new PadStore(model.any, life.signal);
  store.mount(life.signal);
  const draw = () => {
    store.begin();
    store.extend([{ x: 1, y: 1, time: 5, pressure: 1 }]);
    store.finish();
  };
  draw();
  draw();
  model.deliver(message({ on: false }));
  /** @type {boolean[]} */
  const repaints = [];
  store.listen("drawing", ({ repaint }) => repaints.push(repaint), life.signal);
  return { model, store, draw, repaints };
}

test("the strokes that are not needed are known, as long as it is on", () => {
  const fewest = new Fewest();
  assert.equal(fewest.offered, false);
  fewest.receive(message());
  assert.deepEqual([fewest.spares(2), fewest.spares(4)], [false, true]);
  fewest.receive(message({ kept: null }));
  assert.deepEqual([fewest.spares(2), fewest.spares(4)], [false, false]);
  fewest.receive(message({ on: false }));
  assert.deepEqual([fewest.on, fewest.text, fewest.spares(4)], [false, "", false]);
});

test("what is said of a search that was left is not shown", () => {
  const fewest = new Fewest();
  fewest.receive(message({ busy: true }));
  assert.equal(fewest.leave(), true);
  assert.equal(fewest.leave(), false);
  fewest.receive(message());
  assert.equal(fewest.on, false);
  fewest.receive(message({ on: false }));
  fewest.receive(message());
  assert.equal(fewest.on, true);
});

test("asked for again, what is said counts at once", () => {
  const fewest = new Fewest();
  fewest.receive(message());
  fewest.leave();
  fewest.ask();
  fewest.receive(message());
  assert.equal(fewest.on, true);
});

test("a press asks, in order with the strokes; the answer is painted; a second press ends it", () => {
  const { model, store, repaints } = setUp();
  store.toggleFewest();
  const [asked] = model.of("fewest");
  assert.equal(asked.seq, model.of("points").at(-1).seq + 1);
  model.deliver(message());
  assert.deepEqual(repaints, [true]);
  assert.equal(store.fewest.spares(4), true);
  store.toggleFewest();
  assert.equal(model.of("fewest_off").length, 1);
  assert.equal(store.fewest.on, false);
  assert.deepEqual(repaints, [true, true]);
});

test("drawing on, undo and scrubbing end it at once, and the kernel finds that out by itself", () => {
  for (const change of ["begin", "undo", "scrub"]) {
    const { model, store } = setUp();
    store.toggleFewest();
    model.deliver(message());
    if (change === "begin") store.begin();
    else if (change === "undo") store.walk("undo");
    else store.scrub(1);
    assert.equal(store.fewest.on, false, change);
    assert.equal(model.of("fewest_off").length, 0);
  }
});

test("the pen goes down on the whole drawing", () => {
  const { model, store, repaints } = setUp();
  store.toggleFewest();
  model.deliver(message());
  repaints.length = 0;
  store.begin();
  assert.deepEqual(repaints, [true]);
});

test("it can be stopped only while it goes on", () => {
  const { model, store } = setUp();
  store.stopFewest();
  store.toggleFewest();
  model.deliver(message({ busy: true, share: 0.5 }));
  assert.equal(store.fewest.share, 0.5);
  store.stopFewest();
  model.deliver(message());
  store.stopFewest();
  assert.equal(model.of("fewest_stop").length, 1);
});

test("an empty board asks nothing", () => {
  const { model, store } = setUp();
  store.clear();
  store.toggleFewest();
  assert.equal(model.of("fewest").length, 0);
});
