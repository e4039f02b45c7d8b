// One layer: its title and a grid of tiles.
import { h } from "./dom.js";
import { signalWindows } from "./signal_window.js";
import { TileView } from "./tile_view.js";
import { fieldSide, seen } from "./tiles.js";

/** @typedef {import("./tiles.js").Row} Row */

export class RowView {
  /** @type {TileView[]} */
  tiles = [];
  /** Side of what is shown of the field, in pixels of the input; 0 where it is all of it. */
  #cropped = 0;
  /** The tile that the tab key reaches: one a row, since the arrow keys lead to the others. */
  #current = 0;
  #title = h("h4", { class: "skw-row-title" });
  #grid = h("div", { class: "skw-grid" });

  /**
   * @param {string} name
   * @param {(rank: number) => void} open called with the place of a tile that is clicked
   * @param {AbortSignal} signal
   */
  constructor(name, open, signal) {
    this.element = h("section", { class: "skw-row", "data-layer": name }, this.#title, this.#grid);
    this.#grid.addEventListener(
      "click",
      (event) => {
        const rank = this.#rankOf(event.target);
        if (rank >= 0) open(rank);
      },
      { signal },
    );
    this.#grid.addEventListener("keydown", (event) => this.#walk(event), { signal });
    this.#grid.addEventListener("focusin", (event) => this.#reach(this.#rankOf(event.target)), { signal });
  }

  /**
   * @param {Row} row
   * @param {number} size side of the network's input
   */
  head({ name, title, stale, tiles }, size) {
    const facts = [(title.startsWith(name) ? title.slice(name.length) : title).replace(/^[\s:·]+/, "")];
    const alive = tiles.filter(({ dead }) => !dead);
    const shown = this.#cropped ? `, shown ${this.#cropped} × ${this.#cropped}` : "";
    if (alive.length > 0) facts.push(seen(alive, size) + shown);
    this.#title.replaceChildren(name, h("span", { class: "skw-row-facts" }, facts.filter(Boolean).join(" · ")));
    this.element.classList.toggle("skw-stale", stale);
    this.element.setAttribute("aria-busy", String(stale));
    this.element.classList.toggle("skw-waiting", tiles.length === 0);
  }

  /**
   * @param {Row} row
   * @param {number} size side of the network's input
   * @param {number} shown side of a tile in CSS pixels
   * @param {boolean} crop whether tiles are cropped to their signal
   */
  update(row, size, shown, crop) {
    const field = fieldSide(row.tiles);
    const windows = crop ? signalWindows(row.tiles, row.channels, field) : [];
    const side = windows[0]?.side ?? field;
    this.#cropped = side < field ? side : 0;
    this.head(row, size);
    while (this.tiles.length > row.tiles.length) this.tiles.pop()?.element.remove();
    while (this.tiles.length < row.tiles.length) {
      const view = new TileView();
      this.tiles.push(view);
      this.#grid.append(view.element);
    }
    row.tiles.forEach((tile, i) => this.tiles[i].update(tile, row.channels, field, shown, windows[i]));
    this.#reach(Math.min(this.#current, this.tiles.length - 1));
  }

  /** @param {EventTarget | null} target */
  #rankOf(target) {
    return this.tiles.findIndex(({ element }) => element.contains(/** @type {Node} */ (target)));
  }

  /** @param {number} rank */
  #reach(rank) {
    if (rank < 0) return;
    if (this.tiles[this.#current]) this.tiles[this.#current].element.tabIndex = -1;
    this.#current = rank;
    this.tiles[rank].element.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const at = this.#rankOf(document.activeElement);
    const count = this.tiles.length;
    const to = { ArrowRight: (at + 1) % count, ArrowLeft: (at - 1 + count) % count, Home: 0, End: count - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.tiles[to].element.focus();
  }
}
