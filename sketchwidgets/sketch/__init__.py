"""Drawings as values: `Sketch`, the file formats it comes in, augmentation, and the rasterizer."""

from ._errors import SketchError
from ._limits import MAX_COORDINATE, MAX_POINTS, MAX_STROKES
from ._sketch import Sketch
from .augmentation import (
    augment,
    deform_sketch,
    deform_strokes,
    removal_probabilities,
    remove_strokes,
    stroke_order_channels,
    stroke_order_parts,
)
from .formats.quickdraw import QuickDrawRecord, read_bin, read_ndjson, write_bin, write_ndjson
from .formats.simplify import simplify
from .rasterizer import Canvas, rasterize
from .stroke_descriptors import resample_strokes, stroke_descriptors

__all__ = [
    "Canvas",
    "MAX_COORDINATE",
    "MAX_POINTS",
    "MAX_STROKES",
    "QuickDrawRecord",
    "Sketch",
    "SketchError",
    "augment",
    "deform_sketch",
    "deform_strokes",
    "rasterize",
    "read_bin",
    "read_ndjson",
    "removal_probabilities",
    "remove_strokes",
    "resample_strokes",
    "simplify",
    "stroke_descriptors",
    "stroke_order_channels",
    "stroke_order_parts",
    "write_bin",
    "write_ndjson",
]
