// What the drawing is taken for, under the board.
import { h } from "./dom.js";
import { percent } from "./percent.js";

/** As `DONT_KNOW` in recognition/_prediction.py. */
const DONT_KNOW = "I don't know yet";

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

  /** @param {[string, number]} one */
  const said = ([label, p]) => `${label} ${percent(p)}`;

  const update = () => {
    // A guess at an older drawing would mislead once no new one can come.
    const prediction = store.link.alive ? store.prediction : null;
    const top = prediction?.top ?? [];
    const [first, ...rest] = top;
    const unsure = Boolean(first) && prediction?.known === false;
    name.textContent = unsure ? DONT_KNOW : (first?.[0] ?? "");
    probability.textContent = first && !unsure ? percent(first[1]) : "";
    others.textContent = (unsure ? top.slice(0, 3) : rest.slice(0, 2)).map(said).join(" · ");
    guess.title = top.map(said).join("\n");
    guess.classList.toggle("skw-unsure", unsure);
    const provisional = Boolean(prediction?.provisional || (prediction && store.drawingNow));
    guess.classList.toggle("skw-provisional", provisional);
    if (provisional) return;
    const heard = first ? `${first[0]}, ${percent(first[1])}` : "";
    spoken.textContent = unsure ? `${DONT_KNOW}, perhaps ${heard}` : heard;
  };
  store.listen("prediction", update, signal);
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-label" }, guess, spoken);
}
