from dataclasses import replace

import numpy as np
import pytest
import torch

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.images import Augmentation, PrefixBatches, render

PREPROCESSING = Preprocessing(size=64, extent=50.0)


def test_without_augmentation_it_is_the_image_of_live_use(drawings):
    indices = np.arange(12)
    keep = np.minimum(drawings.n_strokes[indices], 2)
    images = render(drawings, indices, keep, PREPROCESSING)
    for index, k, image in zip(indices, keep, images, strict=True):
        canvas = PREPROCESSING.canvas()
        for stroke in drawings.strokes(index)[:k]:
            canvas.add(stroke)
        torch.testing.assert_close(canvas.image[0], image, atol=2e-4, rtol=0)


def test_a_prefix_does_not_depend_on_later_strokes(drawings):
    index = int(np.argmax(drawings.n_strokes))
    alone = render(drawings, np.array([index]), np.array([1]), PREPROCESSING)
    values = {"points": drawings.points.copy()}
    first_point = drawings.first_point[drawings.first_stroke[index] + 1]
    values["points"][first_point:] += 1000
    changed = render(replace(drawings, **values), np.array([index]), np.array([1]), PREPROCESSING)
    assert torch.equal(alone, changed)


def test_one_group_gets_one_change(drawings):
    indices = np.full(6, 3)
    keep = np.full(6, int(drawings.n_strokes[3]))
    group = np.array([0, 0, 0, 1, 1, 1])
    images = render(drawings, indices, keep, PREPROCESSING, Augmentation(), np.random.default_rng(0), group)
    assert torch.equal(images[0], images[2])
    assert torch.equal(images[3], images[5])
    assert not torch.equal(images[0], images[3])


def test_augmented_ink_stays_in_the_frame(drawings):
    wild = Augmentation(rotation=3.0, scale=(0.8, 1.1), stretch=0.5, shift=2.0)
    whole = drawings.n_strokes[:40].astype(np.int64)
    images = render(drawings, np.arange(40), whole, PREPROCESSING, wild, np.random.default_rng(1))
    rim = torch.ones(64, 64, dtype=torch.bool)
    rim[1:-1, 1:-1] = False
    assert images.flatten(1).amax(1).min() > 0.5
    assert not images[:, 0, rim].any()


def test_a_batch_depends_on_seed_and_number_alone(drawings):
    def batches(seed):
        train, _ = drawings.split(4)
        return PrefixBatches(
            drawings, train, PREPROCESSING, Augmentation(), batch_size=16, steps=9, seed=seed
        )

    images, labels = batches(5).batch(7)
    resumed = batches(5)
    resumed.first_step = 7
    again = next(iter(resumed))
    assert torch.equal(images, again[0])
    assert torch.equal(labels, again[1])
    assert not torch.equal(images, batches(6).batch(7)[0])
    assert len(resumed) == 2


def test_every_drawing_is_seen_once_an_epoch(drawings):
    train = np.arange(64)
    source = PrefixBatches(drawings, train, PREPROCESSING, Augmentation(), batch_size=16, steps=4)
    labels = torch.cat([label for _, label in source])
    assert sorted(labels.tolist()) == sorted(drawings.label[train].tolist())


def test_an_augmentation_needs_a_generator(drawings):
    with pytest.raises(ValueError, match="random generator"):
        render(drawings, np.array([0]), np.array([1]), PREPROCESSING, Augmentation())
