"""Pictures of results, drawn without a browser."""

from .chart import Chart
from .figure import Figure, Section
from .tile import Tile

__all__ = ["Chart", "Figure", "Section", "Tile"]
