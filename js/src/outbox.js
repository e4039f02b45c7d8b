// Strokes on their way to the kernel: one binary message per animation frame, operations in order.
import { Delivery } from "./delivery.js";
import { encodePoints } from "./protocol.js";

/** @typedef {import("./protocol.js").Stroke} Stroke */

export class Outbox {
  /** @type {{ stroke: Stroke, sent: number } | null} */
  #open = null;
  /** @type {number | null | undefined} the step to send; undefined: none waits */
  #step;
  #scheduled = false;
  #schedule;

  /**
   * @param {(content: Record<string, any>, buffers?: ArrayBuffer[]) => void} send
   * @param {string} client names this page, since numbers count from 1 in each
   * @param {(callback: () => void) => unknown} [schedule] the next animation frame
   */
  constructor(send, client, schedule = (callback) => requestAnimationFrame(callback)) {
    this.delivery = new Delivery(send, client);
    this.#schedule = schedule;
  }

  /** True while something waits for its frame. */
  get waiting() {
    return this.#open !== null || this.#step !== undefined;
  }

  /** @param {Stroke} stroke has grown */
  grow(stroke) {
    this.#open ??= { stroke, sent: 0 };
    this.#later();
  }

  /**
   * The stroke has ended: its last points go out now, the answer should not wait for a frame.
   *
   * @param {Stroke} stroke
   * @param {number} upMs performance.now() at pointer-up
   */
  end(stroke, upMs) {
    this.#open ??= { stroke, sent: 0 };
    this.#points(true, upMs);
  }

  /** @param {"undo" | "redo" | "clear" | "fewest" | "fewest_off" | "fewest_stop"} type */
  operate(type) {
    this.flush();
    this.delivery.send({ type });
  }

  /**
   * Scrubbing sends the newest step once a frame.
   *
   * @param {number | null} step
   */
  scrub(step) {
    this.#step = step;
    this.#later();
  }

  /** Send what waits. */
  flush() {
    if (this.#open) this.#points(false);
    if (this.#step !== undefined) {
      const step = this.#step;
      this.#step = undefined;
      this.delivery.send({ type: "scrub", step });
    }
  }

  #later() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /**
   * @param {boolean} end
   * @param {number} [upMs]
   */
  #points(end, upMs) {
    const open = this.#open;
    if (!open) return;
    const { stroke, sent } = open;
    if (stroke.n === sent && !end) return;
    /** @type {Record<string, any>} */
    const content = { type: "points", stroke: stroke.id, first: sent, end };
    if (end) content.up_ms = upMs;
    const buffers = stroke.n > sent ? [encodePoints(stroke, sent, stroke.n)] : [];
    open.sent = stroke.n;
    if (end) this.#open = null;
    this.delivery.send(content, buffers);
  }
}
