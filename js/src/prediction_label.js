// What the drawing is taken for, under the board.
import { h } from "./dom.js";
import { percent } from "./percent.js";

/**
 * @param {import("./pad_store.js").PadStore} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function predictionLabel(store, signal) {
  const name = h("span", { class: "skw-guess-name" });
  const probability = h("span", { class: "skw-guess-p" });
  const others = h("span", { class: "skw-guess-others" });
  // A screen reader hears finished strokes only, not every frame of the pen.
  const spoken = h("span", { class: "skw-spoken", role: "status" });
  const guess = h("div", { class: "skw-guess", "aria-hidden": "true" }, name, probability, others);

  const update = () => {
    // A guess at an older drawing would mislead once no new one can come.
    const prediction = store.link.alive ? store.prediction : null;
    const [first, ...rest] = prediction?.top ?? [];
    name.textContent = first?.[0] ?? "";
    probability.textContent = first ? percent(first[1]) : "";
    others.textContent = rest
      .slice(0, 2)
      .map(([label, p]) => `${label} ${percent(p)}`)
      .join(" · ");
    guess.title = (prediction?.top ?? []).map(([label, p]) => `${label} ${percent(p)}`).join("\n");
    const provisional = Boolean(prediction?.provisional || (prediction && store.drawingNow));
    guess.classList.toggle("skw-provisional", provisional);
    if (!provisional) spoken.textContent = first ? `${first[0]}, ${percent(first[1])}` : "";
  };
  store.listen("prediction", update, signal);
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-label" }, guess, spoken);
}
