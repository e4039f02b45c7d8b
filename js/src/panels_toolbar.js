// Rule, number of tiles and their size.
import { h } from "./dom.js";

/**
 * What each rule lets through a ReLU on the way down: R the signal from above, x the ReLU's input.
 *
 * @type {[string, string, string][]}
 */
const RULES = [
  ["guided", "Guided", "Guided backpropagation: signal passes a ReLU where it is positive and the unit was active. Uses both the drawing and the signal from above."],
  ["deconvnet", "Deconvnet", "Deconvnet: signal passes a ReLU where it is positive. Uses the signal from above; of the drawing only where each pool had its maximum."],
  ["backprop", "Backprop", "Backpropagation, the plain gradient: signal passes a ReLU where the unit was active. Uses the drawing only, so it keeps both signs."],
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
  const tile = h("input", {
    type: "range",
    class: "skw-slider",
    min: 32,
    max: 160,
    step: 4,
    title: "Size of a tile on the screen",
  });
  // Only the last value of a drag is worth telling the kernel; the page shows each at once.
  tile.addEventListener("input", () => model.set("tile", Number(tile.value)), { signal });
  tile.addEventListener("change", () => store.choose("tile", Number(tile.value)), { signal });

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
    tile.value = String(model.get("tile"));
    tile.style.setProperty("--skw-at", `${((Number(tile.value) - 32) / 128) * 100}%`);
  };
  for (const name of ["rule", "top", "tile"]) {
    model.on(`change:${name}`, update);
    signal.addEventListener("abort", () => model.off(/** @type {any} */ (`change:${name}`), update));
  }
  update();
  return h(
    "div",
    { class: "skw-panels-tools", role: "toolbar", "aria-label": "Projections" },
    h("span", { class: "skw-labelled" }, "Rule", group),
    h("label", { class: "skw-labelled" }, "Top", top),
    h("label", { class: "skw-labelled" }, "Size", tile),
  );
}
