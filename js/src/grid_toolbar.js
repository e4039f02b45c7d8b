// Parts of a toolbar: the size of tiles, and downloads.
import { h } from "./dom.js";
import { FORMATS } from "./downloads.js";

/**
 * A slider for the trait "tile".
 *
 * @param {import("./store.js").Model} model
 * @param {{ least: number, most: number }} range in CSS pixels
 * @param {AbortSignal} signal
 */
export function sizeSlider(model, { least, most }, signal) {
  const slider = h("input", {
    type: "range",
    class: "skw-slider",
    min: least,
    max: most,
    step: 4,
    title: "Size of a tile on the screen",
  });
  // Only the last value of a drag is worth telling the kernel; the page shows each at once.
  slider.addEventListener("input", () => model.set("tile", Number(slider.value)), { signal });
  slider.addEventListener(
    "change",
    () => {
      model.set("tile", Number(slider.value));
      model.save_changes();
    },
    { signal },
  );
  const update = () => {
    slider.value = String(model.get("tile"));
    slider.style.setProperty("--skw-at", `${(100 * (Number(slider.value) - least)) / (most - least)}%`);
  };
  model.on("change:tile", update);
  signal.addEventListener("abort", () => model.off(/** @type {any} */ ("change:tile"), update));
  update();
  return slider;
}

/**
 * Buttons that ask the kernel for a file; each waits until its file has come.
 *
 * @param {import("./downloads.js").Downloads} downloads
 * @param {AbortSignal} signal
 */
export function exportButtons(downloads, signal) {
  const formats = /** @type {import("./downloads.js").Format[]} */ (Object.keys(FORMATS));
  const buttons = formats.map((format) => {
    const name = format.toUpperCase();
    const { title } = FORMATS[format];
    const button = h("button", { type: "button", class: "skw-text-button", title }, name);
    button.addEventListener(
      "click",
      () => {
        // Not disabled, which would take the focus from it, and from whoever walks by keys.
        if (button.getAttribute("aria-disabled") === "true") return;
        button.setAttribute("aria-disabled", "true");
        downloads.ask(format, () => button.removeAttribute("aria-disabled"));
      },
      { signal },
    );
    return button;
  });
  return h("span", { class: "skw-labelled" }, "Save", h("span", { class: "skw-buttons" }, ...buttons));
}
