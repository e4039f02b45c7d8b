import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Outbox, REST } from "../src/outbox.js";
import { Drawing } from "../src/strokes.js";
import { Frames } from "./fakes.js";

// What is not confirmed is asked about for ever.
beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

function setUp() {
  const frames = new Frames();
  /** @type {any[]} */
  const sent = [];
  /** @param {any} content @param {ArrayBuffer[]} [buffers] */
  const send = (content, buffers = []) => sent.push({ ...content, bytes: buffers[0]?.byteLength ?? 0 });
  const outbox = new Outbox(send, "page", frames.request);
  const drawing = new Drawing();
  /** @param {number} n */
  const extend = (n) => {
    const stroke = drawing.current ?? drawing.begin();
    for (let i = 0; i < n; i++) drawing.extend(stroke.n, 0, stroke.n, 1);
    outbox.grow(stroke);
    return stroke;
  };
  return { frames, sent, outbox, extend };
}

test("all points of a frame go in one message, the next frame goes on where it ended", () => {
  const { frames, sent, extend } = setUp();
  const { id } = extend(3);
  extend(2);
  assert.equal(sent.length, 0);
  frames.next();
  extend(4);
  frames.next();
  frames.next();
  assert.deepEqual(sent, [
    { type: "points", stroke: id, first: 0, end: false, seq: 1, client: "page", bytes: 80 },
    { type: "points", stroke: id, first: 5, end: false, seq: 2, client: "page", bytes: 64 },
  ]);
});

test("the end goes out at once with the points that waited", () => {
  const { frames, sent, outbox, extend } = setUp();
  const stroke = extend(3);
  outbox.end(stroke, 1234.5);
  frames.next();
  assert.deepEqual(sent, [
    { type: "points", stroke: stroke.id, first: 0, end: true, up_ms: 1234.5, seq: 1, client: "page", bytes: 48 },
  ]);
});

test("an end without new points has no buffer", () => {
  const { frames, sent, outbox, extend } = setUp();
  const stroke = extend(3);
  frames.next();
  outbox.end(stroke, 7);
  assert.deepEqual([sent[1].first, sent[1].end, sent[1].bytes], [3, true, 0]);
});

test("an operation goes after what was drawn before it", () => {
  const { sent, outbox, extend } = setUp();
  outbox.end(extend(1), 1);
  outbox.scrub(1);
  outbox.operate("undo");
  assert.deepEqual(sent.map(({ type, seq }) => [type, seq]), [["points", 1], ["scrub", 2], ["undo", 3]]);
  assert.equal(outbox.waiting, false);
});

test("of several scrubbed steps in a frame the last one is sent", () => {
  const { frames, sent, outbox } = setUp();
  for (const step of [5, 4, 3]) outbox.scrub(step);
  assert.equal(outbox.waiting, true);
  frames.next();
  outbox.scrub(null);
  frames.next();
  assert.deepEqual(sent.map(({ step }) => step), [3, null]);
});

test("a stroke that follows within the same frame starts anew", () => {
  const { frames, sent, outbox, extend } = setUp();
  const first = extend(2);
  outbox.end(first, 1);
  const drawing = new Drawing();
  const second = drawing.begin();
  drawing.extend(1, 1, 1, 1);
  outbox.grow(second);
  frames.next();
  assert.deepEqual(sent.map(({ first, end }) => [first, end]), [[0, true], [0, false]]);
});

test("a step that waits is not sent behind the stroke that leaves it", () => {
  const { frames, sent, outbox, extend } = setUp();
  outbox.scrub(1);
  outbox.end(extend(1), 1);
  frames.next();
  assert.deepEqual(sent.map(({ type }) => type), ["points"]);
  assert.equal(outbox.waiting, false);
});

test("a pen that rests on the board says so, until it is lifted", () => {
  const { frames, sent, outbox, extend } = setUp();
  const stroke = extend(2);
  frames.next();
  const points = () => sent.filter(({ type }) => type === "points").map(({ first, end, bytes }) => [first, end, bytes]);
  for (let ms = 0; ms < 2 * REST; ms += 100) mock.timers.tick(100);
  assert.deepEqual(points(), [[0, false, 32], [2, false, 0], [2, false, 0]]);
  outbox.end(stroke, 1);
  mock.timers.tick(10 * REST);
  assert.deepEqual(points().slice(3), [[2, true, 0]]);
});
