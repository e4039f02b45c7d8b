// Banner, error box and status line, the same in both widgets.
import { h } from "./dom.js";

const SILENT =
  "The kernel does not answer, and nothing new is shown until it does. It may be busy. If it is gone, run the cell again.";

/**
 * @template {import("./store.js").Store<any>} S
 * @param {S} store
 * @param {string} gone what still works when the kernel is gone
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function notices(store, gone, signal) {
  const banner = h("div", { class: "skw-banner", role: "alert", hidden: true });
  const title = h("div", { class: "skw-error-title" });
  const message = h("div", { class: "skw-error-message" });
  const traceback = h("pre", { class: "skw-error-traceback" });
  const details = h("details", {}, h("summary", {}, "Traceback"), traceback);
  const error = h("div", { class: "skw-error", role: "alert", hidden: true }, title, message, details);
  const status = h("div", { class: "skw-status", role: "status", hidden: true });

  /** Text that is written again is said again by a screen reader. @param {HTMLElement} element @param {string} text */
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const update = () => {
    write(banner, store.link.silent ? SILENT : gone);
    banner.hidden = store.link.alive;
    error.hidden = store.error === null;
    write(title, store.error?.title ?? "");
    write(message, store.error?.message ?? "");
    write(traceback, store.error?.traceback ?? "");
    details.hidden = !store.error?.traceback;
    status.hidden = !store.status || !store.link.alive;
    write(status, store.status);
  };
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-notices" }, banner, error, status);
}
