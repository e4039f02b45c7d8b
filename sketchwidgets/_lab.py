"""Put the notebooks into a folder of the user's and start JupyterLab on the first one."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class LabError(Exception):
    """JupyterLab cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class Copied:
    """What `copy_notebooks` did: files in the user's folder that are new, and changed ones that stayed."""

    new: tuple[Path, ...]
    kept: tuple[Path, ...]


def bundled_notebooks() -> list[Path]:
    """The notebooks of this installation, in reading order: inside the package, or beside it in a checkout.

    Raises LabError where there are none.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        notebooks = sorted(folder.glob("*.ipynb"))
        if notebooks:
            return notebooks
    raise LabError(
        f"This installation holds no notebooks in {package / 'notebooks'}; install sketchwidgets again."
    )


def copy_notebooks(notebooks: list[Path], folder: Path) -> Copied:
    """Copy notebooks into a folder, made if need be; a file that is there and differs is never touched.

    Raises LabError where the folder cannot be made or written to.
    """
    new, kept = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in notebooks:
            target = folder / source.name
            if not target.exists():
                shutil.copyfile(source, target)
                new.append(target)
            elif target.read_bytes() != source.read_bytes():
                kept.append(target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LabError(
            f"Cannot put the notebooks into {folder}: {reason}. Choose another folder with --dir."
        ) from error
    return Copied(tuple(new), tuple(kept))


def lab_arguments(folder: Path, notebook: str, *, port: int | None = None, browser: bool = True) -> list[str]:
    """The command line of JupyterLab that serves a folder and opens one notebook in it."""
    arguments = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{notebook}"]
    if port is not None:
        arguments.append(f"--ServerApp.port={port}")
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Jupyter refuses root unless told; containers run as root, and only loopback is served.
        arguments.append("--allow-root")
    return arguments


def start(
    folder: Path, *, port: int | None = None, browser: bool = True, say: Callable[[str], object] = print
) -> None:
    """Copy the notebooks into `folder` and run JupyterLab there until it is stopped.

    Raises LabError where the notebooks cannot be copied or JupyterLab cannot be imported.
    """
    notebooks = bundled_notebooks()
    folder = folder.expanduser().resolve()
    copied = copy_notebooks(notebooks, folder)
    if copied.new:
        say(f"Copied {_names(copied.new)} to {folder}.")
    if copied.kept:
        say(f"Kept your own {_names(copied.kept)} in {folder}; rename it and start again for a fresh copy.")
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise LabError(
            f"JupyterLab cannot be imported ({error}); install it with: pip install jupyterlab"
        ) from error
    LabApp.launch_instance(argv=lab_arguments(folder, notebooks[0].name, port=port, browser=browser))


def _names(paths: tuple[Path, ...]) -> str:
    return ", ".join(path.name for path in paths)
