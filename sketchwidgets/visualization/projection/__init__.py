"""Deconvolutional visualization: deconvnet, guided backpropagation, backpropagation, by one engine."""

from ._errors import ProjectionError
from ._project import Recording, project, record
from ._result import LayerProjection, Projections

__all__ = ["LayerProjection", "ProjectionError", "Projections", "Recording", "project", "record"]
