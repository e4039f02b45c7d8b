"""The papers' tables and figures, measured again: each a function that runs it and returns a result.

Public names are imported on first use: training loads Lightning.
"""

from sketchwidgets._lazy import on_first_use

_HOME = {
    "Measured": "_orderings",
    "Member": "online",
    "OnlineRecognition": "online",
    "OnlineRow": "online",
    "Ordering": "_orderings",
    "Plan": "online",
    "StudyCNN": "online",
    "online_recognition": "online",
}

__all__ = list(_HOME)
__getattr__, __dir__ = on_first_use(__name__, _HOME)
