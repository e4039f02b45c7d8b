"""The ensemble of Sketch-a-Nets, trained and measured (Yu et al., BMVC 2015)."""

from sketchwidgets._lazy import on_first_use

# Public name -> module of this folder. Loaded on first use: the fusions need scikit-learn and SciPy.
_HOME = {
    "EnsembleResult": "result",
    "EnsembleRow": "result",
    "FineTuning": "_fine_tune",
    "train_ensemble": "experiment",
}

__all__ = [*_HOME]
__getattr__, __dir__ = on_first_use(__name__, _HOME)
