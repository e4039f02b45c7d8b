"""Any network with its way of preparing drawings and photos."""

from .network import Network

__all__ = ["Network"]
