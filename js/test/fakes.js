// The little of a browser and of a widget model that the tests need.

/** A model that records what is sent, and delivers messages as the kernel would. */
export class FakeModel {
  /** @type {{ content: any, buffers: any[] }[]} */
  sent = [];
  broken = false;
  saved = 0;
  /** @type {Map<string, Set<(...args: any[]) => void>>} */
  #listeners = new Map();
  #traits;

  /** @param {Record<string, any>} [traits] */
  constructor(traits = {}) {
    this.#traits = traits;
  }

  get listeners() {
    return [...this.#listeners.values()].reduce((n, set) => n + set.size, 0);
  }

  /** @param {string} name */
  get(name) {
    return this.#traits[name];
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    this.#traits[name] = value;
    this.trigger(`change:${name}`);
  }

  save_changes() {
    this.saved += 1;
  }

  /** @param {string} name @param {(...args: any[]) => void} callback */
  on(name, callback) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(callback));
  }

  /** @param {string} name @param {(...args: any[]) => void} callback */
  off(name, callback) {
    this.#listeners.get(name)?.delete(callback);
  }

  /** @param {string} name @param {...any} args */
  trigger(name, ...args) {
    for (const callback of [...(this.#listeners.get(name) ?? [])]) callback(...args);
  }

  /** @param {any} content @param {unknown} _callbacks @param {any[]} buffers */
  send(content, _callbacks, buffers) {
    if (this.broken) throw new Error("the comm is closed");
    this.sent.push({ content, buffers });
  }

  /** A message of the kernel. @param {any} content @param {any[]} [buffers] */
  deliver(content, buffers = []) {
    this.trigger("msg:custom", content, buffers);
  }

  /** What was sent of one type. @param {string} type */
  of(type) {
    return this.sent.map(({ content }) => content).filter((content) => content.type === type);
  }

  /** Itself, as the types want it. @returns {any} */
  get any() {
    return this;
  }
}

/** Animation frames that come when the test says so. */
export class Frames {
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {() => void} callback */
  request = (callback) => this.#waiting.push(callback);

  /** One frame: what is requested meanwhile waits for the next. */
  next() {
    const due = this.#waiting;
    this.#waiting = [];
    for (const callback of due) callback();
  }
}

/** Put the frames in the place of the browser's. */
export function fakeFrames() {
  const frames = new Frames();
  /** @type {any} */ (globalThis).requestAnimationFrame = frames.request;
  return frames;
}
