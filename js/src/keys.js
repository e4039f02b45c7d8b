// Keys pressed in our widgets, and in the controls around them, act there and not on the notebook.

/** What is ours: the bundle's own views, and what holds them beside controls of ipywidgets, which know nothing of this. */
const OURS = ".skw, .skw-explorer, .skw-curves, .skw-player, .skw-lab";
/** What Lumino, which holds JupyterLab's shortcuts, looks for on the element that has the focus. */
const SUPPRESS = "data-lm-suppress-shortcuts";
/** Every model has a module of its own, and all of them share one listener. */
const SHARED = Symbol.for("sketchwidgets.keys");

/** @typedef {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">} Key */

/**
 * Whether JupyterLab may have a key while a control of ours has the focus: what runs the cell, and commands with a letter,
 * as Ctrl+S. Not those that change the notebook's cells: undo and redo, merge, and select all.
 *
 * @param {Key} key
 */
export function passes({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  const command = ctrlKey || metaKey;
  if (key === "Enter") return (shiftKey || command) && !altKey;
  return command && !altKey && /^[b-ln-xB-LN-X]$/.test(key);
}

/** @param {Event} event */
function mark(event) {
  const { target } = event;
  if (!(target instanceof Element) || !target.closest(OURS)) return;
  if (passes(/** @type {KeyboardEvent} */ (event))) target.removeAttribute(SUPPRESS);
  else target.setAttribute(SUPPRESS, "true");
}

/**
 * Keep keys from the notebook for as long as any view is in the page. It is decided anew with each key, before JupyterLab
 * sees it, so nothing has to be marked beforehand, nor put back.
 *
 * @param {AbortSignal} signal the end of the view
 */
export function keepKeys(signal) {
  const page = /** @type {any} */ (window);
  const shared = (page[SHARED] ??= { views: 0, mark });
  if (shared.views++ === 0) window.addEventListener("keydown", shared.mark, true);
  signal.addEventListener("abort", () => {
    if (--shared.views > 0) return;
    window.removeEventListener("keydown", shared.mark, true);
    delete page[SHARED];
  });
}
