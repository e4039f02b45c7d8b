"""Feature evolution of a training from scratch: figure 4 of Zeiler and Fergus (ECCV 2014), with a Sketch-a-Net."""

from sketchwidgets.studies.evolution._plan import EvolutionPlan
from sketchwidgets.studies.evolution._result import Checkpoint, TrainingEvolution
from sketchwidgets.studies.evolution._study import training_evolution

__all__ = ["Checkpoint", "EvolutionPlan", "TrainingEvolution", "training_evolution"]
