"""The widgets: to draw, to see what is recognised, and to look into every layer."""

from .layer_panels import LayerPanels
from .sketch_pad import SketchPad

__all__ = ["LayerPanels", "SketchPad"]
