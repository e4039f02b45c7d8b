"""Sketch recognisers from before the networks: fit and predict on grey images (n, h, w), as in scikit-learn.

| class | paper | top-1 of the paper, TU-Berlin, 250 classes |
| --- | --- | --- |
| `HOGSVM` | Eitz, Hays & Alexa 2012 | 56 % |
| `StructureEnsemble` | Li, Song & Gong 2013 | 61.5 % |
| `MultipleKernelSVM` | Li, Hospedales, Song & Gong 2015 | 65.8 % |
| `FisherSVM` | Schneider & Tuytelaars 2014 (FV-SP) | 68.9 % |
| `CNNFeatureSVM` | AlexNet-SVM in Yu et al. 2015 | 67.1 % |

`benchmarks/classical.py` measures each; its results are in docs/results/classical-tuberlin40.json.

All work with a kernel matrix of the training images, n * n numbers of 8 bytes: 1.4 GB for the 13,300 of two folds of the
whole of TU-Berlin. None has a file format: arguments, training images and seed give the same machine again. The modules
are loaded on first use, and need scikit-learn and scikit-image.
"""

from sketchwidgets._lazy import on_first_use

# Public name -> module of this folder.
_HOME = {
    "HOGSVM": "hog",
    "CNNFeatureSVM": "cnn_features",
    "FisherSVM": "fisher",
    "MultipleKernelSVM": "multiple_kernel",
    "StructureEnsemble": "structure",
    "alignment": "kernels",
    "alignment_weights": "kernels",
    "daisy_descriptors": "descriptors",
    "dense_descriptors": "descriptors",
    "fisher_pyramid": "fisher",
    "frame": "_images",
    "layer_by_layer": "cnn_features",
    "layer_features": "cnn_features",
    "self_similarity_descriptors": "self_similarity",
    "soft_histogram": "bag_of_features",
    "star_graphs": "star_graph",
    "star_similarity": "star_graph",
}

__all__ = [*_HOME]
__getattr__, __dir__ = on_first_use(__name__, _HOME)
