"""Input modification: change the image, and watch what the network makes of it."""

from ._occlusion_result import Occlusion, OcclusionProgress
from .occlusion import occlusion
from .stroke_attribution import StrokeAttribution, stroke_attribution
from .stroke_occlusion import MapEffects, StrokeOcclusion, StrokeOcclusionState, stroke_occlusion

__all__ = [
    "MapEffects",
    "Occlusion",
    "OcclusionProgress",
    "StrokeAttribution",
    "StrokeOcclusion",
    "StrokeOcclusionState",
    "occlusion",
    "stroke_attribution",
    "stroke_occlusion",
]
