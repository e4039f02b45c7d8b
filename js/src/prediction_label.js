// What the drawing is taken for, under the board.
import { h } from "./dom.js";
import { percent } from "./percent.js";

/** @typedef {[string, number | null]} Guess */

/** As `DONT_KNOW` in recognition/_prediction.py. */
const DONT_KNOW = "I don't know yet";

/**
 * @param {import("./pad_store.js").PadStore} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function predictionLabel(store, signal) {
  // Names in either direction of writing stay apart from their numbers.
  const name = h("bdi", { class: "skw-guess-name" });
  const probability = h("span", { class: "skw-guess-p" });
  const others = h("span", { class: "skw-guess-others" });
  // A screen reader hears finished strokes only, not every frame of the pen.
  const spoken = h("span", { class: "skw-spoken", role: "status" });
  const first = h("span", { class: "skw-guess-first" }, name, probability);
  const guess = h("div", { class: "skw-guess", "aria-hidden": "true" }, first, others);

  /** @param {Guess} one */
  const said = ([label, p]) => `\u2068${label}\u2069 ${percent(p)}`; // as <bdi>, where there is only text
  /** @param {Guess[]} guesses */
  const shown = (guesses) =>
    guesses.flatMap(([label, p], i) => [i ? " · " : "", h("bdi", {}, label), ` ${percent(p)}`]);

  const update = () => {
    // A guess at an older drawing would mislead once no new one can come.
    const prediction = store.link.alive ? store.prediction : null;
    const top = prediction?.top ?? [];
    const [best, ...rest] = top;
    const unsure = Boolean(best) && prediction?.known === false;
    name.textContent = unsure ? DONT_KNOW : (best?.[0] ?? "");
    probability.textContent = best && !unsure ? percent(best[1]) : "";
    others.replaceChildren(...shown(unsure ? top.slice(0, 3) : rest.slice(0, 2)));
    guess.title = top.map(said).join("\n");
    guess.classList.toggle("skw-unsure", unsure);
    const provisional = Boolean(prediction?.provisional || (prediction && store.drawingNow));
    guess.classList.toggle("skw-provisional", provisional);
    if (provisional) return;
    const heard = best ? `${best[0]}, ${percent(best[1])}` : "";
    spoken.textContent = unsure ? `${DONT_KNOW}, perhaps ${heard}` : heard;
  };
  store.listen("prediction", update, signal);
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-label" }, guess, spoken);
}
