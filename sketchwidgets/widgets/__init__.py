"""The widgets: to draw, to see what is recognised, and to look into every layer."""

from ._show import show
from .board.sketch_pad import SketchPad
from .features.atlas import Atlas
from .features.evolution_player import EvolutionPlayer
from .features.filter_gallery import FilterGallery
from .features.invariance_plot import InvariancePlot
from .input_modification.augmentation_explorer import AugmentationExplorer
from .input_modification.occlusion_explorer import OcclusionExplorer
from .input_modification.stroke_explorer import StrokeExplorer
from .live._link import link
from .live.layer_panels import LayerPanels
from .live.recognition import Recognition
from .live.sketch_lab import SketchLab
from .network_modification.layer_switches import LayerSwitches
from .parts.chart_view import ChartView
from .parts.tile_grid import TileGrid
from .projections.compare import Compare
from .projections.projection_panels import ProjectionPanels
from .projections.rule_explorer import RuleExplorer
from .reconstruction.reconstruction_view import ReconstructionView
from .training.training_monitor import TrainingMonitor

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
