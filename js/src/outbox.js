// Strokes on their way to the kernel: one binary message per animation frame, operations in order.
import { Delivery } from "./delivery.js";
import { encodePoints } from "./protocol.js";

/** @typedef {import("./protocol.js").Stroke} Stroke */

/** Ms after which a pen that rests on the board says that it is there: the kernel ends the strokes of silent pages. */
export const REST = 2000;

export class Outbox {
  /** @type {{ stroke: Stroke, sent: number } | null} */
  #open = null;
  /** @type {number | null | undefined} the step to send; undefined: none waits */
  #step;
  #scheduled = false;
  #schedule;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

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
    this.#begin(stroke);
    this.#later();
  }

  /** @param {Stroke} stroke */
  #begin(stroke) {
    if (this.#open) return;
    this.#open = { stroke, sent: 0 };
    // It goes to the live end; a step that is sent behind its points would leave the kernel scrubbed back.
    this.#step = undefined;
  }

  /**
   * The stroke has ended: its last points go out now, the answer should not wait for a frame.
   *
   * @param {Stroke} stroke
   * @param {number} upMs performance.now() at pointer-up
   */
  end(stroke, upMs) {
    this.#begin(stroke);
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

  /** Send nothing more by itself. */
  stop() {
    clearTimeout(this.#rest);
    this.delivery.stop();
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
   * @param {boolean} [resting] with or without points
   */
  #points(end, upMs, resting = false) {
    const open = this.#open;
    if (!open) return;
    const { stroke, sent } = open;
    if (stroke.n === sent && !end && !resting) return;
    /** @type {Record<string, any>} */
    const content = { type: "points", stroke: stroke.id, first: sent, end };
    if (end) content.up_ms = upMs;
    const buffers = stroke.n > sent ? [encodePoints(stroke, sent, stroke.n)] : [];
    open.sent = stroke.n;
    clearTimeout(this.#rest);
    if (end) this.#open = null;
    else this.#rest = setTimeout(() => this.#points(false, undefined, true), REST);
    this.delivery.send(content, buffers);
  }
}
