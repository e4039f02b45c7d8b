"""Sketch-a-Net's own choices (Yu et al., BMVC 2015 and IJCV 2017), each made otherwise, one at a time."""

from sketchwidgets.studies.choices._plan import Choice, ChoicesPlan
from sketchwidgets.studies.choices._result import ChoiceRow, ChoicesResult
from sketchwidgets.studies.choices._study import sketch_a_net_choices

__all__ = ["Choice", "ChoiceRow", "ChoicesPlan", "ChoicesResult", "sketch_a_net_choices"]
