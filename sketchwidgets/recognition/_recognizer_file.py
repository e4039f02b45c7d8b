"""The file of a recogniser: where it is, and what its metadata describes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sketchwidgets import models
from sketchwidgets.models import RecurrentClassifier, WeightsError
from sketchwidgets.recognition._preprocessing import Preprocessing
from sketchwidgets.recognition.calibration import Calibration

_BUNDLED = Path(models.__file__).parent / "weights"
DEFAULT = "sketchwidgets-quickdraw345"
"""The bundled weights that `Recognizer.load()` takes, and whose atlas `FeatureAtlas.bundled()` is."""
_SUFFIX = ".safetensors"
VERSION = 1


def locate(name_or_path: str | os.PathLike | None) -> Path:
    """The weights file of a bundled name or a path."""
    name = DEFAULT if name_or_path is None else os.fspath(name_or_path)
    bundled = {path.stem: path for path in sorted(_BUNDLED.glob(f"*{_SUFFIX}"))}
    if name in bundled:
        return bundled[name]
    path = Path(name)
    if name_or_path is not None and path.is_file():
        return path
    known = f"bundled are: {', '.join(bundled)}" if bundled else f"no weights are bundled in {_BUNDLED}"
    found = (
        "a folder of that name is no file" if name_or_path is not None and path.is_dir() else "no such file"
    )
    raise FileNotFoundError(
        f"there are no weights called {name!r} and {found} ({known}); "
        "give the path of a file of Recognizer.save, or train one with `sketchwidgets train`"
    )


def read_metadata(
    path: Path, metadata: Mapping[str, Any]
) -> tuple[nn.Module, RecurrentClassifier, list[str], Preprocessing, dict[str, Any], Calibration | None]:
    """What the metadata of `Recognizer.save` describes; the networks are on the meta device."""
    if metadata.get("kind") != "recognizer":
        raise WeightsError(f"{path}: holds no recogniser (kind {metadata.get('kind')!r})")
    if metadata.get("version") != VERSION:
        raise WeightsError(
            f"{path}: recogniser of version {metadata.get('version')!r}; this sketchwidgets reads {VERSION}"
        )
    classes = metadata.get("classes")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise WeightsError(f'{path}: "classes" in the metadata is not a list of names')
    for key in ("preprocessing", "card"):
        if not isinstance(metadata.get(key), dict):
            raise WeightsError(f'{path}: "{key}" in the metadata is not an object')
    try:
        preprocessing = Preprocessing.from_dict(metadata["preprocessing"])
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None
    cnn, recurrent = (_build(path, key, metadata.get(key)) for key in ("cnn", "recurrent"))
    if not isinstance(recurrent, RecurrentClassifier) or not hasattr(cnn, "features"):
        raise WeightsError(f"{path}: {type(cnn).__name__} or {type(recurrent).__name__} is of the wrong kind")
    return cnn, recurrent, classes, preprocessing, metadata["card"], _read_calibration(path, metadata)


def _read_calibration(path: Path, metadata: Mapping[str, Any]) -> Calibration | None:
    described = metadata.get("calibration")
    if described is None:
        return None  # of a file from before there was any
    if not isinstance(described, dict):
        raise WeightsError(f'{path}: "calibration" in the metadata is not an object')
    try:
        return Calibration.from_dict(described)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None


def _build(path: Path, key: str, description: Any) -> nn.Module:
    if not isinstance(description, dict) or not isinstance(description.get("arguments"), dict):
        raise WeightsError(f'{path}: "{key}" in the metadata is not an object with a name and arguments')
    try:
        # Without storage: sizes that a hostile file makes up cost nothing, and initial values are not needed.
        with torch.device("meta"):
            return models.create(description.get("name"), **description["arguments"])
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise WeightsError(f"{path}: the {key} network of the metadata cannot be built: {error}") from None
