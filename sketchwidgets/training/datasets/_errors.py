"""The one error of data sets."""


class DataSetError(ValueError):
    """A data set that cannot be downloaded, unpacked or read; the message says what, where, and what helps."""
