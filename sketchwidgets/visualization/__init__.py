"""Everything that looks into a network."""

from .figures import Chart, Figure, Section, Tile
from .projection import (
    LayerProjection,
    ProjectionError,
    Projections,
    ReceptiveField,
    ReceptiveFields,
    Recording,
    Trace,
    TraceStep,
    project,
    receptive_field,
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
    "ReceptiveField",
    "ReceptiveFields",
    "Recording",
    "Trace",
    "TraceStep",
    "project",
    "receptive_field",
    "record",
    "trace",
]
