import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { CHECK, Delivery, LONGEST } from "../src/delivery.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** Time passes, in steps: node 20 starts what is due in a step only at its end. @param {number} ms */
function pass(ms) {
  for (let gone = 0; gone < ms; gone += 100) mock.timers.tick(100);
}

/** The kernel's side, as sketchwidgets/widgets/board/_inbox.py: in order, each number once. */
class Kernel {
  seen = 0;
  /** @type {string[]} what it has applied, in order */
  applied = [];
  /** @type {Map<number, any>} */
  #held = new Map();

  /** @param {any} content @returns {any} an answer, if one is due */
  take(content) {
    if (content.type === "check") {
      return { type: "seen", client: content.client, check: content.check, seen: this.seen };
    }
    if (content.seq > this.seen) this.#held.set(content.seq, content);
    for (let next; (next = this.#held.get(this.seen + 1)); ) {
      this.#held.delete(++this.seen);
      this.applied.push(next.type);
    }
  }
}

function setUp() {
  /** @type {{ content: any, buffers: any[] | undefined }[]} */
  const sent = [];
  const delivery = new Delivery((content, buffers) => void sent.push({ content, buffers }), "page");
  /** What was sent since the last look. */
  const news = () => sent.splice(0).map(({ content }) => (content.type === "check" ? "?" : content.seq));
  return { sent, delivery, news };
}

test("messages are numbered, and the kernel is asked once what has arrived", () => {
  const { sent, delivery, news } = setUp();
  const points = new ArrayBuffer(16);
  delivery.send({ type: "points" }, [points]);
  delivery.send({ type: "undo" });
  assert.deepEqual(sent, [
    { content: { type: "points", seq: 1, client: "page" }, buffers: [points] },
    { content: { type: "undo", seq: 2, client: "page" }, buffers: [] },
  ]);
  assert.equal(delivery.pending, true);
  news();
  pass(CHECK);
  assert.deepEqual(sent, [{ content: { type: "check", client: "page", check: 1, confirmed: 0 }, buffers: undefined }]);
  delivery.answered({ type: "seen", client: "page", check: 1, seen: 2 });
  assert.equal(delivery.pending, false);
  news();
  pass(10 * LONGEST);
  assert.deepEqual(news(), []);
});

test("what came before the question and did not arrive is sent again, points and all", () => {
  const { sent, delivery, news } = setUp();
  const points = new ArrayBuffer(16);
  delivery.send({ type: "undo" });
  delivery.send({ type: "points", stroke: 2 }, [points]);
  delivery.send({ type: "clear" });
  pass(CHECK);
  delivery.send({ type: "redo" });
  news();
  delivery.answered({ type: "seen", client: "page", check: 1, seen: 1 });
  assert.deepEqual(sent[0], { content: { type: "points", stroke: 2, seq: 2, client: "page" }, buffers: [points] });
  assert.deepEqual(news(), [2, 3]);
});

test("an answer to an older question, to another page, or given twice sends nothing", () => {
  const { delivery, news } = setUp();
  delivery.send({ type: "undo" });
  pass(3 * CHECK);
  assert.deepEqual(news(), [1, "?", "?"]);
  delivery.answered({ type: "seen", client: "page", check: 1, seen: 0 });
  delivery.answered({ type: "seen", client: "other", check: 2, seen: 0 });
  assert.deepEqual(news(), []);
  delivery.answered({ type: "seen", client: "page", check: 2, seen: 0 });
  delivery.answered({ type: "seen", client: "page", check: 2, seen: 0 });
  assert.deepEqual(news(), [1]);
});

test("a kernel that does not answer is asked ever more rarely, and as often as at first once it does", () => {
  const { delivery, news } = setUp();
  delivery.send({ type: "undo" });
  pass(600_000);
  const asked = news().filter((item) => item === "?").length;
  assert.ok(asked >= 600_000 / LONGEST && asked <= 600_000 / LONGEST + 5, `${asked}`);
  delivery.answered({ type: "seen", client: "page", check: asked, seen: 0 });
  assert.deepEqual(news(), [1]);
  pass(CHECK);
  assert.deepEqual(news(), ["?"]);
});

test("a confirmation from before takes nothing back; one from elsewhere counts", () => {
  const { delivery } = setUp();
  delivery.send({ type: "undo" });
  delivery.send({ type: "undo" });
  delivery.confirm(2);
  delivery.confirm(1);
  assert.equal(delivery.pending, false);
});

test("whatever is lost, late or twice on the way, the kernel applies everything once and in order", () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const chance = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const kernel = new Kernel();
    /** @type {(() => void)[]} on its way, either direction */
    let way = [];
    /** @param {() => void} arrive */
    const travel = (arrive) => {
      if (chance() < 0.4) return;
      way.push(arrive);
      if (chance() < 0.1) way.push(arrive);
    };
    const delivery = new Delivery((content) => {
      travel(() => {
        const answer = kernel.take(content);
        if (answer) travel(() => delivery.answered(answer));
      });
    }, "page");
    const arrive = () => {
      const due = way.filter(() => chance() < 0.7);
      way = way.filter((item) => !due.includes(item));
      for (const item of due.sort(() => chance() - 0.5)) item();
    };
    const wanted = [];
    for (let n = 0; n < 30; n++) {
      wanted.push(`message ${n}`);
      delivery.send({ type: `message ${n}` });
      if (chance() < 0.5) arrive();
      pass(300);
    }
    for (let rounds = 0; delivery.pending && rounds < 500; rounds++) {
      arrive();
      pass(1000);
    }
    assert.deepEqual(kernel.applied, wanted, `seed ${seed}`);
    assert.equal(delivery.pending, false, `seed ${seed}`);
    delivery.stop();
  }
});

test("a delivery that is paused asks nothing, and goes on with all that it has", () => {
  const { delivery, news } = setUp();
  delivery.send({ type: "undo" });
  delivery.pause();
  delivery.send({ type: "redo" });
  pass(5 * LONGEST);
  assert.deepEqual(news(), [1, 2]);
  delivery.resume();
  pass(CHECK);
  assert.deepEqual(news(), ["?"]);
  delivery.answered({ type: "seen", client: "page", check: 1, seen: 0 });
  assert.deepEqual(news(), [1, 2]);
});
