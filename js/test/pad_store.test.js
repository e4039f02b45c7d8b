import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { CHECK } from "../src/delivery.js";
import { PadStore } from "../src/pad_store.js";
import { FakeModel, fakeFrames } from "./fakes.js";

// What is not confirmed is asked about for ever.
beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** @param {boolean} [mounted] */
function setUp(mounted = true) {
  const frames = fakeFrames();
  const model = new FakeModel({ board: 400 });
  const life = new AbortController();
  const store = new PadStore(model.any, life.signal);
  const view = new AbortController();
  if (mounted) store.mount(view.signal);
  /** @param {number} x */
  const draw = (x) => {
    store.begin();
    store.extend([{ x, y: 1, time: 5000 + x, pressure: 1 }]);
    store.finish();
  };
  /** The kernel's answer to a hello. @param {number[]} ids @param {any} [rest] */
  const state = (ids, rest = {}) => {
    const strokes = ids.map((id) => ({ id, n: 1 }));
    const points = new Float32Array(ids.flatMap((id) => [id, 0, 0, 1]));
    const seen = { [store.client]: store.outbox.delivery.seq };
    model.deliver({ type: "state", strokes, undo: ids.length, redo: 0, step: null, seen, ...rest }, [points]);
  };
  const ids = () => store.drawing.strokes.map(({ id }) => id);
  return { frames, model, store, draw, state, ids, view, life };
}

test("a view that mounts asks for everything and shows the kernel's strokes", () => {
  const { model, state, ids, store } = setUp();
  assert.equal(model.of("hello").length, 1);
  assert.equal(model.of("hello")[0].client, store.client);
  state([1, 3]);
  assert.deepEqual(ids(), [1, 3]);
});

test("two views hear of the same ink and the same changes", () => {
  const { store, draw } = setUp();
  const life = new AbortController();
  /** @type {string[]} */
  const log = [];
  for (const name of ["a", "b"]) {
    store.listen("ink", ({ first }) => log.push(`${name} ink ${first}`), life.signal);
    store.listen("drawing", ({ repaint }) => log.push(`${name} ${repaint}`), life.signal);
  }
  draw(1);
  store.walk("undo");
  assert.deepEqual(log, ["a ink 0", "b ink 0", "a false", "b false", "a true", "b true"]);
});

test("ink is shown before anything is sent", () => {
  const { store, model } = setUp();
  store.begin();
  let sentBefore = -1;
  store.listen("ink", () => (sentBefore = model.of("points").length), new AbortController().signal);
  store.extend([{ x: 1, y: 1, time: 0, pressure: 1 }]);
  assert.equal(sentBefore, 0);
  assert.equal(store.drawing.current?.n, 1);
});

test("times count from the first point and go on after those of the kernel", () => {
  const { store, draw, state } = setUp();
  draw(7);
  assert.equal(store.drawing.lastTime, 0);
  draw(9);
  assert.equal(store.drawing.lastTime, 2);
  const points = new Float32Array([0, 0, 4000, 1]);
  state([1], {});
  store.drawing.strokes[0].points.set(points);
  draw(11);
  assert.equal(store.drawing.lastTime, 5000);
});

test("a state from before the latest stroke is not taken over; it is asked for again", () => {
  const { model, draw, state, ids, store } = setUp();
  draw(1);
  const mine = ids();
  state([], { seen: { [store.client]: 0 } });
  assert.deepEqual(ids(), mine);
  assert.equal(model.of("hello").length, 1);
  mock.timers.tick(300);
  assert.equal(model.of("hello").length, 2);
  state([1]);
  assert.deepEqual(ids(), [1]);
});

test("the kernel is not asked again while the pen is down", () => {
  const { model, state, store } = setUp();
  store.begin();
  store.extend([{ x: 1, y: 1, time: 0, pressure: 1 }]);
  state([1]);
  mock.timers.tick(300);
  assert.equal(model.of("hello").length, 1);
  store.finish();
  mock.timers.tick(300);
  assert.equal(model.of("hello").length, 2);
});

test("strokes that the kernel never got are sent again, and its drawing is taken over only then", () => {
  const { store, model, draw, state, ids } = setUp();
  const seen = (/** @type {number} */ n) => ({ [store.client]: n });
  draw(1);
  draw(2);
  draw(3);
  const mine = ids();
  state(mine.slice(0, 1), { seen: seen(1) });
  assert.deepEqual(ids(), mine);
  mock.timers.tick(CHECK);
  const [{ check, client, confirmed }] = model.of("check");
  assert.deepEqual([client, confirmed], [store.client, 1]);
  const before = model.sent.length;
  model.deliver({ type: "seen", client, check, seen: 1 });
  assert.deepEqual(model.sent.slice(before).map(({ content }) => [content.type, content.stroke]), [
    ["points", mine[1]],
    ["points", mine[2]],
  ]);
  state(mine, { seen: seen(3) });
  assert.deepEqual(ids(), mine);
});

test("an answer to another question does not count as the answer to a hello", () => {
  const { store, model, draw } = setUp();
  draw(1);
  mock.timers.tick(CHECK);
  model.deliver({ type: "seen", client: store.client, check: 1, seen: 1 });
  mock.timers.tick(2000);
  assert.equal(model.of("hello").length, 2);
});

test("after a reload a stroke takes no id of one that was undone before", () => {
  const before = setUp();
  for (const x of [1, 2, 3]) before.draw(x);
  const used = before.ids();
  const { state, draw, ids } = setUp();
  state(used.slice(0, 1), { undo: 1, redo: 2 });
  for (const x of [4, 5]) draw(x);
  assert.equal(new Set([...used, ...ids()]).size, 5);
});

test("a kernel that has forgotten this page is believed when it had confirmed everything", () => {
  const { store, model, draw, state, ids } = setUp();
  draw(1);
  mock.timers.tick(CHECK);
  model.deliver({ type: "seen", client: store.client, check: 1, seen: 1 });
  state([1, 3], { seen: {} });
  assert.deepEqual(ids(), [1, 3]);
});

test("nothing is undone or cleared under a moving pen", () => {
  const { store, draw, model, ids } = setUp();
  draw(1);
  store.begin();
  store.walk("undo");
  store.clear();
  store.scrub(1);
  assert.equal(ids().length, 1);
  assert.deepEqual(["undo", "clear", "scrub"].map((type) => model.of(type).length), [0, 0, 0]);
});

test("an undo that only the kernel can do asks for its drawing", () => {
  const { store, state, model, ids } = setUp();
  state([1, 3]);
  store.walk("undo");
  assert.deepEqual([model.of("undo").length, model.of("hello").length], [1, 2]);
  assert.deepEqual(ids(), [1, 3]);
});

test("with the kernel gone the drawing stays and grows, and the views are told", () => {
  const { store, model, draw, ids } = setUp();
  let told = 0;
  store.listen("notices", () => (told += 1), new AbortController().signal);
  draw(1);
  model.broken = true;
  model.trigger("comm_live_update");
  assert.equal(store.link.alive, false);
  draw(2);
  store.walk("undo");
  store.walk("redo");
  assert.equal(ids().length, 2);
  assert.equal(told, 1);
});

test("a stroke that cannot be sent shows that the kernel is gone", () => {
  const { store, model, draw } = setUp();
  model.broken = true;
  draw(1);
  assert.equal(store.link.alive, false);
});

const guess = { type: "prediction", step: 1, provisional: false, top: [["cat", 0.83]] };

test("a prediction is confirmed after the paint that shows it, with the time since the pen was lifted", () => {
  const { frames, model } = setUp();
  model.deliver({ ...guess, frame: 4, since: performance.now() - 30 });
  frames.next();
  assert.equal(model.of("ack").length, 0);
  frames.next();
  const [{ frame, latency_ms: latency }] = model.of("ack");
  assert.equal(frame, 4);
  assert.ok(latency >= 30 && latency < 10_000);
});

test("without a time, or with one of another page's clock, there is no latency", () => {
  const { frames, model } = setUp();
  model.deliver({ ...guess, frame: 1, since: null });
  model.deliver({ ...guess, frame: 2, since: performance.now() + 1e6 });
  frames.next();
  frames.next();
  assert.deepEqual(model.of("ack").map(({ frame, latency_ms: latency }) => [frame, latency]), [[1, null], [2, null]]);
});

test("what nobody sees, and what is only repeated, is not confirmed", () => {
  const { frames, model, view } = setUp();
  model.deliver({ ...guess, frame: null });
  view.abort();
  model.deliver({ ...guess, frame: 9 });
  frames.next();
  frames.next();
  assert.equal(model.of("ack").length, 0);
});

test("an empty board has no guess", () => {
  const { store, model, draw } = setUp();
  draw(1);
  model.deliver({ ...guess, frame: 1 });
  assert.equal(store.prediction?.top[0][0], "cat");
  store.clear();
  assert.equal(store.prediction, null);
  model.deliver({ ...guess, frame: 2 });
  assert.equal(store.prediction, null, "one that was late");
});

test("an error of the kernel is kept until it is taken back; a broken message becomes one", () => {
  const { store, model, state } = setUp();
  model.deliver({ type: "error", title: "ValueError", message: "no", traceback: "File ..." });
  assert.equal(store.error?.title, "ValueError");
  model.deliver({ type: "error", title: null });
  assert.equal(store.error, null);
  state([1], { strokes: [{ id: 1, n: 5 }] });
  assert.match(String(/** @type {any} */ (store).error?.message), /expected 5 points/);
});

test("what could not be shown is said until a message of its kind can", () => {
  const { store, model, state } = setUp();
  let told = 0;
  store.listen("notices", () => (told += 1), new AbortController().signal);
  state([1], { strokes: [{ id: 1, n: 5 }] });
  assert.match(store.error?.title ?? "", /Could not show/);
  model.deliver({ ...guess, frame: null });
  assert.match(store.error?.title ?? "", /Could not show/);
  state([1]);
  assert.equal(store.error, null);
  assert.equal(told, 2);
});

test("what could not be shown takes no error of the kernel away", () => {
  const { store, model, state } = setUp();
  state([1], { strokes: [{ id: 1, n: 5 }] });
  model.deliver({ type: "error", title: "ValueError", message: "no", traceback: "File ..." });
  assert.equal(store.error?.title, "ValueError");
  state([1]);
  assert.equal(store.error?.title, "ValueError");
});

/** @param {number} ms */
function pass(ms) {
  for (let gone = 0; gone < ms; gone += 100) mock.timers.tick(100);
}

test("a kernel that answers no hello is taken for gone, and is there again with its first word", () => {
  const { store, model } = setUp();
  pass(60_000);
  assert.deepEqual([store.link.alive, store.link.silent], [false, true]);
  assert.equal(model.of("hello").length, 6);
  model.deliver({ type: "status", text: "" });
  assert.deepEqual([store.link.alive, store.link.silent], [true, false]);
});

test("a kernel that falls silent while one draws is taken for gone, and is asked nothing more until it speaks", () => {
  const { store, model, draw } = setUp();
  model.deliver({ type: "status", text: "" });
  draw(1);
  pass(120_000);
  assert.deepEqual([store.link.alive, store.link.silent], [false, true]);
  const asked = model.of("check").length;
  draw(2);
  pass(120_000);
  assert.equal(model.of("check").length, asked);
  model.deliver({ type: "status", text: "" });
  assert.equal(store.link.alive, true);
  pass(2000);
  assert.ok(model.of("check").length > asked);
});

test("a model that has no comm says so at once", () => {
  const { store, model } = setUp();
  /** @type {any} */ (model).comm_live = false;
  store.hello();
  assert.deepEqual([store.link.alive, store.link.silent], [false, false]);
});

test("what another page has changed is asked for, when the pen is up", () => {
  const { store, model, state, ids } = setUp();
  state([1]);
  model.deliver({ type: "changed", by: store.client });
  pass(1000);
  assert.equal(model.of("hello").length, 1);
  store.begin();
  model.deliver({ type: "changed", by: "other" });
  pass(1000);
  assert.equal(model.of("hello").length, 1);
  store.finish();
  for (let i = 0; i < 30; i++) model.deliver({ type: "changed", by: "other" });
  pass(500);
  assert.equal(model.of("hello").length, 2);
  state([1, 3]);
  assert.deepEqual(ids(), [1, 3]);
});

test("a stroke that begins under way of another ends that one, and both are sent whole", () => {
  const { store, model } = setUp();
  const point = (/** @type {number} */ x) => [{ x, y: 1, time: x, pressure: 1 }];
  store.begin();
  store.extend(point(1));
  store.begin();
  store.extend(point(2));
  store.finish();
  assert.deepEqual(store.drawing.strokes.map(({ n }) => n), [1, 1]);
  assert.deepEqual(model.of("points").map(({ stroke, end }) => [stroke, end]), [
    [store.drawing.strokes[0].id, true],
    [store.drawing.strokes[1].id, true],
  ]);
});

test("the end of the model ends its listening", () => {
  const { model, life } = setUp();
  assert.equal(model.listeners, 2);
  life.abort();
  assert.equal(model.listeners, 0);
});
