import assert from "node:assert/strict";
import { resolveObjectURL } from "node:buffer";
import { test } from "node:test";
import { FORMATS } from "../src/downloads.js";
import { target } from "../src/grid_section.js";
import { cutTile, GridStore, rgba, shrunk } from "../src/grid_store.js";
import { FakeModel, fakeFrames } from "./fakes.js";

function setUp() {
  const frames = fakeFrames();
  const model = new FakeModel({ tile: 96, selectable: false, selected: null, _hovers: true });
  const store = new GridStore(model.any, new AbortController().signal);
  store.mount(new AbortController().signal);
  model.deliver({ type: "status", text: "" }); // the hello is answered
  return { frames, model, store };
}

/** @param {number} value @param {number} offset @returns {any} */
const picture = (value, offset) => ({ kind: "picture", caption: String(value), h: 1, w: 2, depth: 1, offset });

/** @param {...number} values one tile each */
function figure(...values) {
  const tiles = values.map((value, i) => picture(value, 2 * i));
  const content = { type: "figure", frame: null, title: "t", sections: [{ title: "s", caption: "", columns: null, side: 96, tiles }] };
  return { content, buffers: [new DataView(new Uint8Array(values.flatMap((v) => [v, v + 1])).buffer)] };
}

test("a figure and then single tiles of it, with their pixels", () => {
  const { model, store } = setUp();
  /** @type {any[]} */
  const log = [];
  const { signal } = new AbortController();
  store.listen("figure", () => log.push("figure"), signal);
  store.listen("tile", (place) => log.push(place), signal);
  const { content, buffers } = figure(10, 20);
  model.deliver(content, buffers);
  assert.deepEqual([.../** @type {any} */ (store.at(0, 1)).pixels], [20, 21]);
  model.deliver({ type: "tiles", frame: null, tiles: [[0, 1, picture(50, 0)], [3, 0, picture(1, 0)]] }, [new Uint8Array([50, 51])]);
  assert.deepEqual([.../** @type {any} */ (store.at(0, 1)).pixels], [50, 51]);
  assert.deepEqual([.../** @type {any} */ (store.at(0, 0)).pixels], [10, 11]);
  assert.deepEqual(log, ["figure", [0, 1]]);
  assert.equal(store.error, null);
});

test("a message that does not fit its buffer changes nothing and is shown as an error", () => {
  const { model, store } = setUp();
  const good = figure(10, 20);
  model.deliver(good.content, good.buffers);
  const bad = figure(30, 40);
  bad.content.sections[0].tiles[1].offset = 3;
  model.deliver(bad.content, bad.buffers);
  assert.deepEqual([.../** @type {any} */ (store.at(0, 0)).pixels], [10, 11]);
  assert.match(store.error?.message ?? "", /ends at byte 5 of 4/);
});

test("pixels lie where the view into a larger buffer says", () => {
  const shared = new Uint8Array([9, 9, 1, 2, 3]);
  const tile = cutTile(/** @type {any} */ ({ kind: "picture", h: 1, w: 2, depth: 1, offset: 1 }), shared.subarray(2));
  assert.deepEqual([.../** @type {any} */ (tile).pixels], [2, 3]);
});

test("grey, RGB and RGBA become RGBA", () => {
  const cases = /** @type {[number, number[], number[]][]} */ ([
    [1, [7, 8], [7, 7, 7, 255, 8, 8, 8, 255]],
    [3, [1, 2, 3, 4, 5, 6], [1, 2, 3, 255, 4, 5, 6, 255]],
    [4, [1, 2, 3, 0, 4, 5, 6, 9], [1, 2, 3, 0, 4, 5, 6, 9]],
  ]);
  for (const [depth, values, wanted] of cases) {
    assert.deepEqual([...rgba({ pixels: new Uint8Array(values), depth, w: 2, h: 1 })], wanted);
  }
});

test("the pointer is told once a frame, and not while the kernel is busy with the last place", () => {
  const { frames, model, store } = setUp();
  for (const x of [0.1, 0.2, 0.3]) store.hover({ section: 0, tile: 1, x, y: 0.5 });
  frames.next();
  assert.deepEqual(model.of("hover"), [{ type: "hover", section: 0, tile: 1, x: 0.3, y: 0.5 }]);
  store.hover({ section: 0, tile: 2, x: 0.4, y: 0 });
  frames.next();
  store.hover({ section: 0, tile: 3, x: 0.5, y: 0 });
  frames.next();
  assert.equal(model.of("hover").length, 1);
  model.deliver({ type: "hovered" });
  assert.deepEqual(model.of("hover")[1], { type: "hover", section: 0, tile: 3, x: 0.5, y: 0 });
  model.deliver({ type: "hovered" });
  assert.equal(model.of("hover").length, 2);
});

test("that the pointer has left is told once, and nothing where nobody asks", () => {
  const { frames, model, store } = setUp();
  store.hover(null);
  frames.next();
  assert.equal(model.of("hover").length, 0);
  store.hover({ section: 0, tile: 0, x: 0, y: 0 });
  store.hover(null);
  store.hover(null);
  frames.next();
  assert.deepEqual(model.of("hover"), [{ type: "hover", section: null }]);
  model.set("_hovers", false);
  store.hover({ section: 0, tile: 0, x: 0, y: 0 });
  frames.next();
  assert.equal(model.of("hover").length, 1);
});

test("a download ends with its answer, with one that says it failed, and where the kernel is gone", () => {
  const { model, store } = setUp();
  /** @type {string[]} */
  const done = [];
  store.downloads.ask("png", () => done.push("first"));
  const [{ client, number }] = model.of("export");
  model.deliver({ type: "export", format: "png", client: "another page", number, name: null });
  assert.equal(done.length, 0);
  model.deliver({ type: "export", format: "png", client, number, name: null });
  model.broken = true;
  store.downloads.ask("svg", () => done.push("second"));
  assert.deepEqual(done, ["first", "second"]);
});

test("all downloads that wait end when the kernel is found to be gone, as after a restart", () => {
  const { model, store } = setUp();
  /** @type {string[]} */
  const done = [];
  store.downloads.ask("png", () => done.push("png"));
  store.downloads.ask("svg", () => done.push("svg"));
  assert.deepEqual(done, []);
  model.broken = true;
  model.trigger("comm_live_update");
  assert.deepEqual(done, ["png", "svg"]);
});

test("a file that does not come is given up with a notice, and saved when it comes after all", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, store } = setUp();
  let done = 0;
  store.downloads.ask("pdf", () => (done += 1));
  t.mock.timers.tick(50_000);
  assert.equal(done, 0);
  t.mock.timers.tick(20_000);
  assert.equal(done, 1);
  assert.match(store.status, /PDF has not come/);
  const { client, number } = model.of("export")[0];
  let clicks = 0;
  const page = /** @type {any} */ (globalThis);
  page.document = { createElement: () => ({ click: () => (clicks += 1) }) };
  t.after(() => delete page.document);
  model.deliver({ type: "export", format: "pdf", client, number, name: "f.pdf" }, [new DataView(new ArrayBuffer(3))]);
  assert.deepEqual([done, clicks, store.status], [1, 1, ""]);
});

test("what the kernel says is not taken away by a file that comes late", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, store } = setUp();
  store.downloads.ask("png", () => {});
  t.mock.timers.tick(70_000);
  model.deliver({ type: "status", text: "computing" });
  const { client, number } = model.of("export")[0];
  model.deliver({ type: "export", format: "png", client, number, name: null });
  assert.equal(store.status, "computing");
});

test("a file that has come is handed to the browser under its name and as what it is", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] }); // its address is kept for a minute
  const { model, store } = setUp();
  /** @type {any[]} */
  const links = [];
  const createElement = () => links[links.push({ click() {} }) - 1];
  const page = /** @type {any} */ (globalThis);
  page.document = { createElement };
  t.after(() => delete page.document);
  for (const format of /** @type {import("../src/downloads.js").Format[]} */ (Object.keys(FORMATS))) {
    let done = false;
    store.downloads.ask(format, () => (done = true));
    const { client, number } = model.of("export").at(-1);
    const file = new TextEncoder().encode(`of ${format}`);
    model.deliver({ type: "export", format, client, number, name: `f.${format}` }, [new DataView(file.buffer)]);
    assert.ok(done);
    const link = links.at(-1);
    assert.equal(link.download, `f.${format}`);
    const saved = /** @type {Blob} */ (/** @type {unknown} */ (resolveObjectURL(link.href)));
    assert.equal(saved.type, FORMATS[format].type);
    assert.equal(await saved.text(), `of ${format}`);
  }
  assert.deepEqual(
    links.map(({ download }) => download),
    ["f.png", "f.svg", "f.pdf"],
  );
});

test("arrow keys walk in reading order, and up and down to the nearest of the next row", () => {
  // Two rows: three tiles, and two that are wider.
  const tops = [0, 0, 0, 50, 50];
  const lefts = [0, 40, 80, 0, 90];
  const walk = (/** @type {string} */ key, /** @type {number} */ at) => target(key, at, tops, lefts);
  assert.equal(walk("ArrowRight", 2), 3);
  assert.equal(walk("ArrowRight", 4), 4);
  assert.equal(walk("ArrowLeft", 0), 0);
  assert.equal(walk("ArrowDown", 2), 4);
  assert.equal(walk("ArrowDown", 1), 3);
  assert.equal(walk("ArrowUp", 4), 2);
  assert.equal(walk("ArrowUp", 1), 1);
  assert.equal(walk("End", 0), 4);
  assert.equal(walk("Home", 4), 0);
  assert.equal(walk("a", 1), null);
});

test("a picture made smaller is the mean of squares", () => {
  const grey = [0, 100, 200, 100, 0, 40, 20, 60, 80]; // 3 x 3
  const small = shrunk(rgba({ pixels: new Uint8Array(grey), depth: 1, w: 3, h: 3 }), 3, 3, 2);
  assert.deepEqual([small.w, small.h], [2, 2]);
  assert.deepEqual([0, 4, 8, 12].map((i) => small.data[i]), [50, 120, 40, 80]);
  assert.deepEqual([3, 7, 11, 15].map((i) => small.data[i]), [255, 255, 255, 255]);
});
