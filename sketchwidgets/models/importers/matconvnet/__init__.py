"""Networks from and for MatConvNet."""

from ._reader import from_matconvnet

__all__ = ["from_matconvnet"]
