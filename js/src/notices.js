// Banner, error box and status line, the same in both widgets.
import { h } from "./dom.js";

/**
 * @template {import("./store.js").Store<any>} S
 * @param {S} store
 * @param {string} gone what still works when the kernel is gone
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function notices(store, gone, signal) {
  const banner = h("div", { class: "skw-banner", role: "alert", hidden: true }, gone);
  const title = h("div", { class: "skw-error-title" });
  const message = h("div", { class: "skw-error-message" });
  const traceback = h("pre", { class: "skw-error-traceback" });
  const details = h("details", {}, h("summary", {}, "Traceback"), traceback);
  const error = h("div", { class: "skw-error", role: "alert", hidden: true }, title, message, details);
  const status = h("div", { class: "skw-status", role: "status", hidden: true });

  const update = () => {
    banner.hidden = store.link.alive;
    error.hidden = store.error === null;
    title.textContent = store.error?.title ?? "";
    message.textContent = store.error?.message ?? "";
    traceback.textContent = store.error?.traceback ?? "";
    details.hidden = !store.error?.traceback;
    status.hidden = !store.status || !store.link.alive;
    status.textContent = store.status;
  };
  store.listen("notices", update, signal);
  update();
  return h("div", { class: "skw-notices" }, banner, error, status);
}
