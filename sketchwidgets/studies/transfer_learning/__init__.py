"""Features carried over to other data: section 5.2 and table 6 of Zeiler and Fergus (ECCV 2014)."""

from sketchwidgets.studies.transfer_learning._plan import TransferPlan
from sketchwidgets.studies.transfer_learning._result import Transfer, TransferRow
from sketchwidgets.studies.transfer_learning._study import transfer

__all__ = ["Transfer", "TransferPlan", "TransferRow", "transfer"]
