"""The widgets: to draw, to see what is recognised, and to look into every layer."""

from ._link import link
from ._show import show
from .atlas import Atlas
from .augmentation_explorer import AugmentationExplorer
from .chart_view import ChartView
from .compare import Compare
from .evolution_player import EvolutionPlayer
from .filter_gallery import FilterGallery
from .invariance_plot import InvariancePlot
from .layer_panels import LayerPanels
from .layer_switches import LayerSwitches
from .occlusion_explorer import OcclusionExplorer
from .projection_panels import ProjectionPanels
from .recognition import Recognition
from .reconstruction_view import ReconstructionView
from .rule_explorer import RuleExplorer
from .sketch_lab import SketchLab
from .sketch_pad import SketchPad
from .stroke_explorer import StrokeExplorer
from .tile_grid import TileGrid
from .training_monitor import TrainingMonitor

__all__ = [
    "Atlas",
    "AugmentationExplorer",
    "ChartView",
    "Compare",
    "EvolutionPlayer",
    "FilterGallery",
    "InvariancePlot",
    "LayerPanels",
    "LayerSwitches",
    "OcclusionExplorer",
    "ProjectionPanels",
    "Recognition",
    "ReconstructionView",
    "RuleExplorer",
    "SketchLab",
    "SketchPad",
    "StrokeExplorer",
    "TileGrid",
    "TrainingMonitor",
    "link",
    "show",
]
