// One tile, large, beside the drawing with the part of it that the unit sees.
import { h, icon, iconButton, watchTheme } from "./dom.js";
import { paintTile } from "./tile_view.js";
import { fieldSide, paperPixels, short } from "./tiles.js";

/** @typedef {import("./panels_store.js").PanelsStore} PanelsStore */

/**
 * The colour of an element's text as numbers. A browser says colours in many ways, as a theme that mixes them does: it is
 * asked for the pixel.
 *
 * @param {Element} element
 * @returns {[number, number, number]}
 */
function textColour(element) {
  const context = h("canvas", { width: 1, height: 1 }).getContext("2d");
  if (!context) return [0, 0, 0];
  context.fillStyle = getComputedStyle(element).color;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return [r, g, b];
}

export class Enlarged {
  /** What is enlarged; a channel is followed wherever the next drawing ranks it. @type {{ layer: string, channel: number } | null} */
  shown = null;
  #store;
  #back;
  #title = h("h4", { class: "skw-large-title" });
  #tile = h("canvas", { class: "skw-large-canvas" });
  #paper = h("canvas", { class: "skw-paper-canvas" });
  #box = h("div", { class: "skw-field" });
  #low = h("span");
  #high = h("span");
  #facts = h("dl", { class: "skw-facts skw-facts-row" });

  /**
   * @param {PanelsStore} store
   * @param {(layer: string, channel: number, held: boolean) => void} back called when it closes, to give the focus back
   *   where it held it
   * @param {AbortSignal} signal
   */
  constructor(store, back, signal) {
    this.#store = store;
    this.#back = back;
    const close = iconButton(icon("M4 4l8 8", "M12 4l-8 8"), "Close (Escape)", () => this.close(), signal);
    const legend = h(
      "div",
      { class: "skw-legend", title: "The projection is signed: mid-grey is zero" },
      this.#low,
      h("span", { class: "skw-legend-ramp" }),
      this.#high,
    );
    const figure = (/** @type {string} */ caption, /** @type {Node[]} */ ...content) =>
      h("figure", { class: "skw-figure" }, ...content, h("figcaption", {}, caption));
    this.element = h(
      "div",
      { class: "skw-large", role: "dialog", tabindex: -1, hidden: true },
      h("div", { class: "skw-large-head" }, this.#title, close),
      h(
        "div",
        { class: "skw-large-body" },
        figure("What excites it there", h("div", { class: "skw-large-picture" }, this.#tile), legend),
        figure(
          "The drawing as the network sees it; the unit sees what is inside the blue box",
          h("div", { class: "skw-paper" }, this.#paper, this.#box),
        ),
      ),
      this.#facts,
    );
    this.element.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.close();
      },
      { signal },
    );
    store.listen("row", (name) => name === this.shown?.layer && this.#update(), signal);
    store.listen("rows", () => this.#fade(), signal);
    store.listen("paper", () => this.#drawPaper(), signal);
    watchTheme(() => this.#drawPaper(), signal);
  }

  /**
   * @param {string} layer
   * @param {number} channel
   */
  open(layer, channel) {
    this.shown = { layer, channel };
    this.element.hidden = false;
    this.#update();
    this.#drawPaper();
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  close() {
    if (!this.shown) return;
    const { layer, channel } = this.shown;
    const held = this.element.contains(document.activeElement);
    this.shown = null;
    this.element.hidden = true;
    this.#back(layer, channel, held);
  }

  #found() {
    const row = this.shown ? this.#store.rows.get(this.shown.layer) : undefined;
    const tile = row?.tiles.find(({ channel }) => channel === this.shown?.channel);
    return { row, tile };
  }

  #fade() {
    const { row, tile } = this.#found();
    this.element.classList.toggle("skw-stale", Boolean(this.shown) && (!tile || !row || row.stale));
  }

  #update() {
    if (!this.shown) return;
    const { row, tile } = this.#found();
    const { layer, channel } = this.shown;
    this.#title.textContent = `${layer}, channel ${channel}`;
    this.element.setAttribute("aria-label", `${layer}, channel ${channel}, enlarged`);
    this.#fade();
    if (!row || !tile || tile.dead) {
      const why = tile?.dead ? "dead: no unit of this channel is active" : `not among the strongest ${row?.tiles.length ?? 0} now`;
      this.#setFacts([["Activation", why]]);
      // A dead unit has no picture; one that has left the row keeps its last, faded.
      if (tile?.dead) this.#tile.width = 1;
      this.#box.hidden = true;
      return;
    }
    paintTile(this.#tile, tile, row.channels, fieldSide(row.tiles));
    this.#tile.classList.toggle("skw-pixelated", this.#tile.width <= 90);
    const scale = tile.scale === undefined ? "max" : short(tile.scale);
    this.#low.textContent = `−${scale}`;
    this.#high.textContent = `+${scale}`;
    this.#placeBox(tile.box);
    const [top, left, bottom, right] = tile.box;
    const size = this.#store.size;
    /** @type {[string, string][]} */
    const facts = [["Activation", short(tile.activation)]];
    if (tile.position) {
      const maps = /\d+ × \d+$/.exec(row.title);
      const of = maps ? ` of ${maps[0]}` : "";
      facts.push(["Unit", `row ${tile.position[0]}, column ${tile.position[1]}${of}`]);
    }
    facts.push(["Sees", `${right - left} × ${bottom - top} of ${size} × ${size} px`]);
    this.#setFacts(facts);
  }

  /** @param {[string, string][]} facts */
  #setFacts(facts) {
    this.#facts.replaceChildren(...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
  }

  /** @param {[number, number, number, number]} box */
  #placeBox([top, left, bottom, right]) {
    const size = this.#store.size;
    const share = (/** @type {number} */ v) => `${(100 * Math.min(size, Math.max(0, v))) / size}%`;
    this.#box.hidden = false;
    Object.assign(this.#box.style, {
      top: share(top),
      left: share(left),
      height: share(bottom - top),
      width: share(right - left),
    });
  }

  #drawPaper() {
    if (!this.shown) return;
    const context = /** @type {CanvasRenderingContext2D} */ (this.#paper.getContext("2d"));
    const paper = this.#store.paper;
    if (!paper) {
      context.clearRect(0, 0, this.#paper.width, this.#paper.height);
      return;
    }
    this.#paper.width = this.#paper.height = paper.size;
    const pixels = paperPixels(paper.ink, textColour(this.#paper));
    context.putImageData(new ImageData(pixels, paper.size, paper.size), 0, 0);
  }
}
