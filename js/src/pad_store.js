// The drawing of one SketchPad model, shared by all its views.
import { Fewest } from "./fewest.js";
import { Outbox } from "./outbox.js";
import { Grip } from "./pen.js";
import { decodeState } from "./protocol.js";
import { Store } from "./store.js";
import { blockOfIds, Drawing } from "./strokes.js";

/**
 * @typedef {import("./protocol.js").Stroke} Stroke
 * @typedef {import("./protocol.js").StateMessage} StateMessage
 * @typedef {import("./protocol.js").PredictionMessage} PredictionMessage
 * @typedef {{ ink: { stroke: Stroke, first: number }, drawing: { repaint: boolean }, prediction: void, fewest: void }} PadEvents
 *   ink: points from `first` on are new; drawing: number of strokes, step or undo have changed, and with
 *   `repaint` what is to be seen
 */

/** Milliseconds between two sittings in the times of the points. */
const PAUSE = 1000;
/** Questions of the delivery without any answer after which the kernel is taken for gone: over half a minute. */
const CHECKS = 6;
/** Milliseconds before a drawing is asked for again, because the kernel had not seen the latest strokes. */
const ASK_AGAIN = 250;

/** @extends {Store<PadEvents>} */
export class PadStore extends Store {
  drawing = new Drawing(blockOfIds());
  fewest = new Fewest();
  /** One for all views: only one pointer draws at a time. */
  grip = new Grip();
  /** @type {PredictionMessage | null} */
  prediction = null;
  /** The page's clock at time 0 of the drawing. @type {number | null} */
  #zero = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Questions since something was heard of the kernel. */
  #checks = 0;

  /**
   * @param {import("./store.js").Model} model
   * @param {AbortSignal} signal
   */
  constructor(model, signal) {
    super(model, signal);
    this.outbox = new Outbox((content, buffers) => this.#send(content, buffers), this.client);
    this.listen("notices", () => !this.link.alive && this.outbox.delivery.pause(), signal);
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.outbox.stop();
    });
  }

  get board() {
    return /** @type {number} */ (this.model.get("board"));
  }

  get drawingNow() {
    return this.drawing.current !== null;
  }

  /**
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  #send(content, buffers) {
    if (content.type === "check" && (this.#checks += 1) > CHECKS) this.link.unheard();
    else this.link.send(content, buffers);
  }

  /** @override */
  heard() {
    this.#checks = 0;
    super.heard();
    this.outbox.delivery.resume();
  }

  /** The pen is down. */
  begin() {
    this.finish(); // of a pointer whose lift got lost
    const wasScrubbed = this.drawing.step !== null;
    this.drawing.begin();
    const wasPale = this.#leaveFewest();
    if (wasScrubbed || wasPale) this.emit("drawing", { repaint: true });
    this.emit("prediction", undefined);
  }

  /**
   * The pen has moved; `time` is the page's clock.
   *
   * @param {{ x: number, y: number, time: number, pressure: number }[]} points
   */
  extend(points) {
    const stroke = this.drawing.current;
    if (!stroke || points.length === 0) return;
    this.#zero ??= points[0].time - (this.drawing.strokes.length ? this.drawing.lastTime + PAUSE : 0);
    const first = stroke.n;
    for (const { x, y, time, pressure } of points) this.drawing.extend(x, y, time - this.#zero, pressure);
    this.emit("ink", { stroke, first });
    this.outbox.grow(stroke);
  }

  /** The pen is up. */
  finish() {
    const stroke = this.drawing.current;
    if (!stroke) return;
    this.drawing.finish();
    if (stroke.n > 0) this.outbox.end(stroke, performance.now());
    this.emit("drawing", { repaint: false });
  }

  /** @param {"undo" | "redo"} type */
  walk(type) {
    if (this.drawingNow) return;
    const outcome = type === "undo" ? this.drawing.undo() : this.drawing.redo();
    if (outcome === "nothing") return;
    this.outbox.operate(type);
    if (outcome === "ask") this.hello();
    this.#afterChange();
  }

  clear() {
    if (this.drawingNow || !this.drawing.clear()) return;
    this.outbox.operate("clear");
    this.#afterChange();
  }

  /** Ask for the fewest strokes that are enough for the label, or show all as before. */
  toggleFewest() {
    if (this.drawingNow) return;
    if (this.#leaveFewest()) {
      this.outbox.operate("fewest_off");
      this.emit("drawing", { repaint: true });
    } else if (this.drawing.strokes.length > 0) {
      this.fewest.ask();
      this.outbox.operate("fewest");
    }
  }

  /** Search no further, and keep what was found. */
  stopFewest() {
    if (this.fewest.busy) this.outbox.operate("fewest_stop");
  }

  /** The drawing is another one now. The kernel finds that out by itself. */
  #leaveFewest() {
    const left = this.fewest.leave();
    if (left) this.emit("fewest", undefined);
    return left;
  }

  #afterChange() {
    this.#leaveFewest();
    if (this.drawing.strokes.length === 0) {
      this.#zero = null;
      this.prediction = null;
      this.emit("prediction", undefined);
    }
    this.emit("drawing", { repaint: true });
  }

  /** @param {number | null} step */
  scrub(step) {
    if (this.drawingNow || !this.drawing.scrub(step)) return;
    this.#leaveFewest();
    this.outbox.scrub(this.drawing.step);
    this.emit("drawing", { repaint: true });
  }

  /**
   * @override
   * @param {any} content
   * @param {import("./protocol.js").Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "state") this.#adopt(content, buffers);
    else if (content.type === "changed") content.by !== this.client && this.#askSoon();
    else if (content.type === "seen") this.outbox.delivery.answered(content);
    else if (content.type === "prediction") {
      // One that was on its way while the board was cleared is about strokes that are gone.
      const wanted = content.top.length > 0 && (this.drawing.strokes.length > 0 || this.drawingNow);
      this.prediction = wanted ? content : null;
      this.emit("prediction", undefined);
    } else if (content.type === "fewest") {
      this.fewest.receive(content);
      this.emit("fewest", undefined);
      this.emit("drawing", { repaint: true });
    }
  }

  /**
   * Take over the kernel's drawing, unless it was sent before the kernel had seen what was drawn here.
   *
   * @param {StateMessage} state
   * @param {import("./protocol.js").Buffer[]} buffers
   */
  #adopt(state, buffers) {
    const { outbox } = this;
    const seen = state.seen?.[this.client];
    if (seen !== undefined) outbox.delivery.confirm(seen);
    // A kernel that has forgotten this page, after many others, had all that it confirmed.
    const older = outbox.delivery.pending || (seen !== undefined && seen < outbox.delivery.seq);
    if (outbox.waiting || this.drawingNow || older) {
      this.#askSoon();
      return;
    }
    if (!this.drawing.replace(decodeState(state, buffers), state)) return;
    this.#zero = null;
    this.#afterChange();
  }

  #askSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.drawingNow) this.#askSoon();
      else this.hello();
    }, ASK_AGAIN);
  }
}
