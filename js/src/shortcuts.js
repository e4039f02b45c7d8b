// JupyterLab's shortcuts while something of ours has the focus: plain keys are ours, Ctrl+S and Shift+Enter are its.

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Whether JupyterLab may have a key: with Ctrl or Cmd, but for undo and redo, and but for Ctrl+A, which would select cells;
 * Shift+Enter, which runs the cell.
 *
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">} event
 */
export function isForLab({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (altKey) return false;
  if (ctrlKey || metaKey) return !["z", "y", "a", "Delete", "Backspace"].includes(key.length === 1 ? key.toLowerCase() : key);
  return shiftKey && key === "Enter";
}

/**
 * Let such keys through, of whatever has the focus below an element.
 *
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function letShortcutsThrough(root, signal) {
  root.addEventListener(
    "keydown",
    (event) => {
      if (!isForLab(event)) return;
      const marked = /** @type {Element[]} */ (event.composedPath()).filter(
        (node) => node instanceof Element && root.contains(node) && node.hasAttribute(SUPPRESS),
      );
      for (const element of marked) element.removeAttribute(SUPPRESS);
      // JupyterLab looks for the attribute when the event has bubbled up to the document. A microtask would be too early:
      // they run between two listeners.
      setTimeout(() => marked.forEach((element) => element.setAttribute(SUPPRESS, "true")));
    },
    { capture: true, signal },
  );
}
