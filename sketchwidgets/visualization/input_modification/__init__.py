"""Input modification: change the image, and watch what the network makes of it."""

from ._occlusion_result import Occlusion, OcclusionProgress
from .occlusion import occlusion
from .sparsify import Sparsified, SparsifyState, sparsify
from .stroke_attribution import StrokeAttribution, stroke_attribution
from .stroke_occlusion import MapEffects, StrokeOcclusion, StrokeOcclusionState, stroke_occlusion

__all__ = [
    "MapEffects",
    "Occlusion",
    "OcclusionProgress",
    "Sparsified",
    "SparsifyState",
    "StrokeAttribution",
    "StrokeOcclusion",
    "StrokeOcclusionState",
    "occlusion",
    "sparsify",
    "stroke_attribution",
    "stroke_occlusion",
]
