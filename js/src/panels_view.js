// One view of a LayerPanels.
import { h } from "./dom.js";
import { Enlarged } from "./enlarged.js";
import { notices } from "./notices.js";
import { panelsToolbar } from "./panels_toolbar.js";
import { RowView } from "./row_view.js";

/** @typedef {import("./panels_store.js").PanelsStore} PanelsStore */

const GONE = "The kernel of these panels is gone: they show the last drawing it saw. Run the cell again.";

/**
 * @param {PanelsStore} store
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function renderPanels(store, root, signal) {
  /** @type {Map<string, RowView>} */
  const views = new Map();
  const list = h("div", { class: "skw-rows" });
  const empty = h(
    "p",
    { class: "skw-empty" },
    "Draw a stroke, and every layer of the network shows here what it found in the drawing.",
  );
  const panels = h("div", { class: "skw skw-panels" }, panelsToolbar(store, signal), notices(store, GONE, signal));
  panels.append(empty, list);
  root.append(panels);

  const enlarged = new Enlarged(
    store,
    (layer, channel, held) => {
      mark(layer);
      if (held) views.get(layer)?.tiles.find(({ tile }) => tile?.channel === channel)?.element.focus();
    },
    signal,
  );
  const seen = watchSight(store, panels, signal);
  const tileSide = () => Number(store.model.get("tile"));

  /** @param {string} name */
  const mark = (name) => {
    const channel = enlarged.shown?.layer === name ? enlarged.shown.channel : undefined;
    for (const { tile, element } of views.get(name)?.tiles ?? []) {
      element.classList.toggle("skw-open", tile !== null && tile.channel === channel);
    }
  };
  /** @param {string} name @param {number} rank */
  const open = (name, rank) => {
    const view = views.get(name);
    const tile = view?.tiles[rank].tile;
    if (!view || !tile) return;
    const before = enlarged.shown?.layer;
    view.element.append(enlarged.element);
    enlarged.open(name, tile.channel);
    mark(name);
    if (before && before !== name) mark(before);
  };

  const rows = () => {
    for (const [name, view] of views) {
      if (store.rows.has(name)) continue;
      if (enlarged.shown?.layer === name) enlarged.close();
      seen.unobserve(view.element);
      view.element.remove();
      views.delete(name);
    }
    let previous = /** @type {Element | null} */ (null);
    for (const [name, row] of store.rows) {
      let view = views.get(name);
      if (!view) {
        view = new RowView(name, (rank) => open(name, rank), signal);
        views.set(name, view);
        seen.observe(view.element);
      }
      view.head(row, store.size);
      // Moving an element takes the focus from it, so only what is out of place moves.
      if (view.element.previousElementSibling !== previous || view.element.parentNode !== list) {
        if (previous) previous.after(view.element);
        else list.prepend(view.element);
      }
      previous = view.element;
    }
    empty.hidden = !store.empty;
    list.classList.toggle("skw-rows-empty", store.empty);
  };
  /** @param {string} name */
  const row = (name) => {
    const data = store.rows.get(name);
    if (data) views.get(name)?.update(data, store.size, tileSide(), store.model.get("crop") === "signal");
    mark(name);
  };
  const resize = () => {
    panels.style.setProperty("--skw-tile", `${tileSide()}px`);
    panels.style.setProperty("--skw-top", String(store.model.get("top")));
    for (const name of views.keys()) row(name);
  };

  store.listen("rows", rows, signal);
  store.listen("row", row, signal);
  for (const name of ["tile", "top", "crop"]) {
    store.model.on(`change:${name}`, resize);
    signal.addEventListener("abort", () => store.model.off(/** @type {any} */ (`change:${name}`), resize));
  }
  rows();
  resize();
}

/**
 * Tell the store which rows are in sight, and a little beyond so that scrolling finds them ready.
 *
 * @param {PanelsStore} store
 * @param {Element} view
 * @param {AbortSignal} signal
 */
function watchSight(store, view, signal) {
  /** @type {Set<string>} */
  const names = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const name = /** @type {HTMLElement} */ (target).dataset.layer ?? "";
        if (isIntersecting) names.add(name);
        else names.delete(name);
      }
      store.see(view, names);
    },
    { rootMargin: "120px" },
  );
  signal.addEventListener("abort", () => {
    observer.disconnect();
    store.see(view, null);
  });
  return observer;
}
