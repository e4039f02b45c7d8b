// A slider over the strokes, with a play button.
import { h, icon, iconButton, switchOff } from "./dom.js";

/** Milliseconds a stroke when played. */
const BEAT = 450;

const PLAY = ["M5 3.2v9.6l7.5-4.8z"];
const STOP = ["M4.5 4h7v8h-7z"];

/**
 * @param {import("./pad_store.js").PadStore} store
 * @param {HTMLElement} board takes the focus when there is nothing to step through any more
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function scrubber(store, board, signal) {
  const { drawing } = store;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  const slider = h("input", {
    type: "range",
    class: "skw-slider",
    min: 1,
    step: 1,
    title: "Step through the strokes",
    "aria-label": "Stroke",
  });
  const text = h("span", { class: "skw-scrub-text" });
  const play = iconButton(icon(...PLAY), "Play the strokes", () => (timer ? stop() : start()), signal);

  const face = (/** @type {string[]} */ paths, /** @type {string} */ label) => {
    play.replaceChildren(icon(...paths));
    play.title = label;
    play.setAttribute("aria-label", label);
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    face(PLAY, "Play the strokes");
  };
  const start = () => {
    if (drawing.strokes.length < 2) return;
    store.scrub(drawing.step === null ? 1 : drawing.step + 1);
    if (drawing.step === null) return;
    face(STOP, "Stop");
    timer = setInterval(() => {
      // At the live end: played through, or something was drawn meanwhile.
      if (drawing.step !== null) store.scrub(drawing.step + 1);
      if (drawing.step === null) stop();
    }, BEAT);
  };

  const update = () => {
    const n = drawing.strokes.length;
    const at = drawing.step ?? n;
    slider.max = String(Math.max(n, 1));
    slider.value = String(Math.max(at, 1));
    // One that is disabled cannot hold the focus, which would be lost for the keys of the board.
    if (n < 2 && slider === document.activeElement) board.focus({ preventScroll: true });
    slider.disabled = n < 2;
    switchOff(play, n < 2);
    slider.setAttribute("aria-valuetext", `stroke ${at} of ${n}`);
    slider.style.setProperty("--skw-at", n > 1 ? `${((at - 1) / (n - 1)) * 100}%` : "100%");
    text.textContent = n === 0 ? "no strokes" : `${at} of ${n}`;
    if (timer && drawing.step === null) stop();
  };
  slider.addEventListener(
    "input",
    () => {
      stop();
      store.scrub(Number(slider.value));
    },
    { signal },
  );
  store.listen("drawing", update, signal);
  signal.addEventListener("abort", stop);
  update();
  return h("div", { class: "skw-scrubber" }, play, slider, text);
}
