"""See how a neural network recognises a drawing, stroke by stroke, live in JupyterLab."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it. Imported on first use, so that `import sketchwidgets` stays light.
_HOME = {
    "Sketch": "sketch",
    "SketchError": "sketch",
    "rasterize": "sketch",
    "Calibration": "recognition",
    "Prediction": "recognition",
    "Recognizer": "recognition",
    "Session": "recognition",
    "Network": "visualization",
    "Chart": "visualization",
    "ChartView": "widgets",
    "Figure": "visualization",
    "Section": "visualization",
    "Tile": "visualization",
    "AtlasError": "visualization",
    "FeatureAtlas": "visualization",
    "FeatureEvolution": "visualization",
    "ProjectionError": "visualization",
    "ReconstructionError": "visualization",
    "SketchImages": "visualization",
    "ablation": "visualization",
    "atlas": "visualization",
    "evolution": "visualization",
    "correspondence": "visualization",
    "invariance": "visualization",
    "first_layer": "visualization",
    "gabor_fit": "visualization",
    "invert": "visualization",
    "maximize": "visualization",
    "occlusion": "visualization",
    "project": "visualization",
    "receptive_field": "visualization",
    "record": "visualization",
    "sparsify": "visualization",
    "stroke_attribution": "visualization",
    "stroke_occlusion": "visualization",
    "switch_off": "visualization",
    "trace": "visualization",
    "Atlas": "widgets",
    "AugmentationExplorer": "widgets",
    "EvolutionPlayer": "widgets",
    "FilterGallery": "widgets",
    "InvariancePlot": "widgets",
    "LayerPanels": "widgets",
    "LayerSwitches": "widgets",
    "Compare": "widgets",
    "OcclusionExplorer": "widgets",
    "ProjectionPanels": "widgets",
    "Recognition": "widgets",
    "ReconstructionView": "widgets",
    "RuleExplorer": "widgets",
    "SketchLab": "widgets",
    "SketchPad": "widgets",
    "StrokeExplorer": "widgets",
    "TileGrid": "widgets",
    "TrainingMonitor": "widgets",
    "link": "widgets",
    "show": "widgets",
}
_SUBPACKAGES = ("models", "recognition", "sketch", "studies", "training", "visualization", "widgets")

__all__ = [*_HOME, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _SUBPACKAGES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
