"""How what excites a channel changes while a network learns."""

from ._evolution import evolution
from .result import FeatureEvolution

__all__ = ["FeatureEvolution", "evolution"]
