"""What `Network` needs to know about a network that comes from another program's file."""

from pathlib import PurePath
from typing import Any

from sketchwidgets.models.importers import ImportedNetwork


def description(network: ImportedNetwork) -> dict[str, Any]:
    """The arguments of `Network`: (value - mean) / std of values in 0..1 is (level - mean) * scale of levels 0..255."""
    preprocessing = network.preprocessing
    described = {
        "size": preprocessing.size,
        "channels": network.channels,
        "mean": 0.0 if preprocessing.mean is None else preprocessing.mean / 255,
        "std": 1 / (255 * preprocessing.scale),
        "ink": preprocessing.ink,
        "classes": network.class_names,
        "name": PurePath(network.source.file).stem,
        "resize": preprocessing.resize,
        "interpolation": preprocessing.interpolation,
    }
    if preprocessing.channel_order == "bgr":
        described["channel_order"] = "bgr"
    return described
