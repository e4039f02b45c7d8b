"""Visualisation methods compared, and networks compared: the picture tables of Grün et al. (ICML workshop 2016)."""

from sketchwidgets.studies.pictures._networks import BUNDLED
from sketchwidgets.studies.pictures._plan import NetworkPlan, PicturePlan, TaughtNetwork
from sketchwidgets.studies.pictures._result import MethodComparison, NetworkComparison, PictureRow
from sketchwidgets.studies.pictures._study import method_comparison, network_comparison

__all__ = [
    "BUNDLED",
    "MethodComparison",
    "NetworkComparison",
    "NetworkPlan",
    "PicturePlan",
    "PictureRow",
    "TaughtNetwork",
    "method_comparison",
    "network_comparison",
]
