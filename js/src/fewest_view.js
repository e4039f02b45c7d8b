// The button that asks for the fewest strokes, and what is said of them below the tools.
import { h, isOff, switchOff } from "./dom.js";

/** @typedef {import("./pad_store.js").PadStore} PadStore */

/**
 * @param {PadStore} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function fewestButton(store, signal) {
  const title = "Show which strokes are enough for the network to recognise the drawing";
  const button = h("button", { type: "button", class: "skw-text-button skw-fewest-button", title }, "Fewest strokes");
  button.addEventListener("click", () => isOff(button) || store.toggleFewest(), { signal });
  const update = () => {
    button.hidden = !store.fewest.offered;
    switchOff(button, store.drawing.strokes.length === 0 || !store.link.alive);
    button.setAttribute("aria-pressed", String(store.fewest.on));
  };
  for (const event of /** @type {const} */ (["fewest", "drawing", "notices"])) store.listen(event, update, signal);
  update();
  return button;
}

/**
 * @param {PadStore} store
 * @param {HTMLElement} board takes the focus from a button that goes
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function fewestLine(store, board, signal) {
  const text = h("span", { class: "skw-fewest-text" });
  const note = h("span", { class: "skw-fewest-note" });
  const bar = h("div", { class: "skw-fewest-done" });
  const track = h("div", { class: "skw-fewest-track", "aria-hidden": "true" }, bar);
  const stop = h("button", { type: "button", class: "skw-text-button", title: "Keep what was found so far" }, "Stop");
  stop.addEventListener("click", () => store.stopFewest(), { signal });
  // A screen reader hears what is found, not every step towards it.
  const spoken = h("span", { class: "skw-spoken", role: "status" });
  const said = h("div", { class: "skw-fewest-said" }, text, note);
  const line = h("div", { class: "skw-fewest", hidden: true }, said, stop, track, spoken);
  const update = () => {
    const { fewest } = store;
    if (!fewest.busy && stop === document.activeElement) board.focus({ preventScroll: true });
    line.hidden = !fewest.on;
    text.textContent = fewest.text;
    note.textContent = fewest.note;
    stop.hidden = track.hidden = !fewest.busy;
    bar.style.width = `${100 * (fewest.share ?? 0)}%`;
    if (!fewest.busy) spoken.textContent = fewest.text;
  };
  store.listen("fewest", update, signal);
  update();
  return line;
}
