// The committed bundle itself, as a host loads it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeModel } from "./fakes.js";

const url = new URL("../../sketchwidgets/static/sketchwidgets.js", import.meta.url);

test("each model gets its own widget, which stops listening when the model ends", async () => {
  const { default: widget } = await import(url.href);
  for (const kind of ["sketch_pad", "layer_panels"]) {
    const model = new FakeModel({ _kind: kind, board: 400 });
    const end = widget().initialize({ model });
    assert.equal(model.listeners, 2);
    end();
    assert.equal(model.listeners, 0);
  }
});

test("a widget that the bundle does not know is named", async () => {
  const { default: widget } = await import(url.href);
  const model = new FakeModel({ _kind: "novelty" });
  assert.throws(() => widget().initialize({ model }), /knows no widget novelty/);
});
