"""Several Sketch-a-Nets as one recogniser: a scale for each, and three ways to fuse them (Yu et al., BMVC 2015).

`MultiScale` holds the networks. Their scores are fused by `fuse_scores`, their features by `FeatureFusion` or by
`JointBayesian`. `sketchwidgets.training.ensemble` trains and measures them all. The modules are loaded on first use:
the last two need scikit-learn and SciPy.
"""

from sketchwidgets._lazy import on_first_use

# Public name -> module of this folder.
_HOME = {
    "FeatureFusion": "fusion",
    "InkPreparation": "_views",
    "JointBayesian": "joint_bayesian",
    "MultiScale": "multi_scale",
    "SCALES": "multi_scale",
    "VIEWS": "_views",
    "at_scale": "_views",
    "concatenate": "fusion",
    "features_and_scores": "multi_scale",
    "fuse_scores": "fusion",
    "view": "_views",
}

__all__ = [*_HOME]
__getattr__, __dir__ = on_first_use(__name__, _HOME)
