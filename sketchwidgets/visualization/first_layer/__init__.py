"""First-layer filters, and how far they are Gabors."""

from .filters import Filters, first_layer
from .gabor_fit import FitState, GaborFits, gabor_fit

__all__ = ["Filters", "FitState", "GaborFits", "first_layer", "gabor_fit"]
