"""Correspondence: the equation by hand, the policy for zeros, masks and strokes."""

import numpy as np
import pytest
import torch
from torch import nn

from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch
from sketchwidgets.visualization import Network, correspondence


def house(width: float, height: float, peak: float) -> Sketch:
    walls = [(0, 50), (0, 50 + height), (width, 50 + height), (width, 50), (0, 50)]
    return Sketch([walls, [(0, 50), (width / 2, 50 - peak), (width, 50)], [(width / 3, 60), (width / 3, 80)]])


HOUSES = [house(80, 60, 50), house(100, 50, 30), house(60, 70, 45)]


@pytest.fixture
def tiny():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        layers = [nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten()]
        layers += [nn.Linear(3 * 36, 5), nn.ReLU(), nn.Linear(5, 4)]
        return nn.Sequential(*layers).double().eval()


def images(n=4):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("zeros", ["symbol", "opposite"])
def test_the_equation_by_hand(tiny, zeros):
    x, boxes = images(), [(0, 0, 3, 3), (1, 1, 4, 4), (2, 0, 5, 3), (4, 4, 7, 7)]
    result = correspondence(
        tiny, x, {"part": boxes}, ["1", "4"], random=False, fill=0.5, zeros=zeros, progress=False
    )
    masked = x.clone()
    for i, (top, left, bottom, right) in enumerate(boxes):
        masked[i, :, top:bottom, left:right] = 0.5
    assert torch.equal(result.masked["part"], masked)
    for at, upto in enumerate((2, 5)):
        with torch.no_grad():
            signs = [(tiny[:upto](x)[i] - tiny[:upto](masked)[i]).flatten().sign() for i in range(4)]
        shares, total = [], 0
        for i in range(4):
            for j in range(4):
                if i == j:
                    continue
                if zeros == "symbol":
                    count = sum(a != b for a, b in zip(signs[i].tolist(), signs[j].tolist(), strict=True))
                else:
                    count = sum(
                        a * b == -1 for a, b in zip(signs[i].tolist(), signs[j].tolist(), strict=True)
                    )
                shares.append(count / len(signs[i]))
                total += count
        shares = torch.tensor(shares, dtype=torch.float64)
        assert result.total[0, at] == total
        assert torch.allclose(result.delta[0, at], shares.mean(), rtol=0, atol=1e-12)
        assert torch.allclose(result.std[0, at], shares.std(correction=0), rtol=0, atol=1e-12)


def test_equal_images_change_alike_and_opposite_ones_do_not():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(2 * 64, 2)).double().eval()
    model[0].weight.data = torch.tensor([1.0, -1.0], dtype=torch.float64).view(2, 1, 1, 1)
    x = torch.stack([torch.ones(1, 8, 8), torch.ones(1, 8, 8), -torch.ones(1, 8, 8)]).double()
    result = correspondence(
        model, x, {"all": [(0, 0, 8, 8)] * 3}, ["0"], random=False, fill=0.0, progress=False
    )
    assert result.hamming[0, 0].tolist() == [0.0, 1.0, 1.0]
    assert (result.delta[0, 0], result.total[0, 0]) == (2 / 3, 2 * 2 * 128)


def test_zero_changes_count_as_stated():
    model = (
        nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
        .double()
        .eval()
    )
    model[0].weight.data.fill_(1.0)
    x = torch.tensor([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]]).view(2, 1, 2, 2).double()
    # Changes of (+, +, 0, 0) and (+, 0, +, 0).
    for zeros, expected in (("symbol", 0.5), ("opposite", 0.0)):
        result = correspondence(
            model, x, {"all": [(0, 0, 2, 2)] * 2}, ["1"], random=False, fill=0.0, zeros=zeros, progress=False
        )
        assert result.delta[0, 0] == expected


def test_a_mask_is_a_box_or_pixels(tiny):
    x = images(2)
    pixels = torch.zeros(8, 8, dtype=torch.bool)
    pixels[2:5, 1:7] = True
    result = correspondence(
        tiny, x, {"box": [(2, 1, 5, 7)] * 2, "pixels": [pixels] * 2}, ["1"], random=False, progress=False
    )
    assert torch.equal(result.masked["box"], result.masked["pixels"])
    mean = x.mean((2, 3), keepdim=True)
    assert torch.allclose(result.masked["box"][:, :, 2:5, 1:7], mean.expand(2, 1, 3, 6))


def test_random_boxes_have_the_size_of_the_first_part_and_are_repeatable(tiny):
    x = images()
    made = [
        correspondence(tiny, x, {"part": [(0, 0, 2, 3)] * 4}, ["1"], fill=9.0, seed=seed, progress=False)
        for seed in (0, 0, 1)
    ]
    assert made[0].parts == ("part", "random")
    hidden = made[0].masked["random"] == 9.0
    assert hidden.sum((1, 2, 3)).tolist() == [6] * 4
    assert torch.equal(made[0].masked["random"], made[1].masked["random"])
    assert not torch.equal(made[0].masked["random"], made[2].masked["random"])


def test_strokes_left_out_leave_the_others_where_they_are():
    network = Network.of(Recognizer.load("sketch-a-net-quickdraw345"))
    result = correspondence(network, HOUSES, strokes={"roof": [[1], [1], [1]]}, progress=False)
    assert result.parts == ("roof", "random")
    assert result.layers == ("relu5", "relu7")
    for sketch, masked in zip(HOUSES, result.masked["roof"], strict=True):
        whole = network.prepare(sketch)[0]
        assert (masked <= whole).all()
        rows = masked[0].sum(1).nonzero()
        assert int(rows[0]) > int(whole[0].sum(1).nonzero()[0]) + 20  # the roof is gone, the walls stay below
        assert torch.equal(masked[0, -40:], whole[0, -40:])
    assert (result.delta > 0).all()
    assert len(result.figure().sections[0].tiles) == 3


def face(width, height, eyes, smile, nose):
    turn = np.linspace(0, 2 * np.pi, 40)
    oval = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    across = np.linspace(-1.5, 1.5, 20)
    return Sketch(
        [
            oval * (width, height),
            oval * 0.12 * width + (-eyes, -0.25 * height),
            oval * 0.12 * width + (eyes, -0.25 * height),
            [(0, -0.1 * height), (nose, 0.15 * height), (0, 0.18 * height)],
            np.stack([0.3 * width * across, 0.45 * height + smile * np.cos(across)], axis=1),
        ]
    )


def test_the_same_part_of_drawn_faces_changes_features_more_alike_than_random_strokes():
    # The finding of the paper's table, on drawings: below .8 of the random parts' Delta for every part and layer.
    faces = [face(80, 100, 32, 18, -10), face(95, 95, 40, 25, 12), face(70, 105, 26, 12, -12)]
    faces += [face(90, 110, 35, 30, 8), face(100, 90, 45, 15, -14)]
    parts = {"left eye": [[1]] * 5, "right eye": [[2]] * 5, "nose": [[3]] * 5, "mouth": [[4]] * 5}
    recognizer = Recognizer.load("sketch-a-net-quickdraw345")
    for zeros in ("symbol", "opposite"):
        result = correspondence(recognizer, faces, strokes=parts, zeros=zeros, progress=False)
        assert (result.delta[:4] < 0.8 * result.delta[4]).all()


def test_boxes_on_drawings_are_filled_with_paper():
    side = Recognizer.load().preprocessing.size
    boxes = {"top": [(0, 0, side // 3, side)] * 3}
    result = correspondence(None, HOUSES, boxes, random=False, progress=False)
    assert (result.masked["top"][:, :, : side // 3] == 0).all()


def test_the_model_stays_and_a_callback_ends_it(tiny):
    seen = []
    result = correspondence(
        tiny,
        images(),
        {"a": [(0, 0, 2, 2)] * 4, "b": [(0, 0, 2, 2)] * 4},
        ["1"],
        progress=False,
        callback=lambda state: seen.append((state.done, state.total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert result.finished
    stopped = correspondence(
        tiny, images(), {"a": [(0, 0, 2, 2)] * 4}, ["1"], progress=False, callback=lambda state: np.False_
    )
    assert not stopped.finished
    assert torch.isnan(stopped.delta[1]).all()
    assert not any(module._forward_hooks for module in tiny.modules())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"images": images(1)}, ValueError, "at least two"),
        ({"masks": None}, ValueError, "at least one part"),
        ({"masks": {"a": [(0, 0, 2, 2)]}}, ValueError, r"masks\['a'\] must have 4 entries"),
        ({"masks": [(0, 0, 2, 2)] * 4}, TypeError, "masks must map"),
        ({"masks": {"a": [(0, 0, 9, 2)] * 4}}, ValueError, "outside of the input"),
        ({"masks": {"a": [torch.zeros(8, 8, dtype=torch.bool)] * 4}}, ValueError, "hides nothing"),
        ({"masks": {"a": [(0, 1)] * 4}}, ValueError, "must hold boxes"),
        ({"masks": {"random": [(0, 0, 2, 2)] * 4}}, ValueError, "given twice"),
        ({"strokes": {"a": [[0]] * 4}}, ValueError, "of sketches only"),
        ({"zeros": "no"}, ValueError, "zeros must be"),
        ({"fill": "pink"}, ValueError, "fill must be"),
        ({"layers": ["nowhere"]}, ValueError, "no layer"),
    ],
)
def test_what_does_not_fit_is_named(tiny, arguments, error, message):
    arguments = {"images": images(), "masks": {"part": [(0, 0, 2, 2)] * 4}, "progress": False, **arguments}
    with pytest.raises(error, match=message):
        correspondence(tiny, **arguments)


def test_strokes_that_are_not_there_are_named():
    with pytest.raises(ValueError, match=r"stroke numbers in 0\.\.2"):
        correspondence(None, HOUSES, strokes={"roof": [[1], [1], [3]]}, progress=False)
