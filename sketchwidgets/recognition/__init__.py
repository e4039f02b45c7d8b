"""Recognition of drawings, stroke by stroke."""

from sketchwidgets.recognition._prediction import Prediction
from sketchwidgets.recognition._preprocessing import Preprocessing
from sketchwidgets.recognition._recognizer import Recognizer
from sketchwidgets.recognition._session import Session

__all__ = ["Prediction", "Preprocessing", "Recognizer", "Session"]
