"""Errors of the projection engine."""


class ProjectionError(ValueError):
    """A projection cannot be computed as asked; the message names the layer, the operation or the argument."""


class UnsupportedOperation(Exception):
    """The window sweep met an operation that it cannot take apart. Internal: the autograd path takes over."""
