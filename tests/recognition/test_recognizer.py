"""Recognition of whole drawings and many of them, and recognisers in files."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_recognizer import TinyCNN, make_tiny

import sketchwidgets as sw
from sketchwidgets import models
from sketchwidgets.models import RecurrentClassifier, SketchANet, WeightsError, load_weights
from sketchwidgets.recognition import Preprocessing, Recognizer, _recognizer_file, prefix_images
from sketchwidgets.sketch import Sketch, SketchError

CANNOT_BE_BUILT = "the cnn network of the metadata cannot be built"


def random_sketch(generator: np.random.Generator, n_strokes: int) -> Sketch:
    return Sketch([generator.integers(-20, 20, (generator.integers(1, 6), 2)) for _ in range(n_strokes)])


def sketches(seed: int, counts: list[int]) -> list[Sketch]:
    generator = np.random.default_rng(seed)
    return [random_sketch(generator, n) for n in counts]


def by_session(recognizer: Recognizer, sketch: Sketch) -> list[np.ndarray]:
    session = recognizer.session()
    return [session.add(stroke).probabilities for stroke in sketch]


def test_networks_are_frozen_and_in_eval_mode(full):
    assert not full.cnn.training
    assert not full.recurrent.training
    assert not any(p.requires_grad for m in (full.cnn, full.recurrent) for p in m.parameters())


def test_recognize_is_a_session(tiny):
    (sketch,) = sketches(0, [9])
    predictions = tiny.recognize(sketch)
    assert [p.step for p in predictions] == list(range(1, 10))
    np.testing.assert_allclose([p.probabilities for p in predictions], by_session(tiny, sketch), atol=1e-5)
    assert not predictions[0].probabilities.flags.writeable
    np.testing.assert_allclose(predictions[-1].probabilities.sum(), 1, rtol=1e-5)


def test_recognize_with_the_real_networks(full):
    (sketch,) = sketches(1, [4])
    np.testing.assert_allclose(
        [p.probabilities for p in full.recognize(sketch)], by_session(full, sketch), rtol=1e-4, atol=1e-6
    )


def test_recognize_takes_plain_strokes(tiny):
    strokes = [[(0, 0), (5, 5)], [(9, 9, 3.0)]]
    assert len(tiny.recognize([np.array(s)[:, :2] for s in strokes])) == 2
    with pytest.raises(SketchError, match="only, where a timed sketch needs t"):
        tiny.recognize(strokes)
    assert tiny.recognize(Sketch([])) == []


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(1, 12), max_size=8),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 1000),
    cell=st.sampled_from(["gru", "lstm"]),
)
def test_recognize_many_is_the_last_step_of_each(counts, batch_size, seed, cell):
    recognizer = make_tiny(cell)
    drawings = sketches(seed, counts)
    got = recognizer.recognize_many(drawings, batch_size=batch_size)
    assert got.shape == (len(drawings), 4)
    assert got.dtype == np.float32
    for row, sketch in zip(got, drawings, strict=True):
        np.testing.assert_allclose(row, by_session(recognizer, sketch)[-1], rtol=0, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 9), max_size=5),
    batch_size=st.integers(1, 7),
    seed=st.integers(0, 10_000),
)
def test_prefix_images_are_those_of_the_canvas(counts, batch_size, seed):
    preprocessing = Preprocessing(33, 29.0, 2.0)
    drawings = sketches(seed, counts)
    batches = list(prefix_images(preprocessing, drawings, batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    expected = []
    for sketch in drawings:
        canvas = preprocessing.canvas()
        for stroke in sketch:
            canvas.add(stroke)
            expected.append(canvas.image.clone())
    if not expected:
        assert batches == []
        return
    assert torch.equal(torch.cat(batches), torch.cat(expected))


def test_recognize_many_reads_a_generator_in_bounded_batches():
    recognizer = make_tiny()
    sizes = []
    features = recognizer.cnn.features
    recognizer.cnn.features = lambda images: (sizes.append(len(images)), features(images))[1]
    read = []

    def stream():
        for k, sketch in enumerate(sketches(3, [3] * 100)):
            read.append((k, sum(sizes)))
            yield sketch

    assert recognizer.recognize_many(stream(), batch_size=4).shape == (100, 4)
    assert max(sizes) == 4
    assert sum(sizes) == 300
    # Reading runs ahead of recognising by one group, not by the whole stream.
    assert all(3 * k - done <= 16 * 4 + 3 for k, done in read)


def test_recognize_many_shows_progress(tiny, capsys):
    tiny.recognize_many(sketches(4, [1, 2]), progress=True)
    assert "2/2" in capsys.readouterr().err
    tiny.recognize_many(sketches(4, [1, 2]))
    assert capsys.readouterr().err == ""


def test_recognize_many_bad_input(tiny):
    with pytest.raises(ValueError, match="drawing 1 has no strokes"):
        tiny.recognize_many([*sketches(5, [1]), Sketch([])])
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        tiny.recognize_many([], batch_size=0)


def test_constructor_checks():
    recurrent = RecurrentClassifier(8, 6, 2)
    preprocessing = Preprocessing(33, 29.0, 2.0)
    with pytest.raises(ValueError, match="1 distinct classes for a recurrent network of 2 outputs"):
        Recognizer(TinyCNN(), recurrent, ["a", "a"], preprocessing)
    with pytest.raises(ValueError, match="gives 8 features, the recurrent net takes 5"):
        Recognizer(TinyCNN(), RecurrentClassifier(5, 6, 2), ["a", "b"], preprocessing)
    with pytest.raises(ValueError, match="takes 33 px, the preprocessing makes 225 px"):
        Recognizer(TinyCNN(), recurrent, ["a", "b"], Preprocessing())
    with pytest.raises(ValueError, match="device must be"):
        Recognizer(TinyCNN(), recurrent, ["a", "b"], preprocessing, device="abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_absent_device():
    with pytest.raises(ValueError, match="this machine has no device 'cuda'"):
        Recognizer(TinyCNN(), RecurrentClassifier(8, 6, 1), ["a"], Preprocessing(33, 29.0), device="cuda")


def test_saved_and_loaded_is_the_same(full, tmp_path):
    path = tmp_path / "net.safetensors"
    full.save(path, dtype="float32")
    loaded = Recognizer.load(path, device="cpu")
    assert repr(loaded) == repr(full) == "Recognizer(SketchANet, GRU 32, 5 classes, cpu)"
    assert loaded.classes == full.classes
    assert loaded.preprocessing == full.preprocessing
    assert loaded.card == {"license": "CC BY 4.0"}
    assert not any(
        p.requires_grad or p.is_meta for m in (loaded.cnn, loaded.recurrent) for p in m.parameters()
    )
    for ours, theirs in ((loaded.cnn, full.cnn), (loaded.recurrent, full.recurrent)):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    (sketch,) = sketches(6, [2])
    for a, b in zip(loaded.recognize(sketch), full.recognize(sketch), strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=1e-5)


def test_small_files_recognise_nearly_the_same(full, tmp_path):
    path = tmp_path / "net.safetensors"
    full.save(path, int8_above=1_000_000)
    elements = sum(p.numel() for m in (full.cnn, full.recurrent) for p in m.parameters())
    assert path.stat().st_size < 1.4 * elements
    (sketch,) = sketches(7, [2])
    for a, b in zip(Recognizer.load(path).recognize(sketch), full.recognize(sketch), strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=0.02)


@pytest.mark.parametrize("call", ["recognize_many", "scores"])
def test_one_drawing_where_many_are_asked_for(tiny, call):
    sketch = Sketch([[(0, 0), (5, 5)], [(1, 1), (9, 9), (3, 2)]])
    ask = getattr(tiny, call)
    with pytest.raises(
        ValueError, match=r"^sketches must be a list of drawings, not one Sketch: .*\[sketch\]$"
    ):
        list(ask(sketch))
    message = r"^drawing 0: is one stroke, not a drawing: give a list of drawings, \[strokes\] of one$"
    for strokes in (sketch.strokes, [stroke.tolist() for stroke in sketch], np.zeros((2, 3, 2))):
        with pytest.raises(SketchError, match=message):
            list(ask(strokes))
    with pytest.raises(SketchError, match=r"^drawing 1: stroke 0: point 0: x is nan"):
        list(ask([sketch, [[(float("nan"), 0)]]]))
    with pytest.raises(SketchError, match=r"^drawing 0: strokes must be an iterable .* not int"):
        list(ask([3]))
    with pytest.raises(ValueError, match="drawing 0 has no strokes"):
        list(ask([[]]))


@pytest.mark.parametrize("image_to", [None, "cell", "output"])
def test_features_and_readouts_lead_to_the_scores(image_to):
    """The parts of which `scores` is made, as others take it apart."""
    recognizer, drawings = make_tiny(image_to=image_to), sketches(4, [3, 1, 2])
    (scores, _, last) = recognizer.scores(drawings)
    features = recognizer.features(drawings, batch_size=2)
    assert features.shape == (6, recognizer.recurrent.input_size)
    np.testing.assert_allclose(recognizer.recurrent(features[None, :3])[0], scores, atol=1e-5)
    ((read, lengths),) = recognizer.readouts(drawings)
    assert lengths.tolist() == [3, 1, 2]
    np.testing.assert_allclose(recognizer.recurrent.output(read)[4:], last, atol=1e-5)
    said = recognizer.probabilities(torch.from_numpy(scores), [1, 2, 3])
    for row, prediction in zip(said, recognizer.recognize(drawings[0]), strict=True):
        np.testing.assert_allclose(row, prediction.probabilities, atol=1e-5)


def test_only_registered_networks_can_be_saved(tiny, tmp_path):
    with pytest.raises(ValueError, match="TinyCNN is not a registered network"):
        tiny.save(tmp_path / "net.safetensors")


def test_bundled_weights_by_name(full, tmp_path, monkeypatch):
    monkeypatch.setattr(_recognizer_file, "_BUNDLED", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no weights are bundled in .*`sketchwidgets train`"):
        Recognizer.load()
    full.save(tmp_path / f"{_recognizer_file.DEFAULT}.safetensors")
    full.save(tmp_path / "other.safetensors")
    assert sw.Recognizer.load().classes == full.classes
    assert Recognizer.load("other").classes == full.classes
    with pytest.raises(FileNotFoundError, match=r"called 'quickdraw' .*bundled are: other, sketch"):
        Recognizer.load("quickdraw")
    message = rf"no weights called '{tmp_path}' and a folder of that name is no file \(bundled are: other, "
    with pytest.raises(FileNotFoundError, match=message):
        Recognizer.load(tmp_path)


def test_every_bundled_recogniser_has_its_card_and_knows_its_name():
    names = [path.stem for path in _recognizer_file._BUNDLED.glob("*.safetensors")]
    assert {_recognizer_file.DEFAULT, "sketch-a-net-quickdraw345"} <= {*names}
    for name in names:
        recognizer = Recognizer.load(name, device="cpu")
        assert recognizer.card["name"] == name
        card = (_recognizer_file._BUNDLED / f"{name}.md").read_text(encoding="utf-8")
        assert card.startswith(f"# {name}\n")
        for found in recognizer.card["measured"].values():
            assert f"{found['top1']:.1%}" in card
    assert isinstance(Recognizer.load("sketch-a-net-quickdraw345").cnn, SketchANet)
    assert sum(path.stat().st_size for path in _recognizer_file._BUNDLED.iterdir()) < 40e6


def rewrite(path, change):
    """Save the file again with its metadata changed by change(metadata)."""
    _, metadata = load_weights(path)
    change(metadata)
    header = {"format": 1, "int8": [], "metadata": metadata}
    save_file(load_file(path), path, {"sketchwidgets": json.dumps(header)})


@pytest.mark.parametrize(("change", "message"), [
    (lambda m: m.update(kind="atlas"), r"holds no recogniser \(kind 'atlas'\)"),
    (lambda m: m.update(version=9), "recogniser of version 9; this sketchwidgets reads 1"),
    (lambda m: m.update(classes="abcde"), '"classes" in the metadata is not a list of names'),
    (lambda m: m.update(classes=["a", "b"]), "2 distinct classes for a recurrent network of 5"),
    (lambda m: m.pop("preprocessing"), '"preprocessing" in the metadata is not an object'),
    (lambda m: m["preprocessing"].update(size="big"), "preprocessing field 'size' must be a number"),
    (lambda m: m["preprocessing"].update(size=10**9), "preprocessing: size must be a whole number from 1 to 4096"),
    (lambda m: m["preprocessing"].update(size=224), "takes 225 px, the preprocessing makes 224 px"),
    (lambda m: m.update(cnn=["sketch_a_net"]), '"cnn" in the metadata is not an object'),
    (lambda m: m["cnn"].update(name="os.system"), CANNOT_BE_BUILT + ": no network"),
    (lambda m: m["cnn"].update(name=["sketch_a_net"]), CANNOT_BE_BUILT),
    (lambda m: m["cnn"].update(name="recurrent_classifier"), CANNOT_BE_BUILT),
    (lambda m: m.update(cnn=m["recurrent"]), "or RecurrentClassifier is of the wrong kind"),
    (lambda m: m["cnn"]["arguments"].update(depth=3), "cannot be built: sketch_a_net cannot be created"),
    (lambda m: m["cnn"]["arguments"].update(classes=10**12), "fc8.weight is 5x512x1x1 and should be"),
    (lambda m: m["cnn"]["arguments"].update(classes=10**40), CANNOT_BE_BUILT),
    (lambda m: m["cnn"]["arguments"].update(classes="5"), CANNOT_BE_BUILT),
    (lambda m: m["cnn"]["arguments"].update(dropout=7), CANNOT_BE_BUILT),
    (lambda m: m["recurrent"]["arguments"].update(cell="lstm"), "does not fit RecurrentClassifier"),
    (lambda m: m["recurrent"]["arguments"].update(hidden_size=10**6), "does not fit RecurrentClassifier"),
])  # fmt: skip
def test_damaged_metadata(full, tmp_path, change, message):
    path = tmp_path / "net.safetensors"
    full.save(path)
    rewrite(path, change)
    with pytest.raises(WeightsError, match=rf"net\.safetensors: .*{message}"):
        Recognizer.load(path, device="cpu")


def test_stray_tensor(full, tmp_path):
    path = tmp_path / "net.safetensors"
    full.save(path)
    tensors = load_file(path)
    _, metadata = load_weights(path)
    header = json.dumps({"format": 1, "int8": [], "metadata": metadata})
    save_file({**tensors, "head.weight": torch.ones(1)}, path, {"sketchwidgets": header})
    with pytest.raises(WeightsError, match=r"'head.weight' belongs to neither cnn.\* nor recurrent.\*"):
        Recognizer.load(path)


def test_channels_are_part_of_what_is_saved():
    assert SketchANet(7, channels=6, dropout=0.1).arguments == {"classes": 7, "channels": 6, "dropout": 0.1}


def test_to_moves_both_networks_and_is_the_same_recogniser(monkeypatch):
    recognizer = make_tiny()
    monkeypatch.setattr(
        models, "resolve_device", lambda device: torch.device("meta")
    )  # there may be no other
    assert recognizer.to("cuda") is recognizer
    assert recognizer.device.type == "meta"
    assert {p.device.type for m in (recognizer.cnn, recognizer.recurrent) for p in m.parameters()} == {"meta"}


def test_to_refuses_a_device_that_is_not_there():
    with pytest.raises(ValueError, match='device must be "auto"'):
        make_tiny().to("gpu")
