// One tile of a grid, large, with all that is known about it.
import { h, icon, iconButton } from "./dom.js";
import { chartElement, legendOf, PictureView, scaleOf } from "./grid_tile.js";

/** @typedef {import("./grid_store.js").GridStore} GridStore */

export class GridLarge {
  /** What is shown: a place in the figure, followed through newer figures. @type {[number, number] | null} */
  shown = null;
  #store;
  #back;
  #title = h("h4", { class: "skw-large-title" });
  #picture = new PictureView();
  #chart = h("div", { class: "skw-chart skw-chart-large" });
  #keys = h("div", { class: "skw-keys" });
  #text = h("p", { class: "skw-large-text" });
  #facts = h("dl", { class: "skw-facts" });

  /**
   * @param {GridStore} store
   * @param {(section: number, tile: number, held: boolean) => void} back called when it closes, to give the focus back
   *   where it held it
   * @param {(section: number, tile: number) => void} move called when another tile is wanted
   * @param {AbortSignal} signal
   */
  constructor(store, back, move, signal) {
    this.#store = store;
    this.#back = back;
    const step = (/** @type {number} */ by) => {
      if (!this.shown) return;
      const [section, tile] = this.shown;
      if (store.at(section, tile + by)) move(section, tile + by);
    };
    const close = iconButton(icon("M4 4l8 8", "M12 4l-8 8"), "Close (Escape)", () => this.close(), signal);
    const previous = iconButton(icon("M10 3L5 8l5 5"), "Previous (Left)", () => step(-1), signal);
    const next = iconButton(icon("M6 3l5 5-5 5"), "Next (Right)", () => step(1), signal);
    this.element = h(
      "div",
      { class: "skw-large", role: "dialog", tabindex: -1, hidden: true },
      h("div", { class: "skw-large-head" }, this.#title, h("span", { class: "skw-large-tools" }, previous, next, close)),
      h(
        "div",
        { class: "skw-large-body" },
        h("div", { class: "skw-large-main" }, this.#picture.element, this.#chart, this.#keys),
        h("div", { class: "skw-large-about" }, this.#text, this.#facts),
      ),
    );
    this.#picture.element.classList.add("skw-pic-large");
    this.element.addEventListener(
      "keydown",
      (event) => {
        const act = { Escape: () => this.close(), ArrowLeft: () => step(-1), ArrowRight: () => step(1) }[event.key];
        if (!act) return;
        event.preventDefault();
        event.stopPropagation();
        act();
      },
      { signal },
    );
  }

  /**
   * @param {number} section
   * @param {number} tile
   */
  open(section, tile) {
    this.shown = [section, tile];
    this.element.hidden = false;
    this.update();
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  close() {
    if (!this.shown) return;
    const [section, tile] = this.shown;
    const held = this.element.contains(document.activeElement);
    this.shown = null;
    this.element.hidden = true;
    this.#back(section, tile, held);
  }

  /** Show what the tile is now; one that has gone closes. */
  update() {
    if (!this.shown) return;
    const tile = this.#store.at(...this.shown);
    if (!tile) {
      this.close();
      return;
    }
    const section = this.#store.sections[this.shown[0]].title;
    const title = [section, tile.caption].filter(Boolean).join(" · ");
    this.#title.textContent = title;
    this.element.setAttribute("aria-label", `${title}, enlarged`);
    const isChart = tile.kind === "chart";
    this.#picture.element.hidden = isChart;
    this.#chart.hidden = !isChart;
    this.element.classList.toggle("skw-large-wide", isChart);
    if (tile.kind === "chart") {
      this.#chart.replaceChildren(chartElement(tile));
      this.#keys.replaceChildren();
      this.#facts.replaceChildren();
    } else {
      this.#picture.update(tile, 320);
      this.#keys.replaceChildren(...scaleOf(tile), ...legendOf(tile));
      const facts = tile.label ? [["Picture", tile.label], ...tile.facts] : tile.facts;
      this.#facts.replaceChildren(...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    }
    this.#text.textContent = tile.description;
    this.#text.hidden = !tile.description || tile.description === tile.caption;
  }
}
