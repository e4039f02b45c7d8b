// One section of a grid: its title and its tiles, walked through by the arrow keys.
import { h } from "./dom.js";
import { GridTileView } from "./grid_tile.js";

/** @typedef {import("./grid_store.js").GridSection} GridSection */

/** Side of a tile in CSS pixels where nobody has chosen another. */
const USUAL = 96;

export class GridSectionView {
  /** @type {GridTileView[]} */
  tiles = [];
  #title = h("h4", { class: "skw-row-title" });
  #caption = h("p", { class: "skw-section-caption" });
  #grid = h("div", { class: "skw-cells", role: "group" });
  /** The tile that the tab key reaches. */
  #current = 0;
  #act;
  #pointed = false;

  /**
   * @param {{
   *   open: (tile: number) => void,
   *   hover: (tile: number | null, x: number, y: number) => void,
   * }} act
   * @param {AbortSignal} signal
   */
  constructor(act, signal) {
    this.#act = act;
    this.element = h("section", { class: "skw-section" }, this.#title, this.#caption, this.#grid);
    this.#grid.addEventListener(
      "click",
      (event) => {
        const at = this.#indexOf(event.target);
        if (at >= 0) act.open(at);
      },
      { signal },
    );
    this.#grid.addEventListener("keydown", (event) => this.#walk(event), { signal });
    this.#grid.addEventListener("focusin", (event) => this.#reach(this.#indexOf(event.target)), { signal });
    const point = (/** @type {PointerEvent} */ event) => {
      const at = this.#indexOf(event.target);
      const inner = this.tiles[at]?.picture.inner.getBoundingClientRect();
      const x = inner ? (event.clientX - inner.left) / inner.width : -1;
      const y = inner ? (event.clientY - inner.top) / inner.height : -1;
      if (!(x >= 0 && y >= 0 && x <= 1 && y <= 1)) return this.leave();
      this.#pointed = true;
      act.hover(at, x, y);
    };
    this.#grid.addEventListener("pointermove", point, { signal });
    this.#grid.addEventListener("pointerleave", () => this.leave(), { signal });
    signal.addEventListener("abort", () => this.leave());
  }

  /** The pointer is over none of the tiles; no event says so of a section or a view that goes. */
  leave() {
    if (!this.#pointed) return;
    this.#pointed = false;
    this.#act.hover(null, 0, 0);
  }

  /**
   * @param {GridSection} section
   * @param {number} tile side of a tile in CSS pixels, where the section's is 96
   */
  update(section, tile) {
    const { title, caption, columns, tiles } = section;
    this.#title.textContent = title;
    this.#title.hidden = !title;
    this.#caption.textContent = caption;
    this.#caption.hidden = !caption;
    this.#grid.setAttribute("aria-label", title || "pictures");
    const shown = sideOf(section, tile);
    this.element.style.setProperty("--skw-cell", `${shown}px`);
    this.element.style.setProperty("--skw-columns", String(columns ?? 1));
    this.element.style.setProperty("--skw-count", String(tiles.length));
    this.#grid.classList.toggle("skw-cells-columns", columns !== null);
    // Who has made tiles larger gets them as large.
    const fit = columns === null && tile <= USUAL && tiles.every(({ kind }) => kind === "picture");
    this.#grid.classList.toggle("skw-cells-fit", fit);
    while (this.tiles.length > tiles.length) this.tiles.pop()?.element.remove();
    const fresh = [];
    while (this.tiles.length < tiles.length) {
      const view = new GridTileView();
      this.tiles.push(view);
      fresh.push(view.element);
    }
    this.#grid.append(...fresh);
    tiles.forEach((one, index) => this.tiles[index].update(one, shown));
    this.#reach(Math.min(this.#current, Math.max(0, tiles.length - 1)));
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    const cell = target instanceof Element ? target.closest(".skw-cell") : null;
    return this.tiles.findIndex(({ element }) => element === cell);
  }

  /** @param {number} index */
  #reach(index) {
    if (index < 0 || !this.tiles[index]) return;
    if (this.tiles[this.#current]) this.tiles[this.#current].element.tabIndex = -1;
    this.#current = index;
    this.tiles[index].element.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const at = this.#indexOf(document.activeElement);
    if (at < 0) return;
    const to = target(
      event.key,
      at,
      this.tiles.map(({ element }) => element.offsetTop),
      this.tiles.map(({ element }) => element.offsetLeft),
    );
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.tiles[to].element.focus();
  }
}

/**
 * Side of a tile of a section in CSS pixels.
 *
 * @param {GridSection} section
 * @param {number} tile
 */
export function sideOf({ side }, tile) {
  return Math.round((tile * side) / USUAL);
}

/**
 * The tile that a key leads to, null for a key that does not lead anywhere: left and right in reading order, up
 * and down to the nearest of the next row.
 *
 * @param {string} key
 * @param {number} at
 * @param {number[]} tops where the tiles lie
 * @param {number[]} lefts
 */
export function target(key, at, tops, lefts) {
  const last = tops.length - 1;
  if (key === "ArrowRight") return Math.min(last, at + 1);
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const beyond = tops.filter((top) => (key === "ArrowDown" ? top > tops[at] : top < tops[at]));
  if (beyond.length === 0) return at;
  const row = key === "ArrowDown" ? Math.min(...beyond) : Math.max(...beyond);
  let best = -1;
  for (let i = 0; i <= last; i++) {
    if (tops[i] !== row) continue;
    if (best < 0 || Math.abs(lefts[i] - lefts[at]) < Math.abs(lefts[best] - lefts[at])) best = i;
  }
  return best;
}
