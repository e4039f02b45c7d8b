"""The papers' tables and figures, measured again: each a function that runs it and returns a result.

Public names are imported on first use: training loads Lightning.
"""

from sketchwidgets._lazy import on_first_use

_HOME = {
    "Checkpoint": "evolution",
    "Choice": "choices",
    "ChoiceRow": "choices",
    "ChoicesPlan": "choices",
    "ChoicesResult": "choices",
    "ComparedRecognizer": "recognizers",
    "Contestant": "recognizers",
    "EvolutionPlan": "evolution",
    "LayerRemoval": "ablation",
    "LayerRemovalPlan": "ablation",
    "LayerRemovalRow": "ablation",
    "FiltersAndGabors": "gabors",
    "FittedFilters": "gabors",
    "GaborPlan": "gabors",
    "Measured": "_orderings",
    "Member": "online",
    "OnlineRecognition": "online",
    "OnlineRow": "online",
    "Ordering": "_orderings",
    "OnlinePlan": "online",
    "RecognizerComparison": "recognizers",
    "RecognizersPlan": "recognizers",
    "StudyCNN": "online",
    "TrainingEvolution": "evolution",
    "Transfer": "transfer_learning",
    "TransferPlan": "transfer_learning",
    "TransferRow": "transfer_learning",
    "Variant": "ablation",
    "layer_removal": "ablation",
    "filters_and_gabors": "gabors",
    "MethodComparison": "pictures",
    "NamedRight": "_named",
    "NetworkComparison": "pictures",
    "NetworkPlan": "pictures",
    "Pairs": "_paired",
    "PicturePlan": "pictures",
    "PictureRow": "pictures",
    "TaughtNetwork": "pictures",
    "method_comparison": "pictures",
    "network_comparison": "pictures",
    "online_recognition": "online",
    "results_page": "_page",
    "results_summary": "_page",
    "sketch_a_net_choices": "choices",
    "sketch_recognizers": "recognizers",
    "training_evolution": "evolution",
    "transfer": "transfer_learning",
}

__all__ = list(_HOME)
__getattr__, __dir__ = on_first_use(__name__, _HOME)
