"""Online recognition: table 1 and figure 2 of Sarvadevabhatla, Kundu and Babu (MM 2016)."""

from sketchwidgets.studies.online._plan import Member, OnlinePlan, StudyCNN
from sketchwidgets.studies.online._result import OnlineRecognition, OnlineRow
from sketchwidgets.studies.online._study import online_recognition

__all__ = ["Member", "OnlineRecognition", "OnlineRow", "OnlinePlan", "StudyCNN", "online_recognition"]
