"""Drawings as values: `Sketch`, the file formats it comes in, and the rasterizer."""

from ._errors import SketchError
from ._limits import MAX_COORDINATE, MAX_POINTS, MAX_STROKES
from ._sketch import Sketch
from .formats.quickdraw import QuickDrawRecord, read_bin, read_ndjson, write_bin, write_ndjson
from .formats.simplify import simplify
from .rasterizer import Canvas, rasterize

__all__ = [
    "Canvas",
    "MAX_COORDINATE",
    "MAX_POINTS",
    "MAX_STROKES",
    "QuickDrawRecord",
    "Sketch",
    "SketchError",
    "rasterize",
    "read_bin",
    "read_ndjson",
    "simplify",
    "write_bin",
    "write_ndjson",
]
