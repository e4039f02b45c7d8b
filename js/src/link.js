// The way to the kernel, and the news that it is gone.

/** @typedef {import("@anywidget/types").AnyModel<any>} Model */

export class Link {
  /** False once the kernel has been restarted or shut down, or does not answer. */
  alive = true;
  /** Whether it is not alive because nothing was heard of it; it may be at work. */
  silent = false;
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
   * Send a message; one that cannot be sent is dropped and `alive` says so. That one could be sent says nothing: without
   * a comm, as in a notebook that was opened with its widgets and no kernel, ipywidgets drops it and does not tell.
   *
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  send(content, buffers = []) {
    try {
      this.#model.send(content, undefined, buffers);
    } catch {
      this.#set(false);
      return;
    }
    // Not every host tells.
    if (/** @type {any} */ (this.#model).comm_live === false) this.#set(false);
  }

  /** Something came from the kernel. */
  heard() {
    this.silent = false;
    this.#set(true);
  }

  /** The kernel was asked again and again, and nothing has come. */
  unheard() {
    this.silent = this.alive;
    this.#set(false);
  }

  /** @param {boolean} alive */
  #set(alive) {
    if (alive === this.alive) return;
    this.alive = alive;
    this.#changed();
  }
}
