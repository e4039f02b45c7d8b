// Small helpers around the DOM.

/**
 * Make an element. Attributes that are false or undefined are left out, true becomes an empty one.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  // JupyterLab's shortcuts ("b" inserts a cell, "d d" deletes one) must not fire while one of ours has the focus.
  if (["button", "input", "select", "summary"].includes(tag) || "tabindex" in attributes) {
    element.dataset.lmSuppressShortcuts = "true";
  }
  element.append(...children);
  return element;
}

/**
 * A button that shows an icon; its label is what a screen reader says and a mouse shows.
 *
 * @param {SVGElement} image
 * @param {string} label
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
export function iconButton(image, label, act, signal) {
  const button = h("button", { type: "button", class: "skw-button", title: label, "aria-label": label }, image);
  button.addEventListener("click", () => isOff(button) || act(), { signal });
  return button;
}

/**
 * Switch a button off, or on again. Not by `disabled`, which would take the focus from one that has it.
 *
 * @param {HTMLElement} button
 * @param {boolean} off
 */
export function switchOff(button, off) {
  if (off) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** @param {HTMLElement} button */
export function isOff(button) {
  return button.getAttribute("aria-disabled") === "true";
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * An icon of 16 x 16 units drawn with strokes of the text colour.
 *
 * @param {...string} paths
 */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("skw-icon");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * Call back once the next frame is on the screen: the first animation frame runs before the paint that
 * shows the present state, the second one after it.
 *
 * @param {() => void} callback
 */
export function afterPaint(callback) {
  requestAnimationFrame(() => requestAnimationFrame(callback));
}

/**
 * Call back when the colours may have changed: JupyterLab says so on the body, other hosts by media query.
 *
 * @param {() => void} callback
 * @param {AbortSignal} signal
 */
export function watchTheme(callback, signal) {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"],
  });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", callback, { signal });
  }
  signal.addEventListener("abort", () => observer.disconnect());
}
