"""Errors of the input reconstruction."""


class ReconstructionError(ValueError):
    """An input cannot be reconstructed as asked; the message names the layer or the argument."""
