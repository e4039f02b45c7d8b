"""An atlas or an evolution as a folder: one JSON file that says what it is, one safetensors file with the rest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..._files import written_whole
from ..projection.steps._rules import RULES
from ._array_file import ArrayFile, parse_json, write_arrays
from ._drawings import DrawingStore
from ._errors import AtlasError
from ._gallery import Gallery
from ._pictures import Blobs
from ._units import LayerUnits, check_units

FORMAT = 1
_JSON, _TENSORS = "atlas.json", "atlas.safetensors"
_MAX_LAYERS, _MAX_CHANNELS, _MAX_PLACES, _MAX_SIDE = 10_000, 1 << 20, 10_000, 1 << 13


def save_folder(gallery: Gallery, folder: str | Path, extra: Mapping[str, Any]) -> None:
    """Write both files, the JSON file last: a folder without it is not complete and does not open."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise AtlasError(f"{folder} is a file; an atlas is saved to a folder")
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for i, units in enumerate(gallery.values()):
        arrays |= _unit_arrays(units, str(i))
    arrays["labels"] = np.array(sorted(gallery.labels.items()), np.int64).reshape(-1, 2)
    if gallery._drawings is not None:
        arrays |= gallery._drawings.arrays()
    header = {
        "kind": gallery.kind,
        "format": FORMAT,
        "rule": gallery.rule,
        "image_shape": list(gallery.image_shape),
        "layers": [
            {"name": name, "size": list(units.size), "pictures": units._patches is not None}
            for name, units in gallery.items()
        ],
        "classes": None if gallery.classes is None else list(gallery.classes),
        "names": {str(image): name for image, name in sorted(gallery.names.items())},
        "frame": None if gallery._drawings is None else gallery._drawings.frame,
        "facts": gallery.facts,
        "network": gallery.network,
        **extra,
    }
    text = json.dumps(header, allow_nan=False, ensure_ascii=False, indent=1)
    (folder / _JSON).unlink(missing_ok=True)
    write_arrays(folder / _TENSORS, arrays, {"kind": gallery.kind, "format": FORMAT})
    with written_whole(folder / _JSON) as temporary:
        temporary.write_text(text, encoding="utf-8")


def open_folder(
    folder: str | Path, kind: str
) -> tuple[dict[str, LayerUnits], dict[str, Any], dict[str, Any]]:
    """The layers of a folder, the keyword arguments of `Gallery`, and the whole JSON object.

    Nothing in the folder is trusted: AtlasError names the file and what is wrong in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    where = str(folder / _JSON)
    if not (folder / _JSON).is_file():
        raise AtlasError(f"{folder} holds no {_JSON}: not an atlas, or one that was not written to its end")
    try:
        header = parse_json((folder / _JSON).read_text(encoding="utf-8"), where)
    except UnicodeDecodeError as error:
        raise AtlasError(f"{where}: not text ({error})") from None
    _require(header.get("kind") == kind, where, f"kind {header.get('kind')!r}, not {kind!r}")
    _require(
        header.get("format") == FORMAT, where, f"format {header.get('format')!r}; this version reads {FORMAT}"
    )
    _require(header.get("rule") in RULES, where, f"rule {header.get('rule')!r}")
    shape = header.get("image_shape")
    _require(_are_sizes(shape, 3), where, f"image_shape {shape!r}")
    classes, names, facts = header.get("classes"), header.get("names"), header.get("facts")
    _require(classes is None or _are_texts(classes), where, '"classes" is not a list of names')
    _require(
        isinstance(names, dict) and _are_texts(list(names.values())),
        where,
        '"names" is not an object of names',
    )
    _require(
        all(key.isascii() and key.isdigit() for key in names), where, '"names" has a key that is no number'
    )
    _require(isinstance(facts, dict), where, '"facts" is not an object')
    network = header.get("network")
    _require(network is None or isinstance(network, str), where, f"network {network!r}")
    described = header.get("layers")
    _require(isinstance(described, list) and len(described) <= _MAX_LAYERS, where, '"layers" is not a list')
    file = ArrayFile(folder / _TENSORS)
    layers: dict[str, LayerUnits] = {}
    for i, layer in enumerate(described):
        _require(isinstance(layer, dict), where, f"layer {i} is not an object")
        name, size = layer.get("name"), layer.get("size")
        _require(isinstance(name, str) and name not in layers, where, f"the name of layer {i} is {name!r}")
        fits = _are_sizes(size, 2) and size[0] <= shape[1] and size[1] <= shape[2]
        _require(fits, where, f"the size of layer {name!r} is {size!r}, of images {shape!r}")
        layers[name] = _read_units(file, str(i), name, tuple(size), layer.get("pictures") is True)
    labels = file.array("labels", "I64", (None, 2))
    known = len(classes) if classes is not None else None
    if len(labels) and (labels[:, 1].min() < 0 or (known is not None and labels[:, 1].max() >= known)):
        raise AtlasError(f"{file.path}: a label is not the number of one of the {known} classes")
    drawings = None
    if header.get("frame") is not None:
        drawings = DrawingStore.read(file, header["frame"])
        _require(drawings.frame["size"] == shape[1] == shape[2], where, "frame and image_shape do not fit")
        for name, units in layers.items():
            shown = units.images[units.images >= 0].numpy()
            _require(drawings.holds(shown), where, f"a drawing that layer {name!r} shows is not stored")
    arguments = {
        "rule": header["rule"],
        "image_shape": tuple(shape),
        "classes": classes,
        "labels": dict(labels.tolist()),
        "names": {int(image): name for image, name in names.items()},
        "drawings": drawings,
        "facts": facts,
        "network": network,
    }
    return layers, arguments, header


def _unit_arrays(units: LayerUnits, name: str) -> dict[str, np.ndarray]:
    arrays = {
        f"{name}.channels": units.channels.numpy().astype(np.int32),
        f"{name}.images": units.images.numpy(),
        f"{name}.activations": units.activations.numpy(),
        f"{name}.positions": units.positions.numpy().astype(np.int32),
        f"{name}.corners": units.corners.numpy().astype(np.int32),
    }
    if len(units) == 0 or int(units.images.max()) < 1 << 31:
        arrays[f"{name}.images"] = arrays[f"{name}.images"].astype(np.int32)
    if units._patches is not None:
        arrays |= units._patches.arrays(f"{name}.patches")
        arrays |= units._projections.arrays(f"{name}.projections")
        arrays[f"{name}.scales"] = units._scales.numpy()
    return arrays


def _read_units(file: ArrayFile, key: str, name: str, size: tuple[int, int], pictures: bool) -> LayerUnits:
    channels = file.array(f"{key}.channels", "I32 I64", (None,))
    images = file.array(f"{key}.images", "I32 I64", (len(channels), None))
    if len(channels) > _MAX_CHANNELS or images.shape[1] > _MAX_PLACES:
        raise AtlasError(f"{file.path}: layer {name!r} has {images.shape} places")
    shape = images.shape
    scales = file.array(f"{key}.scales", "F32", shape) if pictures else None
    if scales is not None and not (np.isfinite(scales).all() and (scales >= 0).all()):
        raise AtlasError(f"{file.path}: the scales of layer {name!r} are out of range")
    units = LayerUnits(
        name,
        torch.from_numpy(channels.astype(np.int64)),
        torch.from_numpy(images.astype(np.int64)),
        torch.from_numpy(file.array(f"{key}.activations", "F32 F64", shape)),
        torch.from_numpy(file.array(f"{key}.positions", "I32", (*shape, 2)).astype(np.int64)),
        torch.from_numpy(file.array(f"{key}.corners", "I32", (*shape, 2)).astype(np.int64)),
        size,
        Blobs.read(file, f"{key}.patches", images.size) if pictures else None,
        Blobs.read(file, f"{key}.projections", images.size) if pictures else None,
        None if scales is None else torch.from_numpy(scales),
    )
    check_units(units, str(file.path))
    return units


def _require(fine: bool, where: str, problem: str) -> None:
    if not fine:
        raise AtlasError(f"{where}: {problem}")


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _are_sizes(values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(type(value) is int and 1 <= value <= _MAX_SIDE for value in values)
    )
