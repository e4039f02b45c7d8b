// What both widgets keep for all views of one model: the way to the kernel, notices, and confirmations.
import { afterPaint } from "./dom.js";
import { Emitter } from "./emitter.js";
import { Link } from "./link.js";

/**
 * @typedef {import("@anywidget/types").AnyModel<any>} Model
 * @typedef {import("./protocol.js").Buffer} Buffer
 * @typedef {import("./protocol.js").ErrorMessage} ErrorMessage
 */

/** Longer than any frame could take: such a latency was measured from the clock of another page. */
const LATENCY_LIMIT = 60_000;
/** Ms to wait for the answer to a hello. JupyterLab can lose a message while it connects, so it is asked again. */
const ANSWER = 2000;
const ASKS = 6;

/**
 * @template {Record<string, any>} Events
 * @extends {Emitter<Events & { notices: void }>}
 */
export class Store extends Emitter {
  /** @type {ErrorMessage | null} what the kernel says */
  #error = null;
  /** @type {Map<string, ErrorMessage>} why the last message of a type could not be shown here */
  #unshown = new Map();
  status = "";
  views = 0;
  /** Names this page to the kernel, which may talk to several. */
  client = Math.random().toString(36).slice(2);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;

  /**
   * @param {Model} model
   * @param {AbortSignal} signal the end of the model
   */
  constructor(model, signal) {
    super();
    this.model = model;
    this.link = new Link(model, () => this.#noticed());
    /** @param {any} content @param {Buffer[]} buffers */
    const receive = (content, buffers) => this.#receive(content, buffers);
    const probe = () => this.hello();
    model.on("msg:custom", receive);
    model.on("comm_live_update", probe);
    signal.addEventListener("abort", () => {
      clearTimeout(this.#again);
      model.off("msg:custom", receive);
      /** @type {any} */ (model).off("comm_live_update", probe);
    });
  }

  /** @returns {ErrorMessage | null} the error to show */
  get error() {
    return this.#error ?? this.#unshown.values().next().value ?? null;
  }

  set error(error) {
    this.#error = error;
  }

  /**
   * A view has mounted: ask the kernel for everything.
   *
   * @param {AbortSignal} signal the end of the view
   */
  mount(signal) {
    this.views += 1;
    signal.addEventListener("abort", () => (this.views -= 1));
    this.hello();
  }

  hello(asks = ASKS) {
    this.link.send({ type: "hello", client: this.client });
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (this.views === 0 || !this.link.alive) return;
      if (asks > 1) this.hello(asks - 1);
      else this.link.unheard();
    }, ANSWER);
  }

  /**
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  #receive(content, buffers) {
    // What the kernel has seen of the pen answers another question than a hello, which may have been lost.
    if (content.type !== "seen") clearTimeout(this.#again);
    this.heard();
    try {
      if (content.type === "error") {
        this.#error = content.title === null ? null : content;
        this.#noticed();
      } else if (content.type === "status") {
        this.status = content.text;
        this.#noticed();
      } else {
        this.receive(content, buffers);
        if (this.#unshown.delete(content.type)) this.#noticed();
      }
    } catch (error) {
      // The console is out of sight for most; a message that cannot be shown is said where the user looks, until one is.
      const { message, stack } = /** @type {Error} */ (error);
      const title = "Could not show a message of the kernel";
      this.#unshown.set(content.type, { type: "error", title, message, traceback: stack });
      this.#noticed();
    }
    this.#confirm(content);
  }

  /** Something came from the kernel. */
  heard() {
    this.link.heard();
  }

  #noticed() {
    /** @type {Emitter<any>} */ (this).emit("notices", undefined);
  }

  /**
   * What the widget does with its own messages.
   *
   * @param {any} _content
   * @param {Buffer[]} _buffers
   */
  receive(_content, _buffers) {}

  /**
   * Tell the kernel that a frame is on the screen. With no view nothing is painted, so nothing is confirmed.
   *
   * @param {{ frame?: number | null, since?: number | null }} content
   */
  #confirm({ frame, since }) {
    if (typeof frame !== "number" || this.views === 0) return;
    afterPaint(() => {
      const latency = typeof since === "number" ? performance.now() - since : NaN;
      const known = latency >= 0 && latency < LATENCY_LIMIT;
      this.link.send({ type: "ack", frame, latency_ms: known ? latency : null, client: this.client });
    });
  }
}
