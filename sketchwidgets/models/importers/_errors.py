"""What is raised for a network file that cannot be used."""


class NetworkFileError(ValueError):
    """A file of a network is damaged, hostile, or holds what is not known here; the message names file and layer."""
