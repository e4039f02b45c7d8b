/**
 * Typed events without the DOM.
 *
 * @template {Record<string, any>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(detail: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(detail: Events[K]) => void} callback
   * @param {AbortSignal} signal the end of the listening
   */
  listen(name, callback, signal) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(callback));
    signal.addEventListener("abort", () => set.delete(callback));
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} detail
   */
  emit(name, detail) {
    for (const callback of [...(this.#listeners.get(name) ?? [])]) callback(detail);
  }
}
