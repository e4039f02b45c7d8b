"""The comparison of sketch recognisers: table 2 of the Sketch-a-Net papers (Yu et al., BMVC 2015 and IJCV 2017)."""

from sketchwidgets.studies.recognizers._plan import Contestant, RecognizersPlan
from sketchwidgets.studies.recognizers._result import ComparedRecognizer, RecognizerComparison
from sketchwidgets.studies.recognizers._study import sketch_recognizers

__all__ = [
    "ComparedRecognizer",
    "Contestant",
    "RecognizerComparison",
    "RecognizersPlan",
    "sketch_recognizers",
]
