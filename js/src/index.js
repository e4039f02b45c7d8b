// The one bundle of all widgets; the trait _kind says which widget a model is.
import { GridStore } from "./grid_store.js";
import { renderGrid } from "./grid_view.js";
import { keepKeys } from "./keys.js";
import { OcclusionStore } from "./occlusion_store.js";
import { renderOcclusion } from "./occlusion_view.js";
import { PadStore } from "./pad_store.js";
import { renderPad } from "./pad_view.js";
import { PanelsStore } from "./panels_store.js";
import { renderPanels } from "./panels_view.js";
import { Store } from "./store.js";

/**
 * @typedef {import("./store.js").Model} Model
 * @typedef {{
 *   make: (model: Model, signal: AbortSignal) => any,
 *   render: (store: any, root: HTMLElement, signal: AbortSignal) => void,
 * }} Kind
 */

/** @type {Record<string, Kind>} */
const KINDS = {
  sketch_pad: { make: (model, signal) => new PadStore(model, signal), render: renderPad },
  layer_panels: { make: (model, signal) => new PanelsStore(model, signal), render: renderPanels },
  tile_grid: { make: (model, signal) => new GridStore(model, signal), render: renderGrid },
  // Shows nothing: it is there for the keys, which every view looks after.
  keys: { make: (model, signal) => new Store(model, signal), render: () => {} },
  occlusion: { make: (model, signal) => new OcclusionStore(model, signal), render: renderOcclusion },
};

/** @param {Model} model */
function kindOf(model) {
  const kind = KINDS[model.get("_kind")];
  if (!kind) throw new Error(`sketchwidgets: this bundle knows no widget ${model.get("_kind")}`);
  return kind;
}

/** Called once a model: the store lives as long as the model, every view reads from it. */
export default function widget() {
  /** @type {any} */
  let store;
  return {
    /** @param {{ model: Model }} props */
    initialize({ model }) {
      const life = new AbortController();
      store = kindOf(model).make(model, life.signal);
      return () => life.abort();
    },
    /** @param {{ model: Model, el: HTMLElement }} props */
    render({ model, el }) {
      const life = new AbortController();
      kindOf(model).render(store, el, life.signal);
      store.mount(life.signal);
      keepKeys(life.signal);
      return () => {
        life.abort();
        el.replaceChildren();
      };
    },
  };
}
