// The rows of one LayerPanels model, shared by all its views.
import { Downloads } from "./downloads.js";
import { bytes } from "./protocol.js";
import { Store } from "./store.js";
import { cutTiles } from "./tiles.js";

/**
 * @typedef {import("./tiles.js").Row} Row
 * @typedef {import("./protocol.js").Buffer} Buffer
 * @typedef {import("./protocol.js").PanelsMessage} PanelsMessage
 * @typedef {{ step: number, size: number, ink: Uint8Array }} Paper ink: 0 paper to 255 ink, row by row
 * @typedef {{ rows: void, row: string, paper: void }} PanelsEvents
 *   rows: rows have come, gone or turned stale; row: the tiles of this one are new
 */

/** @extends {Store<PanelsEvents>} */
export class PanelsStore extends Store {
  /** @type {Map<string, Row>} in the order of the layers */
  rows = new Map();
  /** @type {Paper | null} */
  paper = null;
  /** Side of the network's input. */
  size = 225;
  step = 0;
  downloads = new Downloads(this);
  /** @type {Map<object, Set<string>>} rows in sight, for each view */
  #sight = new Map();
  #lastSight = "[]";
  #sightScheduled = false;

  get empty() {
    for (const { tiles } of this.rows.values()) if (tiles.length > 0) return false;
    return true;
  }

  /**
   * @override
   * @param {any} content
   * @param {Buffer[]} buffers
   */
  receive(content, buffers) {
    if (content.type === "panels") this.#panels(content, buffers);
    else if (content.type === "rows") this.#announce(content.rows);
    else if (content.type === "empty") this.#clear();
    else if (content.type === "export") this.downloads.receive(content, buffers);
    else if (content.type === "paper") {
      this.paper = { step: content.step, size: content.size, ink: bytes(buffers[0]) };
      this.emit("paper", undefined);
    }
  }

  /** @param {{ name: string, title: string }[]} rows */
  #announce(rows) {
    const old = this.rows;
    this.rows = new Map();
    for (const { name, title } of rows) {
      const tiles = old.get(name)?.tiles ?? [];
      this.rows.set(name, { name, title, channels: old.get(name)?.channels ?? 1, tiles, stale: tiles.length > 0 });
    }
    this.emit("rows", undefined);
  }

  #clear() {
    for (const row of this.rows.values()) {
      row.tiles = [];
      row.stale = false;
    }
    this.paper = null;
    this.emit("rows", undefined);
    for (const name of this.rows.keys()) this.emit("row", name);
  }

  /**
   * @param {PanelsMessage} message
   * @param {Buffer[]} buffers
   */
  #panels(message, buffers) {
    const packed = bytes(buffers[0]);
    // Cut everything before anything changes: a bad message leaves the rows as they were.
    const cut = message.layers.map((layer) => ({ ...layer, tiles: cutTiles(layer, packed) }));
    this.size = message.sketch_size;
    this.step = message.step;
    if (message.replace) for (const row of this.rows.values()) row.stale = row.tiles.length > 0;
    for (const { name, title, channels = 1, tiles } of cut) {
      this.rows.set(name, { name, title, channels, tiles, stale: false });
    }
    this.emit("rows", undefined);
    for (const { name } of cut) this.emit("row", name);
  }

  /**
   * Which rows a view shows; the kernel computes those that somebody sees.
   *
   * @param {object} view
   * @param {Set<string> | null} names null when the view is gone
   */
  see(view, names) {
    if (names) this.#sight.set(view, names);
    else this.#sight.delete(view);
    if (this.#sightScheduled) return;
    this.#sightScheduled = true;
    requestAnimationFrame(() => {
      this.#sightScheduled = false;
      const seen = [...this.rows.keys()].filter((name) => [...this.#sight.values()].some((set) => set.has(name)));
      const text = JSON.stringify(seen);
      if (text === this.#lastSight) return;
      this.#lastSight = text;
      this.link.send({ type: "visible", layers: seen, client: this.client });
    });
  }

  /**
   * Change a setting from the page.
   *
   * @param {string} name
   * @param {any} value
   */
  choose(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
}
