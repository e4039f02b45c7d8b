import assert from "node:assert/strict";
import { test } from "node:test";
import { isForLab } from "../src/shortcuts.js";

/** @param {string} keys such as "Ctrl+Shift+z" */
function pressed(keys) {
  const parts = keys.split("+");
  const [ctrlKey, metaKey, altKey, shiftKey] = ["Ctrl", "Cmd", "Alt", "Shift"].map((name) => parts.includes(name));
  return { key: parts[parts.length - 1], ctrlKey, metaKey, altKey, shiftKey };
}

test("JupyterLab gets what it saves and runs with", () => {
  for (const keys of ["Ctrl+s", "Cmd+s", "Ctrl+Enter", "Shift+Enter", "Ctrl+Shift+c", "Ctrl+b"]) {
    assert.equal(isForLab(pressed(keys)), true, keys);
  }
});

test("plain keys and those of the board stay here", () => {
  for (const keys of ["b", "d", "x", "Enter", "Shift+M", "Delete", "Ctrl+z", "Ctrl+Shift+Z", "Cmd+y", "Ctrl+a", "Alt+Enter"]) {
    assert.equal(isForLab(pressed(keys)), false, keys);
  }
});
