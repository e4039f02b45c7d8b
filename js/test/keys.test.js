import assert from "node:assert/strict";
import { test } from "node:test";
import { keepKeys, passes } from "../src/keys.js";

const NONE = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };
const page = /** @type {any} */ (globalThis);

/** An element of the page, as far as it matters: what it lies in, and its attributes. */
class FakeElement {
  attributes = new Map();

  /** @param {string} within a class of what it lies in */
  constructor(within) {
    this.within = within;
  }

  /** @param {string} selector */
  closest(selector) {
    return selector.split(", ").includes(this.within) ? this : null;
  }

  /** @param {string} name @param {string} value */
  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  /** @param {string} name */
  removeAttribute(name) {
    this.attributes.delete(name);
  }
}

/** The listeners for keys in a window of the test's own. @param {import("node:test").TestContext} t */
function fakeWindow(t) {
  /** @type {((event: any) => void)[]} */
  const listeners = [];
  page.Element = FakeElement;
  page.window = {
    addEventListener: (/** @type {string} */ _type, /** @type {any} */ listener) => listeners.push(listener),
    removeEventListener: (/** @type {string} */ _type, /** @type {any} */ listener) => listeners.splice(listeners.indexOf(listener), 1),
  };
  t.after(() => {
    delete page.window;
    delete page.Element;
  });
  return listeners;
}

test("of all keys, JupyterLab gets those that run the cell, and commands that do not change the cells", () => {
  const asked = (/** @type {string} */ key, /** @type {Partial<typeof NONE>} */ held = {}) => passes({ ...NONE, key, ...held });
  for (const key of ["b", "d", "a", "x", "z", "m", "Enter", "Escape", "ArrowUp", "0", " "]) {
    assert.ok(!asked(key), key);
  }
  for (const held of [{ ctrlKey: true }, { metaKey: true }]) {
    assert.ok(asked("s", held));
    assert.ok(asked("S", { ...held, shiftKey: true }));
    assert.ok(asked("C", { ...held, shiftKey: true }));
    assert.ok(asked("Enter", held));
    for (const key of ["z", "y", "a", "m", "Backspace", "ArrowUp", "-"]) assert.ok(!asked(key, held), key);
    for (const key of ["Z", "M", "ArrowUp"]) assert.ok(!asked(key, { ...held, shiftKey: true }), key);
    assert.ok(!asked("s", { ...held, altKey: true }));
  }
  assert.ok(asked("Enter", { shiftKey: true }));
  assert.ok(!asked("M", { shiftKey: true }));
  assert.ok(!asked("Enter", { altKey: true })); // it would insert a cell
});

test("with each key it is decided whether the element that has the focus keeps it", (t) => {
  const [press] = [fakeWindow(t)].map((listeners) => (/** @type {any} */ event) => listeners.forEach((listener) => listener(event)));
  const life = new AbortController();
  keepKeys(life.signal);
  const ours = new FakeElement(".skw-explorer");
  const theirs = new FakeElement(".jp-Cell");
  for (const target of [ours, theirs]) press({ ...NONE, key: "b", target });
  assert.deepEqual([...ours.attributes], [["data-lm-suppress-shortcuts", "true"]]);
  assert.equal(theirs.attributes.size, 0);
  press({ ...NONE, ctrlKey: true, key: "s", target: ours });
  assert.equal(ours.attributes.size, 0);
  press({ ...NONE, key: "d", target: ours });
  assert.equal(ours.attributes.size, 1);
  life.abort();
});

test("many views, of models with modules of their own, have one listener, which ends with the last of them", async (t) => {
  const listeners = fakeWindow(t);
  const another = await import(`../src/keys.js?${"another"}`);
  const lives = [new AbortController(), new AbortController(), new AbortController()];
  keepKeys(lives[0].signal);
  another.keepKeys(lives[1].signal);
  keepKeys(lives[2].signal);
  assert.equal(listeners.length, 1);
  lives[0].abort();
  lives[2].abort();
  assert.equal(listeners.length, 1);
  lives[1].abort();
  assert.equal(listeners.length, 0);
  const again = new AbortController();
  keepKeys(again.signal);
  assert.equal(listeners.length, 1);
  again.abort();
});
