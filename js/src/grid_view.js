// One view of a TileGrid.
import { h } from "./dom.js";
import { GridLarge } from "./grid_large.js";
import { GridSectionView, sideOf } from "./grid_section.js";
import { exportButtons, sizeSlider } from "./grid_toolbar.js";
import { notices } from "./notices.js";

/** @typedef {import("./grid_store.js").GridStore} GridStore */

const GONE = "The kernel of these pictures is gone: they stay, but nothing can be computed or saved. Run the cell again.";

/**
 * @param {GridStore} store
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function renderGrid(store, root, signal) {
  const { model } = store;
  /** @type {GridSectionView[]} */
  const views = [];
  const title = h("h3", { class: "skw-grid-title" });
  const list = h("div", { class: "skw-sections" });
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Pictures" },
    h("label", { class: "skw-labelled" }, "Size", sizeSlider(model, { least: 24, most: 320 }, signal)),
    exportButtons(store.downloads, signal),
  );
  const head = h("div", { class: "skw-grid-head" }, title, tools);
  root.append(h("div", { class: "skw skw-tile-grid" }, head, notices(store, GONE, signal), list));

  const large = new GridLarge(
    store,
    (section, tile, held) => {
      mark();
      if (held) views[section]?.tiles[tile]?.element.focus();
    },
    (section, tile) => open(section, tile),
    signal,
  );

  const mark = () => {
    const chosen = model.get("selectable") ? model.get("selected") : large.shown;
    views.forEach(({ tiles }, section) =>
      tiles.forEach(({ element, switches }, tile) => {
        const on = Boolean(chosen) && chosen[0] === section && chosen[1] === tile;
        element.classList.toggle("skw-open", on);
        if (model.get("selectable")) element.setAttribute("aria-pressed", String(on));
        else if (!switches) element.removeAttribute("aria-pressed");
      }),
    );
  };
  /** @param {number} section @param {number} tile */
  const open = (section, tile) => {
    const view = views[section];
    if (!view) return;
    store.click(section, tile);
    if (model.get("selectable") || view.tiles[tile]?.switches) return;
    if (large.element.parentNode !== view.element) view.element.append(large.element);
    large.open(section, tile);
    mark();
  };

  const draw = () => {
    title.textContent = store.title;
    title.hidden = !store.title;
    tools.hidden = !model.get("toolbar") || store.sections.length === 0;
    head.hidden = title.hidden && tools.hidden;
    while (views.length > store.sections.length) {
      const view = views.pop();
      view?.leave();
      if (view?.element.contains(large.element)) large.close();
      view?.element.remove();
    }
    while (views.length < store.sections.length) {
      const section = views.length;
      const view = new GridSectionView(
        {
          open: (tile) => open(section, tile),
          hover: (tile, x, y) => store.hover(tile === null ? null : { section, tile, x, y }),
        },
        signal,
      );
      views.push(view);
      list.append(view.element);
    }
    const side = Number(model.get("tile"));
    store.sections.forEach((section, i) => views[i].update(section, side));
    large.update();
    mark();
  };
  const selectable = () => {
    if (model.get("selectable")) large.close();
    list.classList.toggle("skw-selectable", Boolean(model.get("selectable")));
    mark();
  };

  store.listen("figure", draw, signal);
  store.listen(
    "tile",
    ([section, tile]) => {
      const data = store.at(section, tile);
      const side = sideOf(store.sections[section], Number(model.get("tile")));
      if (data) views[section]?.tiles[tile]?.update(data, side);
      if (large.shown?.[0] === section && large.shown[1] === tile) large.update();
    },
    signal,
  );
  /** @type {[string, () => void][]} */
  const changes = [
    ["tile", draw],
    ["toolbar", draw],
    ["selectable", selectable],
    ["selected", mark],
  ];
  for (const [name, act] of changes) {
    model.on(`change:${name}`, act);
    signal.addEventListener("abort", () => model.off(/** @type {any} */ (`change:${name}`), act));
  }
  selectable();
  draw();
}
