"""Layers removed and widths changed: table 3 of Zeiler and Fergus (ECCV 2014)."""

from sketchwidgets.studies.ablation._plan import LayerRemovalPlan, Variant
from sketchwidgets.studies.ablation._result import LayerRemoval, LayerRemovalRow
from sketchwidgets.studies.ablation._study import layer_removal

__all__ = ["LayerRemoval", "LayerRemovalPlan", "LayerRemovalRow", "Variant", "layer_removal"]
