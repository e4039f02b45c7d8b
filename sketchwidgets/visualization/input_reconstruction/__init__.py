"""Input reconstruction: images made by optimisation, that excite a unit or share the features of an image."""

from ._errors import ReconstructionError
from ._inversions import Inversions
from ._loop import ReconstructionState
from ._result import Reconstruction
from ._settings import INVERT_METHODS, MAXIMIZE_METHODS, InvertSettings, MaximizeSettings
from ._space import InputSpace
from .invert import invert
from .maximize import maximize
from .schedules import StepSchedule

__all__ = [
    "INVERT_METHODS",
    "MAXIMIZE_METHODS",
    "InputSpace",
    "Inversions",
    "InvertSettings",
    "MaximizeSettings",
    "Reconstruction",
    "ReconstructionError",
    "ReconstructionState",
    "StepSchedule",
    "invert",
    "maximize",
]
