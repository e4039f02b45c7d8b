// Bundles the sources to the two committed files in sketchwidgets/static. Same sources and lock file, same bytes.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = new URL("./", import.meta.url);
const out = new URL("../sketchwidgets/static/", here);
const sheets = ["base.css", "pad.css", "fewest.css", "panels.css", "grid.css", "occlusion.css", "switches.css", "lab.css", "forced.css"];

await mkdir(out, { recursive: true });
await build({
  absWorkingDir: fileURLToPath(here),
  entryPoints: ["src/index.js"],
  outfile: fileURLToPath(new URL("sketchwidgets.js", out)),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: false,
  charset: "utf8",
  banner: { js: "// Built from js/ by `make bundle`. Do not edit." },
});
const parts = await Promise.all(sheets.map((name) => readFile(new URL(`src/${name}`, here), "utf8")));
const css = ["/* Built from js/ by `make bundle`. Do not edit. */\n", ...parts].join("\n");
await writeFile(new URL("sketchwidgets.css", out), css);
