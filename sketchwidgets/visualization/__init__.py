"""Everything that looks into a network."""

from .feature_atlas import AtlasError, AtlasProgress, FeatureAtlas, LayerUnits, SketchImages, atlas
from .feature_evolution import FeatureEvolution, evolution
from .feature_analysis import (
    Correspondence,
    CorrespondenceState,
    Invariance,
    InvarianceState,
    correspondence,
    invariance,
)
from .figures import Chart, Figure, Section, Tile
from .first_layer import Filters, FitState, GaborFits, first_layer, gabor_fit
from .input_modification import (
    StrokeAttribution,
    StrokeOcclusion,
    stroke_attribution,
    stroke_occlusion,
)
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
    "AtlasError",
    "AtlasProgress",
    "FeatureAtlas",
    "FeatureEvolution",
    "evolution",
    "LayerUnits",
    "SketchImages",
    "atlas",
    "Chart",
    "Figure",
    "Section",
    "Tile",
    "Correspondence",
    "CorrespondenceState",
    "Invariance",
    "InvarianceState",
    "correspondence",
    "invariance",
    "Filters",
    "FitState",
    "GaborFits",
    "first_layer",
    "gabor_fit",
    "LayerProjection",
    "ProjectionError",
    "Projections",
    "ReceptiveField",
    "ReceptiveFields",
    "Recording",
    "Trace",
    "TraceStep",
    "StrokeAttribution",
    "StrokeOcclusion",
    "project",
    "receptive_field",
    "record",
    "stroke_attribution",
    "stroke_occlusion",
    "trace",
]
