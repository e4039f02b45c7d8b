// Rule, number of tiles and their size, downloads; and a line on the chosen rule.
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
const TOPS = [1, 2, 3, 4, 6, 9, 12, 16];

/**
 * @param {import("./panels_store.js").PanelsStore} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function panelsToolbar(store, signal) {
  const { model } = store;
  const buttons = RULES.map(([rule, label, title]) => {
    const button = h("button", { type: "button", class: "skw-choice", title, role: "radio" }, label);
    button.addEventListener("click", () => store.choose("rule", rule), { signal });
    return button;
  });
  const group = h("div", { class: "skw-choices", role: "radiogroup", "aria-label": "Rule" }, ...buttons);
  group.addEventListener(
    "keydown",
    (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const at = RULES.findIndex(([rule]) => rule === model.get("rule"));
      const next = (at + by + RULES.length) % RULES.length;
      store.choose("rule", RULES[next][0]);
      buttons[next].focus();
    },
    { signal },
  );

  const top = h("select", { class: "skw-select", title: "How many of the strongest channels of each layer" });
  top.addEventListener("change", () => store.choose("top", Number(top.value)), { signal });
  const explained = h("p", { class: "skw-rule-explained" });
  const update = () => {
    RULES.forEach(([rule], i) => {
      const on = rule === model.get("rule");
      buttons[i].setAttribute("aria-checked", String(on));
      buttons[i].tabIndex = on ? 0 : -1;
    });
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
    h("span", { class: "skw-labelled" }, "Rule", group),
    h("label", { class: "skw-labelled" }, "Top", top),
    h("label", { class: "skw-labelled" }, "Size", sizeSlider(model, { least: 32, most: 160 }, signal)),
    exportButtons(store.downloads, signal),
  );
  return h("div", { class: "skw-panels-head" }, tools, explained);
}
