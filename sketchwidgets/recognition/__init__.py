"""Recognise drawings, whole or stroke by stroke."""

from sketchwidgets.recognition._preprocessing import Preprocessing

__all__ = ["Preprocessing"]
