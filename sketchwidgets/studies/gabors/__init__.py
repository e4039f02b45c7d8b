"""Filters against Gabors: figure 8 of Yu et al. (IJCV 2017), measured."""

from sketchwidgets.studies.gabors._result import FiltersAndGabors, FittedFilters
from sketchwidgets.studies.gabors._study import BUNDLED, GaborPlan, filters_and_gabors

__all__ = ["BUNDLED", "FiltersAndGabors", "FittedFilters", "GaborPlan", "filters_and_gabors"]
