// The drawing as the page sees it: the same operations as sketchwidgets/widgets/board/_drawing.py, applied at once
// so that the pen never waits for the kernel.
import { POINT } from "./protocol.js";

/** @typedef {import("./protocol.js").Stroke} Stroke */
/** @typedef {{ kind: "add", stroke: Stroke } | { kind: "clear", strokes: Stroke[] }} Operation */

/** Steps that undo reaches back; the kernel keeps the same number. */
export const HISTORY = 1000;

/** Ids of a page: room for half as many strokes, and for 2 ** 32 pages below 2 ** 53, where numbers are whole. */
const BLOCK = 2 ** 20;

/**
 * The first id of a page's strokes. No other page and no earlier visit has them: the kernel remembers the ids of strokes
 * that were undone or cleared, which nobody tells a page.
 */
export function blockOfIds() {
  return BLOCK * (1 + Math.floor(Math.random() * (2 ** 32 - 1)));
}

export class Drawing {
  /** @type {Stroke[]} */
  strokes = [];
  /** @type {Stroke | null} the stroke under the pen */
  current = null;
  /** @type {number | null} strokes looked at when scrubbed back, null at the live end */
  step = null;
  /** @type {Operation[]} */
  #done = [];
  /** @type {Operation[]} */
  #undone = [];
  // Operations that only the kernel remembers, from before this page was loaded.
  #hiddenUndo = 0;
  #hiddenRedo = 0;
  #nextId;

  /** @param {number} [firstId] of its strokes, even */
  constructor(firstId = 2) {
    this.#nextId = firstId;
  }

  get canUndo() {
    return this.#done.length + this.#hiddenUndo > 0;
  }

  get canRedo() {
    return this.#undone.length + this.#hiddenRedo > 0;
  }

  /** The finished strokes that are looked at. */
  get visible() {
    return this.step === null ? this.strokes : this.strokes.slice(0, this.step);
  }

  /** Begin a stroke at the live end. A page's ids are even, the kernel's odd: they never meet. */
  begin() {
    this.step = null;
    this.current = { id: this.#nextId, points: new Float32Array(64 * POINT), n: 0 };
    this.#nextId += 2;
    return this.current;
  }

  /**
   * Add a point to the stroke under the pen.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} t
   * @param {number} pressure
   */
  extend(x, y, t, pressure) {
    const stroke = this.current;
    if (!stroke) return;
    const at = stroke.n * POINT;
    if (at === stroke.points.length) {
      const grown = new Float32Array(2 * at);
      grown.set(stroke.points);
      stroke.points = grown;
    }
    stroke.points.set([x, y, t, pressure], at);
    stroke.n += 1;
  }

  /** End the stroke under the pen. */
  finish() {
    const stroke = this.current;
    this.current = null;
    if (!stroke || stroke.n === 0) return;
    stroke.points = stroke.points.slice(0, stroke.n * POINT);
    this.strokes.push(stroke);
    this.#remember({ kind: "add", stroke });
  }

  /** @param {Operation} operation */
  #remember(operation) {
    this.#done.push(operation);
    if (this.#done.length + this.#hiddenUndo > HISTORY) {
      if (this.#hiddenUndo > 0) this.#hiddenUndo -= 1;
      else this.#done.shift();
    }
    this.#undone = [];
    this.#hiddenRedo = 0;
  }

  /**
   * Take back the newest operation.
   *
   * @returns {"done" | "ask" | "nothing"} "ask": only the kernel knows what comes back
   */
  undo() {
    const operation = this.#done.pop();
    if (!operation) return this.#hiddenUndo > 0 ? "ask" : "nothing";
    this.#undone.push(operation);
    if (operation.kind === "add") this.strokes.pop();
    else this.strokes = [...operation.strokes];
    this.step = null;
    return "done";
  }

  /**
   * Bring back what undo took.
   *
   * @returns {"done" | "ask" | "nothing"}
   */
  redo() {
    const operation = this.#undone.pop();
    if (!operation) return this.#hiddenRedo > 0 ? "ask" : "nothing";
    this.#done.push(operation);
    if (operation.kind === "add") this.strokes.push(operation.stroke);
    else this.strokes = [];
    this.step = null;
    return "done";
  }

  /** Remove all strokes; undo brings them back. False where there is none. */
  clear() {
    if (this.strokes.length === 0) return false;
    this.#remember({ kind: "clear", strokes: this.strokes });
    this.strokes = [];
    this.step = null;
    return true;
  }

  /**
   * Look at the first `step` strokes; null, or the last one, is the live end. False where nothing changes.
   *
   * @param {number | null} step
   */
  scrub(step) {
    const n = this.strokes.length;
    const next = step === null || step >= n ? null : Math.max(1, step);
    if (next === this.step) return false;
    this.step = next;
    return true;
  }

  /**
   * Take over the kernel's drawing; a stroke under the pen goes on. False where it is what is here already.
   *
   * @param {Stroke[]} strokes
   * @param {{ undo?: number, redo?: number, step?: number | null }} rest
   */
  replace(strokes, { undo = 0, redo = 0, step = null }) {
    const same =
      strokes.length === this.strokes.length &&
      strokes.every((stroke, i) => stroke.id === this.strokes[i].id && stroke.n === this.strokes[i].n);
    if (
      same &&
      step === this.step &&
      undo === this.#done.length + this.#hiddenUndo &&
      redo === this.#undone.length + this.#hiddenRedo
    ) {
      return false;
    }
    this.strokes = strokes;
    this.step = step;
    this.#done = [];
    this.#undone = [];
    this.#hiddenUndo = undo;
    this.#hiddenRedo = redo;
    return true;
  }

  /** The time of the last point in ms, 0 for an empty board. */
  get lastTime() {
    const stroke = this.strokes.at(-1);
    return stroke ? stroke.points[(stroke.n - 1) * POINT + 2] : 0;
  }
}
