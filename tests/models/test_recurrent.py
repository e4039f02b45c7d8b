"""The recurrent cells against the paper's equations written out and against torch's own layers."""

import numpy as np
import pytest
import torch

from sketchwidgets import models
from sketchwidgets.models import GRUCell, LSTMCell, RecurrentClassifier


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def randomise(module: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-0.8, 0.8)


@pytest.fixture(autouse=True)
def double_precision():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("reset_after", [False, True])
def test_gru_follows_the_five_equations(reset_after):
    cell = GRUCell(3, 4, reset_after=reset_after)
    randomise(cell)
    x, h = torch.randn(5, 3), torch.randn(5, 4)
    w_xr, w_xz, w_xh = np.split(cell.input_weight.detach().numpy(), 3)
    b_r, b_z, b_h = np.split(cell.input_bias.detach().numpy(), 3)
    w_hr, w_hz = np.split(cell.gate_weight.detach().numpy(), 2)
    u = cell.candidate_weight.detach().numpy()
    for row in range(5):
        a, b = x[row].numpy(), h[row].numpy()
        r = sigmoid(w_xr @ a + w_hr @ b + b_r)
        z = sigmoid(w_xz @ a + w_hz @ b + b_z)
        product = r * (u @ b) if reset_after else u @ (r * b)
        candidate = np.tanh(w_xh @ a + product + b_h)
        np.testing.assert_allclose(
            cell(x, h)[row].detach().numpy(), (1 - z) * b + z * candidate, rtol=1e-12, atol=1e-14
        )


def test_the_two_reset_forms_differ():
    before, after = GRUCell(3, 4), GRUCell(3, 4, reset_after=True)
    randomise(before)
    after.load_state_dict(before.state_dict())
    x, h = torch.randn(5, 3), torch.randn(5, 4)
    assert not torch.allclose(before(x, h), after(x, h), atol=1e-3)


def torch_gru_like(model: RecurrentClassifier) -> torch.nn.GRU:
    """torch.nn.GRU with the same function: z negated, no bias on the hidden side, gates in the order r, z, n.

    sigmoid(-a) = 1 - sigmoid(a), and torch has h' = (1 - z) n + z h.
    """
    cell = model.cell
    sign = torch.ones(3, 1, 1)
    sign[1] = -1
    hidden = torch.cat([cell.gate_weight, cell.candidate_weight])
    size = cell.hidden_size
    gru = torch.nn.GRU(cell.input_size, size, batch_first=True)
    with torch.no_grad():
        gru.weight_ih_l0.copy_((cell.input_weight.view(3, size, -1) * sign).view(3 * size, -1))
        gru.weight_hh_l0.copy_((hidden.view(3, size, -1) * sign).view(3 * size, -1))
        gru.bias_ih_l0.copy_((cell.input_bias.view(3, size) * sign[..., 0]).view(-1))
        gru.bias_hh_l0.zero_()
    return gru


def test_reset_after_is_torch_gru():
    model = RecurrentClassifier(6, 5, classes=3, reset_after=True)
    randomise(model)
    features = torch.randn(4, 9, 6)
    expected, _ = torch_gru_like(model)(features)
    torch.testing.assert_close(model.hidden_states(features), expected, rtol=1e-12, atol=1e-13)


def test_lstm_is_torch_lstm():
    model = RecurrentClassifier(6, 5, classes=3, cell="lstm")
    randomise(model)
    lstm = torch.nn.LSTM(6, 5, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(model.cell.input_weight)
        lstm.weight_hh_l0.copy_(model.cell.hidden_weight)
        lstm.bias_ih_l0.copy_(model.cell.input_bias)
        lstm.bias_hh_l0.zero_()
    features = torch.randn(4, 9, 6)
    expected, (h, c) = lstm(features)
    torch.testing.assert_close(model.hidden_states(features), expected, rtol=1e-12, atol=1e-13)
    state = model.initial_state(4)
    for t in range(9):
        state = model.cell(features[:, t], state)
    torch.testing.assert_close(state[0], h[0], rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(state[1], c[0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("learn", [False, True])
def test_stepping_equals_the_whole_sequence(cell, learn):
    model = RecurrentClassifier(6, 5, classes=3, cell=cell, learn_initial_state=learn)
    randomise(model)
    features = torch.randn(2, 7, 6)
    whole = model(features)
    assert whole.shape == (2, 7, 3)
    state = model.initial_state(2)
    for t in range(7):
        logits, state = model.step(features[:, t], state)
        torch.testing.assert_close(logits, whole[:, t], rtol=1e-12, atol=1e-13)


def test_a_step_does_not_see_later_steps():
    model = RecurrentClassifier(6, 5, classes=3)
    features = torch.randn(2, 7, 6)
    changed = features.clone()
    changed[:, 4:] = 100.0
    assert torch.equal(model(features)[:, :4], model(changed)[:, :4])


@pytest.mark.parametrize("model", [
    RecurrentClassifier(4, 3, 2, learn_initial_state=True),
    RecurrentClassifier(4, 3, 2, reset_after=True, learn_initial_state=True),
    RecurrentClassifier(4, 3, 2, cell="lstm", learn_initial_state=True),
], ids=["gru", "gru-reset-after", "lstm"])  # fmt: skip
def test_gradients_reach_every_parameter(model):
    model = model.double()
    randomise(model)
    names = [name for name, _ in model.named_parameters()]

    def scores(features, *values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), features)

    values = [p.detach().clone().requires_grad_() for p in model.parameters()]
    assert torch.autograd.gradcheck(scores, (torch.randn(2, 3, 4, requires_grad=True), *values))


def test_initial_parameters():
    cell = GRUCell(8, 6)
    for gate in (*cell.gate_weight.chunk(2), cell.candidate_weight):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-10)
    assert not cell.input_bias.any()
    assert LSTMCell(8, 6).input_bias.tolist() == [0] * 6 + [1] * 6 + [0] * 12


def test_output_bias_is_optional():
    assert RecurrentClassifier(4, 3, 2, output_bias=False).output.bias is None


def test_arguments_rebuild_the_network():
    model = RecurrentClassifier(4, 3, 2, reset_after=True, learn_initial_state=True)
    again = RecurrentClassifier(**model.arguments)
    again.load_state_dict(model.state_dict())
    assert repr(again) == repr(model)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"cell": "rnn"}, 'cell must be "gru" or "lstm"'),
    ({"cell": "lstm", "reset_after": True}, "option of the GRU"),
    ({"classes": 0}, "classes must be a positive integer"),
    ({"hidden_size": 2.5}, "hidden_size must be a positive integer"),
])  # fmt: skip
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecurrentClassifier(**{"input_size": 4, "hidden_size": 3, "classes": 2, **arguments})


@pytest.mark.parametrize("shape", [(2, 4), (2, 0, 4), (2, 3, 5)])
def test_bad_features(shape):
    with pytest.raises(ValueError, match=r"features must be \(n, T, 4\)"):
        RecurrentClassifier(4, 3, 2)(torch.zeros(shape))


def test_strokes_are_encoded_before_the_cell():
    model = models.RecurrentClassifier(3 + 21, 5, 4, strokes={"samples": 2, "hidden_size": 6, "size": 7})
    assert (model.image_features, model.stroke_samples, model.cell.input_size) == (3, 2, 10)
    x = torch.randn(2, 4, 24)
    inputs = torch.cat([x[..., :3], model.strokes(x[..., 3:])], -1)
    plain = models.RecurrentClassifier(10, 5, 4)
    plain.load_state_dict(
        {name: value for name, value in model.state_dict().items() if "strokes" not in name}
    )
    torch.testing.assert_close(model(x), plain(inputs))
    again = models.create("recurrent_classifier", **model.arguments)
    again.load_state_dict(model.state_dict())
    logits, _ = again.step(x[:, 0], again.initial_state(2))
    torch.testing.assert_close(logits, model(x)[:, 0])
    with pytest.raises(ValueError, match="input_size must be above the 21 numbers of a stroke, got 21"):
        models.RecurrentClassifier(21, 5, 4, strokes={"samples": 2})


def test_the_image_may_go_past_the_cell():
    model = models.create(
        "recurrent_classifier",
        input_size=3 + 21,
        hidden_size=5,
        classes=4,
        strokes={"samples": 2},
        image_to="output",
    )
    assert (model.image_features, model.cell.input_size, model.output.in_features) == (3, 256, 8)
    x = torch.randn(2, 4, 24)
    strokes_alone = models.RecurrentClassifier(21, 5, 4, strokes={"samples": 2}, image_to="output")
    weights = model.state_dict()
    image = weights["output.weight"][:, 5:]
    weights["output.weight"] = weights["output.weight"][:, :5]
    strokes_alone.load_state_dict(weights)
    torch.testing.assert_close(model(x), strokes_alone(x[..., 3:]) + x[..., :3] @ image.T)
    state = model.initial_state(2)
    for t in range(4):
        logits, state = model.step(x[:, t], state)
        torch.testing.assert_close(logits, model(x)[:, t])
    with pytest.raises(ValueError, match="needs strokes"):
        models.RecurrentClassifier(24, 5, 4, image_to="output")
    with pytest.raises(ValueError, match="image_to must be"):
        models.RecurrentClassifier(24, 5, 4, image_to="nowhere")
    with pytest.raises(ValueError, match="input_size must be at least the 21"):
        models.RecurrentClassifier(20, 5, 4, strokes={"samples": 2}, image_to="output")
