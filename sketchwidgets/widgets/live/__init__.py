"""The live engine: strokes in, predictions and panels out, on one thread."""

from ._engine import LiveEngine

__all__ = ["LiveEngine"]
