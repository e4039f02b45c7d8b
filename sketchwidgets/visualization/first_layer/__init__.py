"""First-layer filters, and how far they are Gabors."""

from .filters import Filters, first_layer
from .gabor_fit import GaborFits, gabor_fit

__all__ = ["Filters", "GaborFits", "first_layer", "gabor_fit"]
