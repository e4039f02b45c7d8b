// Which strokes of a drawing are enough for its label, as the kernel says.

/** @typedef {import("./protocol.js").FewestMessage} FewestMessage */

/** @type {FewestMessage} */
const OFF = { type: "fewest", offered: false, on: false };

export class Fewest {
  #said = OFF;
  /** Left here, while the kernel may still speak of it. */
  #left = false;

  /** Whether there is somebody to ask. */
  get offered() {
    return this.#said.offered;
  }

  get on() {
    return this.#said.on && !this.#left;
  }

  get busy() {
    return this.on && Boolean(this.#said.busy);
  }

  /** Part of the search that is done, 0..1; null where nobody knows. */
  get share() {
    return this.on ? (this.#said.share ?? null) : null;
  }

  get text() {
    return this.on ? (this.#said.text ?? "") : "";
  }

  get note() {
    return this.on ? (this.#said.note ?? "") : "";
  }

  /**
   * Whether a stroke is not needed, so far as is known.
   *
   * @param {number} id
   */
  spares(id) {
    const { kept } = this.#said;
    return this.on && Boolean(kept) && !kept?.includes(id);
  }

  /** @param {FewestMessage} message */
  receive(message) {
    this.#said = message;
    if (!message.on) this.#left = false;
  }

  /** Asked for: what the kernel says next counts. */
  ask() {
    this.#left = false;
  }

  /** Not wanted any more, at once and not only when the kernel knows. False where it was not on. */
  leave() {
    if (!this.on) return false;
    this.#left = true;
    return true;
  }
}
