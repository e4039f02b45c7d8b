"""Everything that looks into a network."""

from .figures import Chart, Figure, Section, Tile
from .projection import (
    LayerProjection,
    ProjectionError,
    Projections,
    Recording,
    Trace,
    TraceStep,
    project,
    record,
    trace,
)

__all__ = [
    "Chart",
    "Figure",
    "Section",
    "Tile",
    "LayerProjection",
    "ProjectionError",
    "Projections",
    "Recording",
    "Trace",
    "TraceStep",
    "project",
    "record",
    "trace",
]
