// Rule, number of tiles, their crop and their size, downloads; and a line on the chosen rule.
import { h } from "./dom.js";
import { exportButtons, sizeSlider } from "./grid_toolbar.js";

/**
 * What each rule lets through a ReLU on the way down to the pixels.
 *
 * @type {[string, string, string][]}
 */
const RULES = [
  ["guided", "Guided", "Guided backpropagation: on its way down, signal passes a ReLU where it is positive and the unit was active."],
  ["deconvnet", "Deconvnet", "Deconvnet: on its way down, signal passes a ReLU where it is positive, whether the unit was active or not."],
  ["backprop", "Backprop", "Backpropagation, the plain gradient: on its way down, signal passes a ReLU where the unit was active, with either sign."],
];
/** What of its field a tile shows. @type {[string, string, string][]} */
const CROPS = [
  ["signal", "Signal", "Each tile is as much of its field as holds what excites the unit, all tiles of a row at one scale"],
  ["field", "Field", "Each tile is all that the unit sees, in its place"],
];
const TOPS = [1, 2, 3, 4, 6, 9, 12, 16];

/**
 * @param {import("./panels_store.js").PanelsStore} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function panelsToolbar(store, signal) {
  const { model } = store;
  const top = h("select", { class: "skw-select", title: "How many of the strongest channels of each layer" });
  top.addEventListener("change", () => store.choose("top", Number(top.value)), { signal });
  const explained = h("p", { class: "skw-rule-explained" });
  const update = () => {
    const now = Number(model.get("top"));
    const offered = TOPS.includes(now) ? TOPS : [...TOPS, now].sort((a, b) => a - b);
    top.replaceChildren(...offered.map((n) => h("option", { value: n, selected: n === now }, String(n))));
    top.value = String(now);
    explained.textContent = RULES.find(([rule]) => rule === model.get("rule"))?.[2] ?? "";
  };
  for (const name of ["rule", "top"]) {
    model.on(`change:${name}`, update);
    signal.addEventListener("abort", () => model.off(/** @type {any} */ (`change:${name}`), update));
  }
  update();
  const tools = h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Projections" },
    h("span", { class: "skw-labelled" }, "Rule", choices(store, "rule", "Rule", RULES, signal)),
    h("label", { class: "skw-labelled" }, "Top", top),
    h("span", { class: "skw-labelled" }, "Crop", choices(store, "crop", "Crop", CROPS, signal)),
    h("label", { class: "skw-labelled" }, "Size", sizeSlider(model, { least: 32, most: 160 }, signal)),
    exportButtons(store.downloads, signal),
  );
  return h("div", { class: "skw-panels-head" }, tools, explained);
}

/**
 * Buttons of which one is pressed, for the values of a setting.
 *
 * @param {import("./panels_store.js").PanelsStore} store
 * @param {string} name of the setting
 * @param {string} label
 * @param {[string, string, string][]} options value, text and what it does
 * @param {AbortSignal} signal
 */
function choices(store, name, label, options, signal) {
  const { model } = store;
  const buttons = options.map(([value, text, title]) => {
    const button = h("button", { type: "button", class: "skw-choice", title, role: "radio" }, text);
    button.addEventListener("click", () => store.choose(name, value), { signal });
    return button;
  });
  const group = h("div", { class: "skw-choices", role: "radiogroup", "aria-label": label }, ...buttons);
  group.addEventListener(
    "keydown",
    (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const at = options.findIndex(([value]) => value === model.get(name));
      const next = (at + by + options.length) % options.length;
      store.choose(name, options[next][0]);
      buttons[next].focus();
    },
    { signal },
  );
  const update = () => {
    options.forEach(([value], i) => {
      const on = value === model.get(name);
      buttons[i].setAttribute("aria-checked", String(on));
      buttons[i].tabIndex = on ? 0 : -1;
    });
  };
  model.on(/** @type {any} */ (`change:${name}`), update);
  signal.addEventListener("abort", () => model.off(/** @type {any} */ (`change:${name}`), update));
  update();
  return group;
}
