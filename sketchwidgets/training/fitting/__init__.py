"""How a network is trained: batches by number, a state that is always whole, one function on top of Lightning."""

from sketchwidgets.training.fitting._evolution import RecordEvolution
from sketchwidgets.training.fitting._filters import RenormalizeFilters, renormalize_filters
from sketchwidgets.training.fitting._fit import fit
from sketchwidgets.training.fitting._fitted import Fitted, scores
from sketchwidgets.training.fitting._history import History, read_history
from sketchwidgets.training.fitting._pictures import Pictures, as_pictures, pack_sketches
from sketchwidgets.training.fitting._progress import ReportProgress, TrainingProgress
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._views import Views
from sketchwidgets.training.fitting._with_classes import with_classes

__all__ = [
    "Fitted",
    "History",
    "Pictures",
    "Recipe",
    "RecordEvolution",
    "RenormalizeFilters",
    "ReportProgress",
    "TrainingProgress",
    "Views",
    "as_pictures",
    "fit",
    "pack_sketches",
    "read_history",
    "renormalize_filters",
    "scores",
    "with_classes",
]
