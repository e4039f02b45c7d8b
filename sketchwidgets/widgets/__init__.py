"""The widgets: to draw, to see what is recognised, and to look into every layer."""

from ._link import link
from ._show import show
from .layer_panels import LayerPanels
from .projection_panels import ProjectionPanels
from .recognition import Recognition
from .rule_explorer import RuleExplorer
from .sketch_lab import SketchLab
from .sketch_pad import SketchPad
from .tile_grid import TileGrid

__all__ = [
    "LayerPanels",
    "ProjectionPanels",
    "Recognition",
    "RuleExplorer",
    "SketchLab",
    "SketchPad",
    "TileGrid",
    "link",
    "show",
]
