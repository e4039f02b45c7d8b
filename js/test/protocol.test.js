import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, decodeState, encodePoints, floats, ProtocolError } from "../src/protocol.js";

/** A view that starts at an odd byte of a larger buffer. @param {number[]} numbers */
function oddView(numbers) {
  const raw = new Uint8Array(new Float32Array(numbers).buffer);
  const larger = new Uint8Array(raw.length + 12).fill(255);
  larger.set(raw, 3);
  return new DataView(larger.buffer, 3, raw.length);
}

test("floats honours the offset of a view, also one that is no multiple of four", () => {
  assert.deepEqual([...floats(oddView([1.5, -2, 3]))], [1.5, -2, 3]);
});

test("floats copies, so that the message can be freed", () => {
  const source = new Float32Array([1, 2]);
  const copy = floats(source);
  source[0] = 9;
  assert.equal(copy[0], 1);
});

test("floats refuses bytes that are no numbers", () => {
  assert.throws(() => floats(new Uint8Array(7)), ProtocolError);
});

test("bytes does not copy and honours the offset", () => {
  const view = oddView([1]);
  assert.equal(bytes(view).byteOffset, 3);
  assert.equal(bytes(view).length, 4);
  assert.equal(bytes(undefined).length, 0);
});

test("encodePoints gives a buffer that holds these points and nothing else", () => {
  const points = new Float32Array(64).map((_, i) => i);
  const buffer = encodePoints({ id: 2, points, n: 5 }, 2, 5);
  assert.ok(buffer instanceof ArrayBuffer);
  assert.equal(buffer.byteLength, 3 * 16);
  assert.deepEqual([...new Float32Array(buffer)], [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("decodeState cuts the strokes out of one buffer", () => {
  const buffer = oddView([1, 2, 0, 1, 3, 4, 5, 1, 6, 7, 8, 0.5]);
  const strokes = decodeState(
    { type: "state", strokes: [{ id: 4, n: 2 }, { id: 7, n: 1 }], step: null },
    [buffer],
  );
  assert.deepEqual(strokes.map(({ id, n, points }) => [id, n, [...points]]), [
    [4, 2, [1, 2, 0, 1, 3, 4, 5, 1]],
    [7, 1, [6, 7, 8, 0.5]],
  ]);
});

test("decodeState takes an empty drawing without a buffer", () => {
  assert.deepEqual(decodeState({ type: "state", strokes: [], step: null }, []), []);
});

test("decodeState refuses a buffer of another length", () => {
  const message = { type: /** @type {const} */ ("state"), strokes: [{ id: 1, n: 2 }], step: null };
  assert.throws(() => decodeState(message, [new Float32Array(4)]), /expected 2 points, got 1/);
});
