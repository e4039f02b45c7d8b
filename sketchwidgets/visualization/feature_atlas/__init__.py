"""The images of a data set that excite each channel of a network most."""

from ._atlas import atlas
from ._errors import AtlasError
from ._progress import AtlasProgress
from ._units import LayerUnits
from .result import FeatureAtlas
from .sketch_images import SketchImages

__all__ = ["AtlasError", "AtlasProgress", "FeatureAtlas", "LayerUnits", "SketchImages", "atlas"]
