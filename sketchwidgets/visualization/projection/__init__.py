"""Deconvolutional visualization: deconvnet, guided backpropagation, backpropagation, by one engine."""

from ._errors import ProjectionError
from ._project import Recording, project, record
from ._result import LayerProjection, Projections
from .receptive_field import ReceptiveField, ReceptiveFields, receptive_field
from .tracing._trace_steps import TraceStep
from .tracing.trace import Trace, trace

__all__ = [
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
