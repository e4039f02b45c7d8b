"""Visualisation methods compared, and networks compared: the picture tables of Grün et al. (ICML workshop 2016)."""

from sketchwidgets.studies.pictures._networks import BUNDLED
from sketchwidgets.studies.pictures._plan import PicturePlan
from sketchwidgets.studies.pictures._result import MethodComparison, NetworkComparison, PictureRow
from sketchwidgets.studies.pictures._study import method_comparison, network_comparison

__all__ = [
    "BUNDLED",
    "MethodComparison",
    "NetworkComparison",
    "PicturePlan",
    "PictureRow",
    "method_comparison",
    "network_comparison",
]
