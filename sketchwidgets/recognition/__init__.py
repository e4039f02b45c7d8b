"""Recognition of drawings, stroke by stroke."""

from sketchwidgets.recognition._prediction import Prediction
from sketchwidgets.recognition._prefixes import prefix_images
from sketchwidgets.recognition._preprocessing import Preprocessing
from sketchwidgets.recognition._recognizer import Recognizer
from sketchwidgets.recognition._session import Session
from sketchwidgets.recognition.calibration import Calibration

__all__ = ["Calibration", "Prediction", "Preprocessing", "Recognizer", "Session", "prefix_images"]
