// The way to the kernel, and the news that it is gone.

/** @typedef {import("@anywidget/types").AnyModel<any>} Model */

export class Link {
  /** False once the kernel has been restarted or shut down. */
  alive = true;
  #model;
  #changed;

  /**
   * @param {Model} model
   * @param {() => void} changed called when `alive` changes
   */
  constructor(model, changed) {
    this.#model = model;
    this.#changed = changed;
  }

  /**
   * Send a message; one that cannot be sent is dropped and `alive` says so.
   *
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  send(content, buffers = []) {
    try {
      this.#model.send(content, undefined, buffers);
      this.#set(true);
    } catch {
      this.#set(false);
    }
  }

  /** @param {boolean} alive */
  #set(alive) {
    if (alive === this.alive) return;
    this.alive = alive;
    this.#changed();
  }
}
