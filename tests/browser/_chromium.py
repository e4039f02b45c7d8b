"""Find a Chromium that runs, or install one.

As a script: `python _chromium.py --install` prints the path of the browser that the tests will use.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No sandbox, since containers run as root without user namespaces; the rest keeps it off the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
]


def find() -> Path | None:
    """The Chromium named in SKETCHWIDGETS_CHROMIUM, else the first that runs: PATH, then Playwright's own."""
    named = os.environ.get("SKETCHWIDGETS_CHROMIUM")
    if named:
        if not _runs(named):
            raise SystemExit(f"SKETCHWIDGETS_CHROMIUM names {named}, which does not run")
        return Path(named)
    for name in NAMES:
        path = shutil.which(name)
        if path and _runs(path):
            return Path(path)
    return _playwrights_own()


def install() -> Path:
    """Install one with Playwright, or with apt as root; SystemExit says what to do where neither works."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts += [
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
        ]
    for command in attempts:
        print("+", " ".join(command), flush=True)
        subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
        if found := find():
            return found
    raise SystemExit(
        "No Chromium for the browser tests: none on PATH, and it could not be installed. Install Chromium or "
        "Google Chrome, or run `python -m playwright install --with-deps chromium`, or name one in "
        "SKETCHWIDGETS_CHROMIUM."
    )


def _runs(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() and _runs(str(path)) else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="install one where none is found")
    options = parser.parse_args()
    print(find() or (install() if options.install else "none"))
