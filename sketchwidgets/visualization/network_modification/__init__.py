"""Network modification: switch parts of a network off, and watch what it makes of the same image."""

from ._results import Ablation, AblationState, SwitchedOff
from .ablation import ablation
from .switch_off import switch_off

__all__ = ["Ablation", "AblationState", "SwitchedOff", "ablation", "switch_off"]
