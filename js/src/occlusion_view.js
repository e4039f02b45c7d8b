// One view of an occlusion experiment: pictures and maps to point at, and what the network says there.
import { h } from "./dom.js";
import { exportButtons } from "./grid_toolbar.js";
import { legendOf, PictureView, scaleOf } from "./grid_tile.js";
import { notices } from "./notices.js";
import { answerAt, cellOfMap, cellOfPicture, moved, occluded, points, same, sentence } from "./occlusion_store.js";
import { percent } from "./percent.js";
import { short } from "./tiles.js";

/**
 * @typedef {import("./occlusion_store.js").OcclusionStore} OcclusionStore
 * @typedef {import("./occlusion_store.js").Experiment} Experiment
 * @typedef {import("./occlusion_store.js").Cell} Cell
 * @typedef {import("./occlusion_store.js").PictureTile} PictureTile
 * @typedef {(experiment: Experiment, x: number, y: number) => Cell} Locate
 */

const GONE = "The kernel of these maps is gone: they stay, but nothing new can be computed or saved. Run the cell again.";
/** CSS pixels, as the style sheet has them: what is enlarged more than this is shown as squares. */
const LARGE = 240;
const SMALL = 150;

/** A picture or map with its title; where the patch lies is framed. */
class Panel {
  #title = h("span", { class: "skw-occ-title" });
  #picture = new PictureView();
  #frame = h("span", { class: "skw-occ-frame", hidden: true });
  #keys = h("span", { class: "skw-keys" });
  element;
  #side;

  /**
   * @param {string} name
   * @param {number} side
   */
  constructor(name, side) {
    this.#side = side;
    this.inner = this.#picture.inner;
    this.inner.append(this.#frame);
    this.element = h(
      "figure",
      { class: `skw-occ-panel skw-occ-${side === LARGE ? "large" : "small"}`, "data-map": name },
      this.#title,
      this.#picture.element,
      this.#keys,
    );
  }

  /**
   * @param {string} title
   * @param {PictureTile} tile
   */
  show(title, tile) {
    this.#title.textContent = title;
    this.#title.title = tile.description;
    this.#picture.update(tile, this.#side);
    this.#keys.replaceChildren(...scaleOf(tile), ...legendOf(tile, 9));
  }

  /**
   * Frame a part, given as shares: top, left, bottom, right.
   *
   * @param {[number, number, number, number] | null} part
   * @param {boolean} kept
   */
  frame(part, kept) {
    this.#frame.hidden = part === null;
    this.#frame.classList.toggle("skw-occ-kept", kept);
    if (part === null) return;
    const [top, left, bottom, right] = part.map((share) => 100 * share);
    Object.assign(this.#frame.style, {
      top: `${top}%`,
      left: `${left}%`,
      height: `${bottom - top}%`,
      width: `${right - left}%`,
    });
  }

  /**
   * Call back with the place of the pointer, as shares, and with null once it has left; and for a click or a tap. A
   * finger that scrolls the page is no tap: the browser takes it away before it is lifted.
   *
   * @param {(x: number | null, y: number) => void} move
   * @param {() => void} press
   * @param {AbortSignal} signal
   */
  listen(move, press, signal) {
    let [inside, down] = [false, false];
    /** @param {PointerEvent} event */
    const tell = ({ clientX, clientY }) => {
      const { left, top, width, height } = this.inner.getBoundingClientRect();
      if (width === 0) return;
      inside = true;
      move((clientX - left) / width, (clientY - top) / height);
    };
    const leave = () => {
      const was = inside;
      inside = down = false;
      if (was) move(null, 0);
    };
    this.inner.addEventListener("pointermove", tell, { signal });
    this.inner.addEventListener("pointerleave", leave, { signal });
    this.inner.addEventListener("pointercancel", leave, { signal });
    this.inner.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || !event.isPrimary) return;
        tell(event);
        down = true;
      },
      { signal },
    );
    this.inner.addEventListener(
      "pointerup",
      (event) => {
        if (event.button !== 0 || !down) return;
        down = false;
        tell(event);
        press();
      },
      { signal },
    );
    // No event says that the view has gone from under the pointer.
    signal.addEventListener("abort", leave);
  }
}

/** The classes with their probabilities as bars, and how they have changed. */
class AnswerPanel {
  #title = h("span", { class: "skw-occ-title" });
  #rows = h("div", { class: "skw-occ-bars" });
  #facts = h("div", { class: "skw-occ-facts" });
  element = h("div", { class: "skw-occ-answer" }, this.#title, this.#rows, this.#facts);

  /**
   * @param {Experiment} experiment
   * @param {Cell | null} cell
   */
  show(experiment, cell) {
    const { guesses, target, activity, box, done } = answerAt(experiment, cell);
    this.#title.textContent = cell === null || !box ? "Without a patch the network says" : `Patch at row ${box[0]}, column ${box[1]}`;
    this.#rows.replaceChildren(
      ...guesses.map(({ name, chance, before, isTarget }) => {
        const bar = h("span", { class: "skw-occ-bar" });
        bar.style.width = `${100 * Math.min(1, chance)}%`;
        const mark = h("span", { class: "skw-occ-mark", hidden: cell === null });
        mark.style.left = `${100 * Math.min(1, before)}%`;
        return h(
          "div",
          { class: `skw-occ-row${isTarget ? " skw-occ-target" : ""}`, title: `${name}: ${percent(before, true)} without a patch` },
          h("span", { class: "skw-occ-name" }, name),
          h("span", { class: "skw-occ-track" }, bar, mark),
          h("span", { class: "skw-occ-share" }, percent(chance, true)),
          h("span", { class: "skw-occ-change" }, cell === null ? "" : points(chance, before)),
        );
      }),
    );
    const share = experiment.activity ? ` (${signed((100 * (activity - experiment.activity)) / Math.abs(experiment.activity))}\u00a0%)` : "";
    this.#facts.replaceChildren(
      ...(cell === null
        ? [h("span", {}, "Point at a place to cover it; a click or the arrow keys keep it.")]
        : done
          ? [
              h("span", {}, `${target.name}: ${percent(target.chance, true)} instead of ${percent(target.before, true)}`),
              h("span", {}, `Map ${experiment.unit}: ${short(activity)} instead of ${experiment.activity_text}${share}`),
            ]
          : [h("span", {}, "not computed")]),
    );
  }
}

/** @param {number} value */
function signed(value) {
  const size = Math.abs(value).toFixed(Math.abs(value) < 9.95 ? 1 : 0);
  return Number(size) === 0 ? "±0" : `${value > 0 ? "+" : "−"}${size}`;
}

/**
 * @param {OcclusionStore} store
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function renderOcclusion(store, root, signal) {
  const heat = new Panel("heat", LARGE);
  const seen = new Panel("occluded", LARGE);
  const answer = new AnswerPanel();
  // The one thing that is read aloud, since all the rest follows the pointer.
  const spoken = h("p", { class: "skw-spoken", role: "status" });
  let said = store.kept;
  const maps = /** @type {const} */ (["activity", "probability", "label"]).map((key) => ({ key, panel: new Panel(key, SMALL) }));
  const stage = h(
    "div",
    {
      class: "skw-occ-stage",
      tabindex: 0,
      role: "application",
      "aria-label": "Occlusion maps. Arrow keys move the patch, Escape takes it away.",
    },
    heat.element,
    seen.element,
    answer.element,
    h("div", { class: "skw-occ-maps" }, ...maps.map(({ panel }) => panel.element)),
  );
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Occlusion maps" },
    exportButtons(store.downloads, signal),
  );
  const head = h("div", { class: "skw-grid-head skw-occ-head" }, tools);
  root.append(h("div", { class: "skw skw-occlusion" }, notices(store, GONE, signal), stage, head, spoken));

  /** @param {Panel} panel @param {Locate} locate */
  const follow = (panel, locate) => {
    panel.listen(
      (x, y) => {
        const { experiment } = store;
        if (experiment) store.point(x === null ? null : locate(experiment, x, y));
      },
      () => {
        store.keep(same(store.cell, store.kept) ? null : store.cell);
      },
      signal,
    );
  };
  follow(heat, cellOfPicture);
  follow(seen, cellOfPicture);
  for (const { panel } of maps) follow(panel, cellOfMap);
  stage.addEventListener(
    "keydown",
    (event) => {
      const next = store.experiment ? moved(store.experiment, store.kept, event.key) : undefined;
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      store.point(null);
      store.keep(next);
    },
    { signal },
  );

  const mark = () => {
    const { experiment, cell, kept } = store;
    if (!experiment) return;
    const { rows, cols, boxes, tiles } = experiment;
    const isKept = same(cell, kept);
    if (!same(kept, said)) spoken.textContent = sentence(experiment, kept);
    said = kept;
    seen.show(cell === null ? "What the network sees" : "What the network sees now", occluded(experiment, cell));
    answer.show(experiment, cell);
    if (cell === null) {
      for (const panel of [heat, seen, ...maps.map((map) => map.panel)]) panel.frame(null, false);
      return;
    }
    const [row, column] = cell;
    const at = 4 * (row * cols + column);
    const [top, left, bottom, right] = boxes.subarray(at, at + 4);
    const { w, h: high } = tiles.image;
    heat.frame([top / high, left / w, bottom / high, right / w], isKept);
    for (const { panel } of maps) panel.frame([row / rows, column / cols, (row + 1) / rows, (column + 1) / cols], isKept);
  };
  const draw = () => {
    const { experiment } = store;
    stage.hidden = head.hidden = experiment === null;
    said = store.kept; // of an experiment that is new nobody has chosen the place just now
    if (!experiment) return;
    heat.show(`Where patches change map ${experiment.unit}`, experiment.tiles.heat);
    const target = experiment.classes.find(([index]) => index === experiment.target)?.[1] ?? "the class";
    const titles = { activity: `Activity of ${experiment.unit}`, probability: `Probability of ${target},\u00a0%`, label: "Most probable class" };
    for (const { key, panel } of maps) panel.show(titles[key], experiment.tiles[key]);
    mark();
  };
  store.listen("experiment", draw, signal);
  store.listen("cell", mark, signal);
  draw();
}
