from dataclasses import replace

import numpy as np
import pytest
import torch

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch import deform_sketch, deform_strokes, remove_strokes, stroke_order_channels
from sketchwidgets.training.inputs.images import Augmentation, PrefixBatches, render

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
    assert len(list(resumed)) == 2
    assert len(resumed) == 9  # with those that the run before has made


def test_every_drawing_is_seen_once_an_epoch(drawings):
    train = np.arange(64)
    source = PrefixBatches(drawings, train, PREPROCESSING, Augmentation(), batch_size=16, steps=4)
    labels = torch.cat([label for _, label in source])
    assert sorted(labels.tolist()) == sorted(drawings.label[train].tolist())


def test_an_augmentation_needs_a_generator(drawings):
    with pytest.raises(ValueError, match="random generator"):
        render(drawings, np.array([0]), np.array([1]), PREPROCESSING, Augmentation())


# Strokes removed and deformed, and the order of the strokes

STILL = Augmentation(rotation=0, scale=(1.0, 1.0), stretch=0, shift=0, mirror=0)


def pictures(drawings, indices, keep, augmentation, seed=0, **kwargs):
    return render(drawings, indices, keep, PREPROCESSING, augmentation, np.random.default_rng(seed), **kwargs)


def image_of(sketch):
    canvas = PREPROCESSING.canvas()
    canvas.set_strokes(list(sketch))
    return canvas.image[0]


def test_asking_for_no_change_of_strokes_changes_nothing(drawings):
    indices, keep = np.arange(20), drawings.n_strokes[:20].astype(np.int64)
    plain = pictures(drawings, indices, keep, Augmentation())
    asked = Augmentation(
        deformation=1.0, stroke_strength=0, sketch_strength=0, removal=1.0, removal_share=(0, 0)
    )
    torch.testing.assert_close(pictures(drawings, indices, keep, asked), plain, atol=1e-4, rtol=0)


def test_strokes_are_removed_as_from_a_sketch(drawings):
    indices, keep = np.arange(30), drawings.n_strokes[:30].astype(np.int64)
    removing = replace(STILL, removal=1.0, removal_share=(0.4, 0.4), removal_alpha=1.0, removal_beta=0.5)
    images = pictures(drawings, indices, keep, removing)
    for index, image in enumerate(images):
        expected = remove_strokes(drawings.strokes(index), 0.4, alpha=1.0, beta=0.5)
        torch.testing.assert_close(image, image_of(expected), atol=2e-4, rtol=0)


def test_strokes_are_deformed_as_a_sketch_is(drawings):
    deforming = replace(STILL, deformation=1.0, stroke_strength=2.0, sketch_strength=1.5)
    for index in range(5):
        image = pictures(
            drawings, np.array([index]), drawings.n_strokes[[index]].astype(np.int64), deforming, 3
        )
        rng = np.random.default_rng(3)
        rng.random(1 + 1 + 1 + 1 + 2)  # turn, stretch, mirror, scale, shift
        rng.random(3)  # share, removed or not, deformed or not
        sketch = deform_strokes(drawings.strokes(index), rng, strength=2.0)
        sketch = deform_sketch(sketch, rng, strength=1.5)
        torch.testing.assert_close(image[0], image_of(sketch), atol=2e-3, rtol=0)


def test_prefixes_of_a_group_are_those_of_one_changed_drawing(drawings):
    index = int(np.argmax(drawings.n_strokes))
    whole = int(drawings.n_strokes[index])
    keep = np.arange(1, whole + 1)[::-1]
    changing = replace(STILL, removal=1.0, removal_share=(0.4, 0.4), deformation=1.0)
    indices, group = np.full(whole, index), np.zeros(whole, int)
    images = pictures(drawings, indices, keep, changing, group=group)
    assert torch.equal(images, pictures(drawings, indices, keep, changing, group=group))
    # The longest is that of the drawing alone, and no prefix is blank, though 2 of 5 strokes are gone.
    alone = pictures(drawings, indices[:1], keep[:1], changing)
    assert torch.equal(images[0], alone[0])
    assert images.amax((1, 2, 3)).min() > 0.5
    # Where the last stroke of a prefix is one of those removed, it looks like the prefix before.
    left = remove_strokes(drawings.strokes(index), 0.4)
    same = sum(torch.equal(images[k], images[k + 1]) for k in range(whole - 1))
    assert 0 < same <= whole - len(left)


def test_groups_may_come_in_any_order(drawings):
    changing = replace(STILL, removal=0.7, deformation=1.0)
    indices, keep = np.array([5, 5, 9, 9]), drawings.n_strokes[[5, 5, 9, 9]].astype(np.int64)
    images = pictures(drawings, indices, keep, changing, group=np.array([1, 1, 0, 0]))
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[2], images[3])
    assert not torch.equal(images[0], images[2])


def test_stroke_order_channels_of_what_is_drawn(drawings):
    indices, keep = np.arange(12), np.maximum(drawings.n_strokes[:12].astype(np.int64) - 1, 1)
    images = render(drawings, indices, keep, PREPROCESSING, channels="order")
    assert images.shape == (12, 6, 64, 64)
    for index, image in enumerate(images):
        strokes = drawings.strokes(index)[: keep[index]]
        expected = stroke_order_channels(
            strokes, PREPROCESSING.size, PREPROCESSING.stroke_width, PREPROCESSING.extent
        )
        torch.testing.assert_close(image, expected, atol=2e-4, rtol=0)
    plain = render(drawings, indices, keep, PREPROCESSING)
    torch.testing.assert_close(images[:, 5:], plain, atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="channels must be"):
        render(drawings, indices, keep, PREPROCESSING, channels="rgb")


def test_real_drawings_with_everything(shared):
    from sketchwidgets.training import DrawingSet

    drawings = DrawingSet.load(shared / "data" / "quickdraw345.npz")
    everything = Augmentation(removal=0.5, deformation=1.0)
    batches = PrefixBatches(
        drawings, np.arange(64), Preprocessing(), everything, batch_size=32, steps=2, channels="order"
    )
    images, labels = batches.batch(1)
    assert images.shape == (32, 6, 225, 225)
    assert len(labels) == 32
    assert images[:, 5].amax((1, 2)).min() > 0.5
    assert torch.equal(images[:, :3].amax(1), images[:, 5])
    assert torch.equal(images, batches.batch(1)[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mirror", 2),
        ("removal", "half"),
        ("shift", -1),
        ("scale", 1.0),
        ("scale", (1.1, 0.9)),
        ("removal_share", (0, 2)),
    ],
)
def test_an_augmentation_names_what_cannot_be(name, value):
    with pytest.raises(ValueError, match=name):
        Augmentation(**{name: value})
