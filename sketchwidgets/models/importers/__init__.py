"""Networks from the files of other programs."""

from ._convert import convert_files, open_network
from ._errors import NetworkFileError
from ._network import ImportedNetwork, Layer, Source
from ._preprocessing import ImagePreprocessing

__all__ = [
    "ImagePreprocessing",
    "ImportedNetwork",
    "Layer",
    "NetworkFileError",
    "Source",
    "convert_files",
    "open_network",
]
