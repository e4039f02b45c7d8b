"""Networks from and for MatConvNet."""

from ._reader import from_matconvnet
from ._writer import to_matconvnet

__all__ = ["from_matconvnet", "to_matconvnet"]
