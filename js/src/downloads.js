// Files that the kernel draws, asked for by a page and handed to the browser's downloads.
import { bytes } from "./protocol.js";

/** @typedef {import("./protocol.js").Buffer} Buffer */
/** @typedef {keyof typeof FORMATS} Format */

/** What the kernel can draw: the type of the file, and what its button says of it. */
export const FORMATS = {
  png: { type: "image/png", title: "Download as a picture (PNG)" },
  svg: { type: "image/svg+xml", title: "Download as a drawing with text (SVG)" },
  pdf: { type: "application/pdf", title: "Download as a page to print or to put in a paper (PDF)" },
};

/** Ms after which it is said that a file has not come. A large figure takes seconds; a busy kernel may take any time. */
const PATIENCE = 60_000;

export class Downloads {
  #store;
  /** @type {Map<number, { done: () => void, timer: ReturnType<typeof setTimeout> }>} what is asked for */
  #waiting = new Map();
  /** What was asked for and has not come in time; it is still taken when it comes. @type {Set<number>} */
  #late = new Set();
  /** The status line that was written last. */
  #notice = "";
  #number = 0;

  /** @param {import("./store.js").Store<any>} store */
  constructor(store) {
    this.#store = store;
    // As long as the store lives, which holds this one.
    store.listen("notices", () => !store.link.alive && this.#giveUp(), new AbortController().signal);
  }

  /**
   * Ask the kernel for a file.
   *
   * @param {Format} format
   * @param {() => void} done called when it has come, or cannot, or takes too long
   */
  ask(format, done) {
    const number = ++this.#number;
    const timer = setTimeout(() => this.#miss(number, format), PATIENCE);
    this.#waiting.set(number, { done, timer });
    const { link, client } = this.#store;
    link.send({ type: "export", format, client, number });
    if (!link.alive) this.#giveUp();
  }

  /**
   * An "export" message: the file, or with no name that there is none.
   *
   * @param {{ format: Format, client: string, number: number, name: string | null }} content
   * @param {Buffer[]} buffers
   */
  receive({ format, client, number, name }, buffers) {
    if (client !== this.#store.client || !(this.#waiting.has(number) || this.#late.delete(number))) return;
    this.#finish(number);
    if (this.#notice && this.#store.status === this.#notice) this.#say("");
    if (name === null) return;
    saveFile(name, new Blob([bytes(buffers[0]).slice()], { type: FORMATS[format].type }));
  }

  /** @param {number} number */
  #finish(number) {
    const asked = this.#waiting.get(number);
    this.#waiting.delete(number);
    clearTimeout(asked?.timer);
    asked?.done();
  }

  /** The kernel is gone, or does not answer. */
  #giveUp() {
    for (const number of [...this.#waiting.keys()]) {
      this.#late.add(number);
      this.#finish(number);
    }
  }

  /**
   * @param {number} number
   * @param {Format} format
   */
  #miss(number, format) {
    this.#late.add(number);
    this.#finish(number);
    this.#say(`The ${format.toUpperCase()} has not come. While the kernel is busy it waits, and is saved when it comes; else ask again.`);
  }

  /** @param {string} notice in the status line */
  #say(notice) {
    this.#notice = this.#store.status = notice;
    this.#store.emit("notices", undefined);
  }
}

/**
 * @param {string} name
 * @param {Blob} blob
 */
function saveFile(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
