"""Everything that looks into a network."""

from .projection import LayerProjection, ProjectionError, Projections, Recording, project, record

__all__ = ["LayerProjection", "ProjectionError", "Projections", "Recording", "project", "record"]
