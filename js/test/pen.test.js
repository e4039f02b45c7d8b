import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesced, Grip, listenToPen, toPoints } from "../src/pen.js";

const BOX = { left: 100, top: 50, width: 200, height: 200 };

/** @param {Record<string, any>} [rest] @returns {any} */
function press(rest = {}) {
  return {
    pointerId: 1,
    pointerType: "mouse",
    button: 0,
    isPrimary: true,
    ctrlKey: false,
    timeStamp: 10_000,
    width: 1,
    height: 1,
    ...rest,
  };
}

/** @param {number} clientX @param {number} clientY @param {Record<string, any>} [rest] @returns {any} */
const at = (clientX, clientY, rest = {}) => ({
  clientX,
  clientY,
  timeStamp: 0,
  pointerType: "mouse",
  pressure: 0.5,
  ...rest,
});

test("positions are board units, whatever the size on screen", () => {
  const [point] = toPoints([at(200, 100)], BOX, 400, null);
  assert.deepEqual([point.x, point.y], [200, 100]);
});

test("a pointer that leaves the board draws along its edge", () => {
  const points = toPoints([at(0, 100), at(900, 900)], BOX, 400, null);
  assert.deepEqual(points.map(({ x, y }) => [x, y]), [[0, 100], [400, 400]]);
});

test("a point that repeats the one before is dropped", () => {
  const last = toPoints([at(150, 60)], BOX, 400, null)[0];
  const points = toPoints([at(150, 60), at(151, 60), at(151, 60)], BOX, 400, last);
  assert.equal(points.length, 1);
});

test("only a pen has pressure, and its lift does not thin the line", () => {
  const pen = { pointerType: "pen" };
  const points = toPoints(
    [at(110, 60, { ...pen, pressure: 0.3 }), at(120, 60, { ...pen, pressure: 0 })],
    BOX,
    400,
    null,
  );
  assert.deepEqual(points.map(({ pressure }) => pressure), [0.3, 0.3]);
  assert.equal(toPoints([at(110, 60)], BOX, 400, null)[0].pressure, 1);
});

test("time never runs backwards", () => {
  const points = toPoints([at(110, 60, { timeStamp: 20 }), at(120, 60, { timeStamp: 15 })], BOX, 400, null);
  assert.deepEqual(points.map(({ time }) => time), [20, 20]);
});

test("coalesced positions are all used; an event without any stands for itself", () => {
  const many = { getCoalescedEvents: () => [1, 2, 3] };
  const none = { getCoalescedEvents: () => [] };
  const old = {};
  assert.deepEqual(coalesced(many), [1, 2, 3]);
  assert.deepEqual(coalesced(none), [none]);
  assert.deepEqual(coalesced(old), [old]);
});

for (const [name, event] of /** @type {[string, any][]} */ ([
  ["the right button", press({ button: 2 })],
  ["the middle button", press({ button: 1 })],
  ["a Mac's context click", press({ ctrlKey: true })],
  ["a second finger", press({ pointerType: "touch", isPrimary: false })],
  ["a palm", press({ pointerType: "touch", width: 90, height: 70 })],
])) {
  test(`${name} does not draw`, () => assert.equal(new Grip().press(event), "ignore"));
}

test("one pointer draws at a time", () => {
  const grip = new Grip();
  assert.equal(grip.press(press({ pointerType: "touch" })), "draw");
  assert.equal(grip.press(press({ pointerId: 2 })), "ignore");
  assert.equal(grip.holds({ pointerId: 1 }), true);
  grip.release();
  assert.equal(grip.press(press({ pointerId: 2 })), "draw");
});

test("a hand that rests beside the pen does not draw, later it does", () => {
  const grip = new Grip();
  grip.notice({ pointerType: "pen", timeStamp: 9_800 });
  assert.equal(grip.press(press({ pointerType: "touch" })), "ignore");
  assert.equal(grip.press(press({ pointerType: "touch", timeStamp: 12_000 })), "draw");
});

test("the pen takes over from the hand that touched first", () => {
  const grip = new Grip();
  grip.press(press({ pointerType: "touch" }));
  assert.equal(grip.press(press({ pointerType: "pen", pointerId: 5 })), "replace");
  assert.equal(grip.holds({ pointerId: 5 }), true);
});

/** A canvas that listens, and what a hand on it does. @param {Grip} [grip] */
function board(grip = new Grip()) {
  /** @type {any} */
  const canvas = new EventTarget();
  /** @type {number[]} */
  const captured = [];
  canvas.setPointerCapture = (/** @type {number} */ id) => captured.push(id);
  canvas.getBoundingClientRect = () => BOX;
  canvas.focus = () => {};
  /** @type {any[]} */
  const log = [];
  const hand = {
    begin: () => log.push("begin"),
    extend: (/** @type {any[]} */ points) => log.push(points.map(({ x }) => x)),
    finish: () => log.push("finish"),
    takeBack: () => log.push("takeBack"),
  };
  const life = new AbortController();
  listenToPen(canvas, () => 400, hand, grip, life.signal);
  /** @param {string} type @param {any} fields */
  const fire = (type, fields) => {
    const event = new Event(type, { cancelable: true });
    for (const [name, value] of Object.entries(fields)) Object.defineProperty(event, name, { value });
    canvas.dispatchEvent(event);
    return event;
  };
  return { fire, log, captured, life };
}

test("a stroke from press to lift, with the pointer captured and coalesced points kept", () => {
  const { fire, log, captured } = board();
  const down = fire("pointerdown", { ...press(), ...at(110, 60) });
  const positions = [at(120, 60), at(130, 60)];
  fire("pointermove", { ...press(), ...at(130, 60), getCoalescedEvents: () => positions });
  fire("pointerup", { ...press(), ...at(140, 60) });
  fire("pointermove", { ...press(), ...at(150, 60) });
  assert.deepEqual(log, ["begin", [20], [40, 60], [80], "finish"]);
  assert.deepEqual(captured, [1]);
  assert.equal(down.defaultPrevented, true);
});

test("a hovering pointer and another pointer do not draw", () => {
  const { fire, log } = board();
  fire("pointermove", { ...press(), ...at(110, 60) });
  fire("pointerdown", { ...press(), ...at(110, 60) });
  fire("pointermove", { ...press({ pointerId: 2 }), ...at(120, 60) });
  fire("pointerup", { ...press({ pointerId: 2 }), ...at(120, 60) });
  assert.deepEqual(log, ["begin", [20]]);
});

for (const name of ["pointercancel", "lostpointercapture"]) {
  test(`${name} ends the stroke and keeps it, once`, () => {
    const { fire, log } = board();
    fire("pointerdown", { ...press(), ...at(110, 60) });
    fire(name, press());
    fire(name, press());
    assert.deepEqual(log, ["begin", [20], "finish"]);
  });
}

test("a palm's stroke is taken back when the pen comes down", () => {
  const { fire, log } = board();
  fire("pointerdown", { ...at(110, 60), ...press({ pointerType: "touch" }) });
  fire("pointerdown", { ...at(150, 60), ...press({ pointerType: "pen", pointerId: 2, pressure: 0.4 }) });
  assert.deepEqual(log, ["begin", [20], "takeBack", "begin", [100]]);
});

test("a view that goes away ends its stroke and listens no more", () => {
  const { fire, log, life } = board();
  fire("pointerdown", { ...press(), ...at(110, 60) });
  life.abort();
  fire("pointerdown", { ...press(), ...at(110, 60) });
  assert.deepEqual(log, ["begin", [20], "finish"]);
});

test("a mouse or a pen that moves with nothing pressed has been lifted unseen; a finger says nothing of buttons", () => {
  for (const pointerType of ["mouse", "pen", "touch"]) {
    const { fire, log } = board();
    fire("pointerdown", { ...at(110, 60), ...press({ pointerType, pressure: 0.5 }) });
    fire("pointermove", { ...at(120, 60), ...press({ pointerType, pressure: 0.5, buttons: 1 }) });
    fire("pointermove", { ...at(130, 60), ...press({ pointerType, pressure: 0.5, buttons: 0 }) });
    fire("pointermove", { ...at(140, 60), ...press({ pointerType, pressure: 0.5, buttons: 0 }) });
    const rest = pointerType === "touch" ? [[60], [80]] : ["finish"];
    assert.deepEqual(log, ["begin", [20], [40], ...rest], pointerType);
  }
});

test("a pointer that goes down again begins anew, whatever became of its lift", () => {
  const { fire, log } = board();
  fire("pointerdown", { ...press(), ...at(110, 60) });
  fire("pointerdown", { ...press(), ...at(110, 60) });
  assert.deepEqual(log, ["begin", [20], "begin", [20]]);
});

test("on two canvases of one drawing one pointer draws at a time, and the end of one view leaves the other alone", () => {
  const grip = new Grip();
  const [left, right] = [board(grip), board(grip)];
  left.fire("pointerdown", { ...at(110, 60), ...press({ pointerType: "touch", pointerId: 7 }) });
  right.fire("pointerdown", { ...at(110, 60), ...press() });
  assert.deepEqual(right.log, []);
  right.life.abort();
  left.fire("pointermove", { ...at(120, 60), ...press({ pointerType: "touch", pointerId: 7 }) });
  left.fire("pointerup", { ...at(130, 60), ...press({ pointerType: "touch", pointerId: 7 }) });
  assert.deepEqual(left.log, ["begin", [20], [40], [60], "finish"]);
});
