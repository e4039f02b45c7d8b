// What goes over the comm: small JSON contents and binary buffers.

/** Numbers of one point: x, y, t (ms), pressure. */
export const POINT = 4;

/** @typedef {ArrayBuffer | ArrayBufferView} Buffer */

/** @typedef {{ id: number, points: Float32Array, n: number }} Stroke `points` may have room to spare behind n */

/**
 * @typedef {{
 *   type: "state", strokes: { id: number, n: number }[], undo?: number, redo?: number, step: number | null,
 *   seen?: Record<string, number>,
 * }} StateMessage seen: the last message of each page that the kernel has applied
 * @typedef {{ type: "seen", client: string, check: number, seen: number }} SeenMessage to one page, which has asked
 * @typedef {{ type: "changed", by: string }} ChangedMessage another page has changed the drawing; a hello brings it
 * @typedef {{
 *   type: "prediction", frame: number | null, step: number, provisional?: boolean, known?: boolean, top: [string, number | null][],
 *   since?: number | null,
 * }} PredictionMessage
 * @typedef {{
 *   type: "fewest", offered: boolean, on: boolean, busy?: boolean, kept?: number[] | null, text?: string, note?: string,
 *   share?: number | null,
 * }} FewestMessage kept: ids of the strokes that are enough, as far as is known
 * @typedef {{ type: "error", title: string | null, message?: string, traceback?: string }} ErrorMessage
 * @typedef {{ type: "status", text: string }} StatusMessage
 * @typedef {{
 *   channel: number, activation: number | null, dead: boolean, box: [number, number, number, number],
 *   position?: [number, number], h: number, w: number, offset: number, scale?: number,
 * }} TileHeader box: top, left, bottom, right in pixels of the network's input
 * @typedef {{ name: string, title: string, channels?: number, tiles: TileHeader[] }} LayerHeader
 * @typedef {{
 *   type: "panels", frame: number | null, step: number, rule: string, replace: boolean, done: boolean,
 *   since: number | null, sketch_size: number, layers: LayerHeader[],
 * }} PanelsMessage
 * @typedef {{ type: "paper", step: number, size: number }} PaperMessage
 * @typedef {{ type: "rows", rows: { name: string, title: string }[] }} RowsMessage
 */

/** A message of the kernel that does not fit the protocol. */
export class ProtocolError extends Error {}

/**
 * The bytes of a received buffer, not copied. Some hosts hand out views into a larger message, so the offset
 * of the view counts.
 *
 * @param {Buffer | undefined} buffer
 * @returns {Uint8Array}
 */
export function bytes(buffer) {
  if (buffer === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return new Uint8Array(buffer);
}

/**
 * The float32 numbers of a received buffer, copied because the bytes need not lie on a multiple of four.
 *
 * @param {Buffer | undefined} buffer
 * @returns {Float32Array}
 */
export function floats(buffer) {
  const raw = bytes(buffer);
  if (raw.byteLength % 4) throw new ProtocolError(`${raw.byteLength} bytes are no float32 numbers`);
  return new Float32Array(raw.slice().buffer);
}

/**
 * Points `first` to `end` of a stroke as a buffer that holds nothing else: JupyterLab serialises the whole
 * ArrayBuffer behind a view, so a view into a larger one would corrupt the message.
 *
 * @param {Stroke} stroke
 * @param {number} first
 * @param {number} end
 * @returns {ArrayBuffer}
 */
export function encodePoints(stroke, first, end) {
  return /** @type {ArrayBuffer} */ (stroke.points.slice(first * POINT, end * POINT).buffer);
}

/**
 * The strokes of a state message.
 *
 * @param {StateMessage} message
 * @param {Buffer[]} buffers
 * @returns {Stroke[]}
 */
export function decodeState(message, buffers) {
  const all = floats(buffers[0]);
  const total = message.strokes.reduce((sum, { n }) => sum + n, 0);
  if (all.length !== total * POINT) {
    throw new ProtocolError(`expected ${total} points, got ${all.length / POINT}`);
  }
  let at = 0;
  return message.strokes.map(({ id, n }) => {
    const points = all.subarray(at, (at += n * POINT));
    return { id, n, points };
  });
}
