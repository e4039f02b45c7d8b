import assert from "node:assert/strict";
import { test } from "node:test";

import { percent } from "../src/percent.js";

const s = "\u00a0";

test("percentages claim no more certainty than there is", () => {
  const shown = [0.8333, 0.999, 1, 0.004, 0, 0.005, NaN].map((p) => percent(p));
  assert.deepEqual(shown, [`83${s}%`, `> 99${s}%`, `100${s}%`, `< 1${s}%`, `0${s}%`, `1${s}%`, "–"]);
});

test("fine ones have a decimal where it counts", () => {
  const shown = [0, 0.00004, 0.034, 0.5, 0.9962, 0.99996, 1, NaN].map((p) => percent(p, true));
  assert.deepEqual(shown, [`0${s}%`, `< 0.1${s}%`, `3.4${s}%`, `50${s}%`, `99.6${s}%`, `> 99.9${s}%`, `100${s}%`, "–"]);
});

test("what JSON makes of NaN is a dash", () => {
  for (const share of /** @type {any[]} */ ([null, "nan", NaN, undefined])) assert.equal(percent(share), "–");
});
