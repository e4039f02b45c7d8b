"""Analyses of what features know: correspondence of parts, invariance to transforms."""

from .correspondence import Correspondence, CorrespondenceState, correspondence
from .invariance import Invariance, InvarianceState, invariance

__all__ = [
    "Correspondence",
    "CorrespondenceState",
    "Invariance",
    "InvarianceState",
    "correspondence",
    "invariance",
]
