import assert from "node:assert/strict";
import { test } from "node:test";
import { PanelsStore } from "../src/panels_store.js";
import { FakeModel, fakeFrames } from "./fakes.js";

function setUp() {
  const frames = fakeFrames();
  const model = new FakeModel({ rule: "guided", top: 9, tile: 64 });
  const store = new PanelsStore(model.any, new AbortController().signal);
  store.mount(new AbortController().signal);
  /** @param {string[]} names @param {any} [rest] */
  const panels = (names, rest = {}) => {
    const tile = { channel: 3, activation: 1, dead: false, box: [0, 0, 1, 1], h: 1, w: 1 };
    const layers = names.map((name, i) => ({ name, title: name, tiles: [{ ...tile, offset: i }] }));
    model.deliver(
      { type: "panels", frame: null, step: 1, replace: false, done: false, since: null, sketch_size: 225, layers, ...rest },
      [new DataView(new Uint8Array(names.map((_, i) => i + 1)).buffer)],
    );
  };
  const stale = () => [...store.rows.values()].filter((row) => row.stale).map(({ name }) => name);
  return { frames, model, store, panels, stale };
}

test("rows are refined message by message; those of the last step are stale until theirs comes", () => {
  const { store, panels, stale } = setUp();
  panels(["relu1", "relu2"], { replace: true, done: true });
  assert.deepEqual(stale(), []);
  panels(["relu1"], { replace: true, step: 2 });
  assert.deepEqual(stale(), ["relu2"]);
  assert.equal(store.rows.get("relu2")?.tiles.length, 1);
  panels(["relu2"], { step: 2, done: true });
  assert.deepEqual(stale(), []);
  assert.equal(store.step, 2);
});

test("views hear which rows are new", () => {
  const { store, panels } = setUp();
  /** @type {string[]} */
  const log = [];
  const { signal } = new AbortController();
  store.listen("rows", () => log.push("rows"), signal);
  store.listen("row", (name) => log.push(name), signal);
  panels(["relu1", "relu2"]);
  assert.deepEqual(log, ["rows", "relu1", "relu2"]);
});

test("announced rows keep the order of the network, whatever is computed first", () => {
  const { store, model, panels } = setUp();
  model.deliver({ type: "rows", rows: ["relu1", "relu2", "relu3"].map((name) => ({ name, title: name })) });
  assert.equal(store.empty, true);
  panels(["relu3"]);
  assert.deepEqual([...store.rows.keys()], ["relu1", "relu2", "relu3"]);
  assert.equal(store.empty, false);
});

test("rows that are no longer announced go away", () => {
  const { store, model, panels } = setUp();
  panels(["relu1", "relu2"]);
  model.deliver({ type: "rows", rows: [{ name: "relu2", title: "relu2" }] });
  assert.deepEqual([...store.rows.keys()], ["relu2"]);
  assert.equal(store.rows.get("relu2")?.tiles.length, 1);
});

test("a message that does not fit changes no row and says so", () => {
  const { store, panels, stale } = setUp();
  panels(["relu1"]);
  const before = store.rows.get("relu1");
  const tile = { channel: 0, activation: 1, dead: false, box: [0, 0, 9, 9], h: 9, w: 9, offset: 0 };
  panels([], { replace: true, layers: [{ name: "relu1", title: "", tiles: [tile] }] });
  assert.equal(store.rows.get("relu1"), before);
  assert.deepEqual(stale(), []);
  assert.match(store.error?.message ?? "", /relu1/);
});

test("an empty drawing takes the tiles and the paper away, the rows stay", () => {
  const { store, model, panels } = setUp();
  panels(["relu1"]);
  model.deliver({ type: "paper", step: 1, size: 2 }, [new Uint8Array([0, 1, 2, 255])]);
  assert.deepEqual([...(store.paper?.ink ?? [])], [0, 1, 2, 255]);
  model.deliver({ type: "empty" });
  assert.deepEqual([store.empty, store.paper, store.rows.size], [true, null, 1]);
});

test("the rows in sight of any view are told once a frame, in order, and only when they change", () => {
  const { store, model, frames, panels } = setUp();
  panels(["relu1", "relu2", "relu3"]);
  const [one, two] = [{}, {}];
  store.see(one, new Set(["relu3"]));
  store.see(two, new Set(["relu1"]));
  frames.next();
  store.see(one, new Set(["relu3"]));
  frames.next();
  store.see(two, null);
  frames.next();
  assert.deepEqual(model.of("visible").map(({ layers }) => layers), [["relu1", "relu3"], ["relu3"]]);
  assert.equal(model.of("visible")[0].client, store.client);
});

test("a frame of panels is confirmed after its paint", () => {
  const { store, model, frames, panels } = setUp();
  panels(["relu1"], { frame: 12 });
  frames.next();
  frames.next();
  assert.deepEqual(model.of("ack"), [{ type: "ack", frame: 12, latency_ms: null, client: store.client }]);
});

test("a choice in the page reaches the model and is saved", () => {
  const { store, model } = setUp();
  store.choose("rule", "deconvnet");
  assert.deepEqual([model.get("rule"), model.saved], ["deconvnet", 1]);
});

test("a hello that is not answered is sent again, one that is answered is not", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, panels } = setUp();
  assert.equal(model.of("hello").length, 1);
  context.mock.timers.tick(2000);
  assert.equal(model.of("hello").length, 2);
  panels(["relu1"]);
  context.mock.timers.tick(60_000);
  assert.equal(model.of("hello").length, 2);
});

test("it is not asked for ever", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { model } = setUp();
  for (let i = 0; i < 20; i++) context.mock.timers.tick(2000);
  assert.equal(model.of("hello").length, 6);
});
