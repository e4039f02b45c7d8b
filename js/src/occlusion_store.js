// The occlusion experiment of one model: its maps, and what the network says at every place. No DOM here.
import { Downloads } from "./downloads.js";
import { cutTile } from "./grid_store.js";
import { percent } from "./percent.js";
import { bytes } from "./protocol.js";
import { Store } from "./store.js";

/**
 * @typedef {import("./protocol.js").Buffer} Buffer
 * @typedef {import("./grid_store.js").PictureTile} PictureTile
 * @typedef {[number, number]} Cell row and column of a patch
 * @typedef {{
 *   rows: number, cols: number, top: number, first: number[], target: number, unit: string,
 *   activity: number, activity_text: string, classes: [number, string, number][],
 *   tiles: Record<"image" | "filling" | "heat" | "activity" | "probability" | "label", PictureTile>,
 * }} Header classes: index, name, probability without a patch; first: the most probable without a patch
 * @typedef {Header & {
 *   boxes: Int32Array, best: Int32Array, chances: Float32Array, probabilities: Float32Array, activities: Float32Array,
 * }} Experiment numbers of all cells, row by row
 * @typedef {{ name: string, chance: number, before: number, isTarget: boolean }} Guess
 * @typedef {{
 *   guesses: Guess[], target: Guess, activity: number, box: [number, number, number, number] | null, done: boolean,
 * }} Answer what the network says with the patch at one place, or without any
 */

/** @extends {Store<{ experiment: void, cell: void }>} */
export class OcclusionStore extends Store {
  /** @type {Experiment | null} */
  experiment = null;
  /** @type {Cell | null} where the pointer is */
  #pointed = null;
  downloads = new Downloads(this);

  /**
   * @param {import("./store.js").Model} model
   * @param {AbortSignal} signal the end of the model
   */
  constructor(model, signal) {
    super(model, signal);
    const moved = () => this.emit("cell", undefined);
    model.on("change:cell", moved);
    signal.addEventListener("abort", () => model.off(/** @type {any} */ ("change:cell"), moved));
  }

  /**
   * @override
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "export") this.downloads.receive(content, buffers);
    if (content.type !== "occlusion") return;
    this.experiment = content.rows === 0 ? null : unpack(content, bytes(buffers[0]));
    this.#pointed = this.#inside(this.#pointed);
    this.emit("experiment", undefined);
  }

  /** The patch that is looked at: where the pointer is, else the one that is kept. */
  get cell() {
    return this.#pointed ?? this.kept;
  }

  /** @returns {Cell | null} */
  get kept() {
    return this.#inside(this.model.get("cell"));
  }

  /** @param {Cell | null} cell */
  point(cell) {
    if (same(cell, this.#pointed)) return;
    this.#pointed = cell;
    this.emit("cell", undefined);
  }

  /**
   * Keep a place, or none; the kernel is told.
   *
   * @param {Cell | null} cell
   */
  keep(cell) {
    if (same(cell, this.kept)) return;
    this.model.set("cell", cell);
    this.model.save_changes();
  }

  /** @param {Cell | null | undefined} cell @returns {Cell | null} */
  #inside(cell) {
    const now = this.experiment;
    return cell && now && cell[0] < now.rows && cell[1] < now.cols ? cell : null;
  }
}

/** @param {Cell | null} a @param {Cell | null} b */
export function same(a, b) {
  return a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1]);
}

/**
 * The numbers and the pictures out of a message.
 *
 * @param {Header} header
 * @param {Uint8Array} packed
 * @returns {Experiment}
 */
export function unpack(header, packed) {
  const count = header.rows * header.cols;
  // A copy from its start, because numbers must lie at multiples of their size.
  const numbers = packed.slice(0, 4 * count * (6 + 2 * header.top)).buffer;
  if (numbers.byteLength < 4 * count * (6 + 2 * header.top)) throw new RangeError("the maps are shorter than they say");
  let at = 0;
  /** @template T @param {new (buffer: ArrayBuffer, offset: number, length: number) => T} kind @param {number} length */
  const take = (kind, length) => {
    const values = new kind(numbers, at, length);
    at += 4 * length;
    return values;
  };
  const tiles = Object.fromEntries(
    Object.entries(header.tiles).map(([key, tile]) => [key, /** @type {PictureTile} */ (cutTile(tile, packed))]),
  );
  return {
    ...header,
    tiles: /** @type {Header["tiles"]} */ (tiles),
    boxes: take(Int32Array, 4 * count),
    best: take(Int32Array, header.top * count),
    chances: take(Float32Array, header.top * count),
    probabilities: take(Float32Array, count),
    activities: take(Float32Array, count),
  };
}

/**
 * What the network says with the patch at a place; without one for null.
 *
 * @param {Experiment} experiment
 * @param {Cell | null} cell
 * @returns {Answer}
 */
export function answerAt(experiment, cell) {
  const { cols, top, target } = experiment;
  const known = new Map(experiment.classes.map(([index, name, before]) => [index, { name, before }]));
  /** @param {number} index @param {number} [chance] @returns {Guess} */
  const guess = (index, chance) => {
    const { name, before } = known.get(index) ?? { name: `class ${index}`, before: NaN };
    return { name, before, chance: chance ?? before, isTarget: index === target };
  };
  if (cell === null) {
    const guesses = experiment.first.map((index) => guess(index));
    return { guesses, target: guess(target), activity: experiment.activity, box: null, done: true };
  }
  const at = cell[0] * cols + cell[1];
  const best = Array.from(experiment.best.subarray(top * at, top * (at + 1)));
  const done = best[0] >= 0;
  const [y, x, bottom, right] = experiment.boxes.subarray(4 * at, 4 * at + 4);
  return {
    guesses: done ? best.map((index, rank) => guess(index, experiment.chances[top * at + rank])) : [],
    target: guess(target, experiment.probabilities[at]),
    activity: experiment.activities[at],
    box: [y, x, bottom, right],
    done,
  };
}

/**
 * What a kept patch does, in one sentence to be read aloud.
 *
 * @param {Experiment} experiment
 * @param {Cell | null} cell
 */
export function sentence(experiment, cell) {
  const { guesses, target, box, done } = answerAt(experiment, cell);
  if (box === null) return `No patch: ${target.name} ${percent(target.before, true)}.`;
  const place = `Patch at row ${box[0]}, column ${box[1]}`;
  if (!done) return `${place}: not computed.`;
  const other = guesses[0].isTarget ? "" : `, ${guesses[0].name} is more probable`;
  return `${place}: ${target.name} ${percent(target.chance, true)} instead of ${percent(target.before, true)}${other}.`;
}

/**
 * The cell of a map under a place, as shares of its width and height.
 *
 * @param {Pick<Experiment, "rows" | "cols">} experiment
 * @param {number} x
 * @param {number} y
 * @returns {Cell}
 */
export function cellOfMap({ rows, cols }, x, y) {
  /** @param {number} share @param {number} count */
  const index = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [index(y, rows), index(x, cols)];
}

/**
 * The patch whose middle is nearest to a place of the picture, as shares of its width and height.
 *
 * @param {Experiment} experiment
 * @param {number} x
 * @param {number} y
 * @returns {Cell}
 */
export function cellOfPicture({ rows, cols, boxes, tiles }, x, y) {
  /** @param {number} count @param {(i: number) => number} middle @param {number} place */
  const nearest = (count, middle, place) => {
    let best = 0;
    for (let i = 1; i < count; i++) if (Math.abs(middle(i) - place) < Math.abs(middle(best) - place)) best = i;
    return best;
  };
  return [
    nearest(rows, (row) => (boxes[4 * row * cols] + boxes[4 * row * cols + 2]) / 2, y * tiles.image.h),
    nearest(cols, (column) => (boxes[4 * column + 1] + boxes[4 * column + 3]) / 2, x * tiles.image.w),
  ];
}

/**
 * Where a key moves a cell; undefined for keys that do not.
 *
 * @param {Pick<Experiment, "rows" | "cols">} experiment
 * @param {Cell | null} cell
 * @param {string} key
 * @returns {Cell | null | undefined}
 */
export function moved({ rows, cols }, cell, key) {
  if (key === "Escape") return null;
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  if (!step) return undefined;
  if (cell === null) return [Math.floor((rows - 1) / 2), Math.floor((cols - 1) / 2)];
  /** @param {number} value @param {number} count */
  const within = (value, count) => Math.min(count - 1, Math.max(0, value));
  return [within(cell[0] + step[0], rows), within(cell[1] + step[1], cols)];
}

/**
 * The picture with the patch at a place.
 *
 * @param {Experiment} experiment
 * @param {Cell | null} cell
 * @returns {PictureTile}
 */
export function occluded({ tiles: { image, filling }, boxes, cols }, cell) {
  if (cell === null) return image;
  const at = 4 * (cell[0] * cols + cell[1]);
  const [top, left, bottom, right] = boxes.subarray(at, at + 4);
  const pixels = image.pixels.slice();
  for (let y = top; y < bottom; y++) {
    const from = (y * image.w + left) * image.depth;
    pixels.set(filling.pixels.subarray(from, from + (right - left) * image.depth), from);
  }
  return { ...image, pixels };
}

/**
 * By how much a probability has changed, in points of a hundred.
 *
 * @param {number} chance
 * @param {number} before
 */
export function points(chance, before) {
  const change = 100 * (chance - before);
  if (Number.isNaN(change) || Math.abs(change) < 0.05) return "±0";
  return `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(Math.abs(change) < 9.95 ? 1 : 0)}`;
}
