// One view of a SketchPad.
import { h, icon, iconButton, switchOff, watchTheme } from "./dom.js";
import { fewestButton, fewestLine } from "./fewest_view.js";
import { drawStroke, fitCanvas } from "./ink.js";
import { notices } from "./notices.js";
import { listenToPen } from "./pen.js";
import { predictionLabel } from "./prediction_label.js";
import { scrubber } from "./scrubber.js";

/** @typedef {import("./pad_store.js").PadStore} PadStore */

const GONE =
  "The kernel of this pad is gone. The drawing is kept and you can go on drawing here, but nothing is " +
  "recognised. Run the cell again to connect it.";
const KEYS = "Ctrl+Z undo, Ctrl+Shift+Z redo, Delete clear, arrow keys step through the strokes";

/**
 * @param {PadStore} store
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function renderPad(store, root, signal) {
  // It takes keys, which a picture would not be given by a screen reader.
  const canvas = h("canvas", {
    class: "skw-canvas",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "drawing board",
  });
  const hint = h("div", { class: "skw-hint", "aria-hidden": "true" }, "Draw something");
  const board = h("div", { class: "skw-board" }, canvas, hint);
  const undo = iconButton(
    icon("M5.5 3 2.5 6l3 3", "M2.5 6h7a3.8 3.8 0 0 1 0 7.5H6"),
    "Undo (Ctrl+Z)",
    () => store.walk("undo"),
    signal,
  );
  const redo = iconButton(
    icon("M10.5 3l3 3-3 3", "M13.5 6h-7a3.8 3.8 0 0 0 0 7.5H10"),
    "Redo (Ctrl+Shift+Z)",
    () => store.walk("redo"),
    signal,
  );
  const clear = iconButton(
    icon("M3 4.5h10", "M6 4.5V3h4v1.5", "M4.5 4.5l.6 9h5.8l.6-9"),
    "Clear (Delete)",
    () => store.clear(),
    signal,
  );
  const tools = h(
    "div",
    { class: "skw-tools", role: "group", "aria-label": "Drawing" },
    undo,
    redo,
    clear,
    fewestButton(store, signal),
    scrubber(store, canvas, signal),
  );
  const pad = h("div", { class: "skw skw-pad" }, board, predictionLabel(store, signal), tools);
  pad.append(fewestLine(store, canvas, signal), notices(store, GONE, signal));
  root.append(pad);

  paint(store, canvas, signal);
  const update = () => {
    const { drawing } = store;
    hint.hidden = drawing.strokes.length > 0 || drawing.current !== null;
    switchOff(undo, !drawing.canUndo);
    switchOff(redo, !drawing.canRedo);
    switchOff(clear, drawing.strokes.length === 0);
    canvas.setAttribute("aria-label", label(drawing));
    board.classList.toggle("skw-scrubbed", drawing.step !== null);
  };
  store.listen("drawing", update, signal);
  store.listen("ink", () => (hint.hidden = true), signal);
  update();

  listenToPen(
    canvas,
    () => store.board,
    {
      begin: () => store.begin(),
      extend: (points) => store.extend(points),
      finish: () => store.finish(),
      takeBack: () => {
        store.finish();
        store.walk("undo");
      },
    },
    store.grip,
    signal,
  );
  pad.addEventListener("keydown", (event) => key(store, event), { signal });
}

/** @param {import("./strokes.js").Drawing} drawing */
function label({ strokes: { length: n }, step }) {
  const strokes = n === 0 ? "empty" : `${n} stroke${n === 1 ? "" : "s"}`;
  return `Drawing, ${step === null ? strokes : `stroke ${step} of ${n}`}. ${KEYS}.`;
}

/**
 * Keep the canvas showing the drawing: new ink at once, the whole after anything else.
 *
 * @param {PadStore} store
 * @param {HTMLCanvasElement} canvas
 * @param {AbortSignal} signal
 */
function paint(store, canvas, signal) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const unit = () => store.board / 400;

  const all = () => {
    const { visible, current } = store.drawing;
    const ghosts = store.drawing.strokes.slice(visible.length);
    const scale = canvas.width / store.board;
    const colour = getComputedStyle(canvas).color;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = context.strokeStyle = colour;
    // What comes after the scrubbed step stays as a trace, so that one sees where the drawing goes.
    context.globalAlpha = 0.1;
    for (const stroke of ghosts) drawStroke(context, stroke, 0, unit());
    for (const stroke of visible) {
      context.globalAlpha = store.fewest.spares(stroke.id) ? 0.16 : 1;
      drawStroke(context, stroke, 0, unit());
    }
    context.globalAlpha = 1;
    if (current) drawStroke(context, current, 0, unit());
  };

  const observer = new ResizeObserver(([entry]) => {
    if (fitCanvas(canvas, entry)) all();
  });
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas); // Safari: rounds to whole device pixels by itself
  }
  signal.addEventListener("abort", () => observer.disconnect());
  store.listen("ink", ({ stroke, first }) => drawStroke(context, stroke, first, unit()), signal);
  store.listen("drawing", ({ repaint }) => repaint && all(), signal);
  watchTheme(all, signal);
  store.model.on("change:board", all);
  signal.addEventListener("abort", () => store.model.off("change:board", all));
}

/**
 * @param {PadStore} store
 * @param {KeyboardEvent} event
 */
function key(store, event) {
  const command = event.ctrlKey || event.metaKey;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { drawing } = store;
  const at = drawing.step ?? drawing.strokes.length;
  // The slider moves itself.
  const onSlider = event.target instanceof HTMLInputElement;
  /** @type {(() => void) | undefined} */
  let act;
  if (command && !event.altKey) {
    if (name === "z") act = () => store.walk(event.shiftKey ? "redo" : "undo");
    else if (name === "y") act = () => store.walk("redo");
  } else if (!event.altKey) {
    if (name === "Delete" || name === "Backspace") act = () => store.clear();
    else if (onSlider) act = undefined;
    else if (name === "ArrowLeft" || name === "ArrowDown") act = () => store.scrub(at - 1);
    else if (name === "ArrowRight" || name === "ArrowUp") act = () => store.scrub(at + 1);
    else if (name === "Home") act = () => store.scrub(1);
    else if (name === "Escape" && store.fewest.on) act = () => store.toggleFewest();
    else if (name === "End" || name === "Escape") act = () => store.scrub(null);
  }
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}
