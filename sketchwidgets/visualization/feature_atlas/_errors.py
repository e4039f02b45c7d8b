"""Errors of atlases and evolutions."""


class AtlasError(ValueError):
    """An atlas cannot be made, read or continued as asked; the message names the layer, file or argument."""
