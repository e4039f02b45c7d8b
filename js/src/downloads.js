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

export class Downloads {
  #store;
  /** @type {Map<number, () => void>} what is asked for, and what to do when it has come */
  #waiting = new Map();
  #number = 0;

  /** @param {import("./store.js").Store<any>} store */
  constructor(store) {
    this.#store = store;
  }

  /**
   * Ask the kernel for a file.
   *
   * @param {Format} format
   * @param {() => void} done called when it has come, or cannot
   */
  ask(format, done) {
    const number = ++this.#number;
    this.#waiting.set(number, done);
    const { link, client } = this.#store;
    link.send({ type: "export", format, client, number });
    if (!link.alive) this.#finish(number);
  }

  /**
   * An "export" message: the file, or with no name that there is none.
   *
   * @param {{ format: Format, client: string, number: number, name: string | null }} content
   * @param {Buffer[]} buffers
   */
  receive({ format, client, number, name }, buffers) {
    if (client !== this.#store.client || !this.#waiting.has(number)) return;
    this.#finish(number);
    if (name === null) return;
    saveFile(name, new Blob([bytes(buffers[0]).slice()], { type: FORMATS[format].type }));
  }

  /** @param {number} number */
  #finish(number) {
    this.#waiting.get(number)?.();
    this.#waiting.delete(number);
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
