"""Analyses of what features know: correspondence of parts, invariance to transforms."""

from .correspondence import Correspondence, correspondence
from .invariance import Invariance, invariance

__all__ = [
    "Correspondence",
    "Invariance",
    "correspondence",
    "invariance",
]
