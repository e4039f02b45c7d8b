"""How a network that has learned something else is taught sketches."""

from dataclasses import replace
from typing import Any

from sketchwidgets.training.fitting import Recipe, Views

GENTLE = Recipe(
    name="fine-tuning",
    epochs=20,
    batch_size=64,
    learning_rate=1e-3,
    momentum=0.9,
    weight_decay=5e-4,
    head_rate=10.0,
    depth_decay=0.8,
    schedule="cosine",
    warmup=20,
    views=Views(crops="random"),
)
PICTIONARY = Recipe(
    name="AlexNet for Pictionary",
    # 20,000 steps of 500 of the 600,000 augmented pictures are 16.7 epochs of them.
    epochs=17,
    batch_size=500,
    learning_rate=1e-2,
    momentum=0.9,
    weight_decay=5e-4,
    bias_rate=2.0,
    head_rate=10.0,
    schedule="step",
    annealing=0.1,
    anneal_every=100_000,
    views=Views(crops="random", mirror=0.0, ink=False, span=255.0, mean=True, test="centre", own=True),
)


def fine_tuning_recipe(**changes: Any) -> Recipe:
    """Fine-tuning with layer-wise learning rates; `changes` are fields of it.

    The last layer, which is new, learns ten times as fast as the layer before it, and every layer 0.8 times as fast as
    the one above: the first filters, which suit any picture, stay nearly as they are. With `depth_decay=0`
    only the last layer learns. How deep a layer lies, `sw.models.layer_groups` says.

    `with_classes` gives any network, imported ones too, that new last layer, with as many outputs as there are classes.

    An imported network and one with ImageNet weights see pictures as they learned them; any other sees ink of 0..1.

    >>> sw.training.fine_tuning_recipe(depth_decay=0.0).head_rate
    10.0
    """
    return replace(GENTLE, **changes)


def alexnet_pictionary_recipe(**changes: Any) -> Recipe:
    """How AlexNet was fine-tuned for the sketches of Sarvadevabhatla et al., ACM MM 2016; `changes` are fields of it.

    From the authors' Caffe files: rate 0.01, momentum 0.9, weight decay 0.0005, 500 pictures a step, 20,000 steps of
    which the best was 10,500; parts of 227 of 256 pixels, not mirrored, the mean subtracted; the last layer learns ten
    times as fast, biases twice as fast as their filters, and the rate is divided by ten after 100,000 steps, so never.

    The mean is what the imported network brings; where the network is not imported, that of the data.

    >>> sw.training.alexnet_pictionary_recipe().batch_size
    500
    """
    return replace(PICTIONARY, **changes)
