"""Recurrent cells and the classifier that reads one feature vector per stroke."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sketchwidgets.models._checks import check_sizes
from sketchwidgets.models.stroke_encoder import StrokeEncoder

State = tuple[Tensor, ...]
ImageTo = Literal["cell", "output"]


class GRUCell(nn.Module):
    """Gated recurrent unit by the five equations of the Pictionary paper (Sarvadevabhatla et al., MM 2016).

        r  = sigmoid(W_xr x + W_hr h + b_r)
        z  = sigmoid(W_xz x + W_hz h + b_z)
        h~ = tanh(W_xh x + U (r * h) + b_h)        reset before the product
        h' = (1 - z) * h + z * h~

    and y = W_hy h', which is the classifier's, not the cell's. With `reset_after` the third equation is
    h~ = tanh(W_xh x + r * (U h) + b_h), the form of Lasagne and of `torch.nn.GRU`; note that torch has z and
    1 - z exchanged.

    Parameters
    ----------
    input_size, hidden_size : lengths of x and h.
    reset_after : apply the reset gate after the product with U instead of before it.

    `forward` takes x (n, input_size) and h (n, hidden_size) and returns the new h (n, hidden_size).

    >>> cell = GRUCell(input_size=512, hidden_size=256)
    >>> cell(torch.zeros(4, 512), torch.zeros(4, 256)).shape
    torch.Size([4, 256])
    """

    parts = 1  # tensors in the state

    def __init__(self, input_size: int, hidden_size: int, reset_after: bool = False) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.reset_after = reset_after
        # Rows: W_xr, W_xz, W_xh, so that the products of all inputs are one matrix product.
        self.input_weight = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.input_bias = nn.Parameter(torch.empty(3 * hidden_size))
        # W_hr, W_hz act on h; U is apart because it acts on r * h.
        self.gate_weight = nn.Parameter(torch.empty(2 * hidden_size, hidden_size))
        self.candidate_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot uniform input weights, orthogonal hidden weights (gate by gate), zero biases."""
        _glorot_by_gate(self.input_weight, gates=3)
        _orthogonal_by_gate(self.gate_weight, gates=2)
        _orthogonal_by_gate(self.candidate_weight, gates=1)
        nn.init.zeros_(self.input_bias)

    def project(self, x: Tensor) -> Tensor:
        """The products with the input, (..., 3 * hidden_size), of x (..., input_size)."""
        return F.linear(x, self.input_weight, self.input_bias)

    def advance(self, projected: Tensor, state: State) -> State:
        """One step from `projected` (n, 3 * hidden_size), made by `project`, and a state (h,)."""
        (h,) = state
        x_gates, x_candidate = projected.split([2 * self.hidden_size, self.hidden_size], dim=-1)
        r, z = torch.sigmoid(x_gates + F.linear(h, self.gate_weight)).chunk(2, dim=-1)
        if self.reset_after:
            candidate = torch.tanh(x_candidate + r * F.linear(h, self.candidate_weight))
        else:
            candidate = torch.tanh(x_candidate + F.linear(r * h, self.candidate_weight))
        # Under autocast the gates have less precision than the state, which keeps its own.
        return (torch.lerp(h, candidate.to(h.dtype), z.to(h.dtype)),)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next hidden state, (n, hidden_size)."""
        return self.advance(self.project(x), (h,))[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, reset_after={self.reset_after}"


class LSTMCell(nn.Module):
    """Long short-term memory without peepholes (Hochreiter & Schmidhuber 1997, Gers et al. 2000).

        i, f, o = sigmoid(W_x x + W_h h + b)
        g  = tanh(W_xg x + W_hg h + b_g)
        c' = f * c + i * g
        h' = o * tanh(c')

    The rows of the weights are i, f, g, o as in `torch.nn.LSTM`. The bias of the forget gate starts at 1.

    `forward` takes x (n, input_size) and the state (h, c), each (n, hidden_size), and returns the new (h, c).

    >>> cell = LSTMCell(input_size=512, hidden_size=256)
    >>> h, c = cell(torch.zeros(4, 512), (torch.zeros(4, 256), torch.zeros(4, 256)))
    >>> h.shape
    torch.Size([4, 256])
    """

    parts = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.input_weight = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.input_bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.hidden_weight = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot uniform input weights, orthogonal hidden weights (gate by gate), biases 0, forget bias 1."""
        _glorot_by_gate(self.input_weight, gates=4)
        _orthogonal_by_gate(self.hidden_weight, gates=4)
        nn.init.zeros_(self.input_bias)
        nn.init.ones_(self.input_bias.data[self.hidden_size : 2 * self.hidden_size])

    def project(self, x: Tensor) -> Tensor:
        """The products with the input, (..., 4 * hidden_size), of x (..., input_size)."""
        return F.linear(x, self.input_weight, self.input_bias)

    def advance(self, projected: Tensor, state: State) -> State:
        """One step from `projected` (n, 4 * hidden_size), made by `project`, and a state (h, c)."""
        h, c = state
        i, f, g, o = (projected + F.linear(h, self.hidden_weight)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c), each (n, hidden_size)."""
        h, c = self.advance(self.project(x), state)
        return h, c

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class RecurrentClassifier(nn.Module):
    """A recurrent cell over the strokes of a drawing with a linear classifier at every step.

    The recogniser of the Pictionary paper (Sarvadevabhatla et al., MM 2016): x_t are the CNN features of the
    drawing after stroke t, y_t = W_hy h_t its class scores.

    Parameters
    ----------
    input_size : length of a feature vector (512 for Sketch-a-Net's fc7), with the descriptor where strokes are read.
    hidden_size : length of the hidden state (3600 in the paper).
    classes : number of classes.
    cell : "gru" or "lstm".
    reset_after : see `GRUCell`; only for cell="gru".
    learn_initial_state : train the first state instead of starting from zeros (Lasagne's `learn_init`).
    output_bias : add a bias to y; the paper's equation has none.
    strokes : arguments of a `StrokeEncoder`, {} for its defaults. Then x_t is the CNN features followed by the
        descriptor of stroke t (`sketch.stroke_descriptors`), which the encoder reads before the cell does: coordinates
        beside pixels. None: CNN features alone.
    image_to : where the CNN features go, "cell" as in the paper, or "output": y_t = W [h_t, features_t], so that the
        cell remembers strokes alone and the picture, which shows all of them anyway, is looked at as it is now. Then
        there may be no CNN features at all.

    >>> model = RecurrentClassifier(input_size=512, hidden_size=256, classes=345)
    >>> model(torch.zeros(2, 7, 512)).shape
    torch.Size([2, 7, 345])
    >>> logits, state = model.step(torch.zeros(2, 512), model.initial_state(2))
    >>> logits.shape
    torch.Size([2, 345])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        classes: int,
        cell: str = "gru",
        reset_after: bool = False,
        learn_initial_state: bool = False,
        output_bias: bool = True,
        strokes: Mapping[str, Any] | None = None,
        image_to: ImageTo = "cell",
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size, classes=classes)
        if image_to not in get_args(ImageTo):
            raise ValueError(f"image_to must be 'cell' or 'output', not {image_to!r}")
        if image_to == "output" and strokes is None:
            raise ValueError('image_to="output" needs strokes: without them nothing would go to the cell')
        self.strokes = None if strokes is None else StrokeEncoder(**strokes)
        self.image_to = image_to
        numbers = 0 if self.strokes is None else self.strokes.input_size
        self.image_features = input_size - numbers
        if self.image_features < (image_to == "cell"):
            raise ValueError(
                f"input_size must be {'above' if image_to == 'cell' else 'at least'} the {numbers} numbers of a "
                f"stroke, got {input_size}"
            )
        read_by_cell = 0 if self.strokes is None else self.strokes.size
        read_by_output = hidden_size
        if image_to == "cell":
            read_by_cell += self.image_features
        else:
            read_by_output += self.image_features
        if cell == "gru":
            self.cell: GRUCell | LSTMCell = GRUCell(read_by_cell, hidden_size, reset_after)
        elif cell == "lstm":
            if reset_after:
                raise ValueError('reset_after is an option of the GRU; it means nothing with cell="lstm"')
            self.cell = LSTMCell(read_by_cell, hidden_size)
        else:
            raise ValueError(f'cell must be "gru" or "lstm", not {cell!r}')
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "classes": classes,
            "cell": cell,
            "reset_after": reset_after,
            "learn_initial_state": learn_initial_state,
            "output_bias": output_bias,
        }
        # Only where there is one, so that versions without this argument read the others.
        if strokes is not None:
            self.arguments |= {"strokes": self.strokes.arguments, "image_to": image_to}
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.classes = classes
        self.output = nn.Linear(read_by_output, classes, bias=output_bias)
        if learn_initial_state:
            self.first = nn.Parameter(torch.zeros(self.cell.parts, hidden_size))
        else:
            self.register_parameter("first", None)

    def initial_state(self, n: int) -> State:
        """The state before the first stroke of n drawings: (h,) or (h, c), each (n, hidden_size)."""
        if self.first is None:
            zeros = self.output.weight.new_zeros(n, self.hidden_size)
            return (zeros,) * self.cell.parts
        return tuple(part.expand(n, -1) for part in self.first)

    @property
    def stroke_samples(self) -> int:
        """Points of each stroke that it reads, 0 where it reads none."""
        return 0 if self.strokes is None else self.strokes.samples

    def project(self, x: Tensor) -> Tensor:
        """What the cell takes from x (..., input_size) at a step, for all steps at once; see `GRUCell.project`."""
        if self.strokes is not None:
            image, stroke = x.split([self.image_features, self.strokes.input_size], dim=-1)
            stroke = self.strokes(stroke)
            x = stroke if self.image_to == "output" else torch.cat([image, stroke], dim=-1)
        return self.cell.project(x)

    def readout(self, hidden: Tensor, x: Tensor) -> Tensor:
        """What `output` takes at a step: h_t (..., hidden_size), or that and the CNN features in x (..., input_size)."""
        if self.image_to == "cell":
            return hidden
        return torch.cat([hidden, x[..., : self.image_features]], dim=-1)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One stroke: class scores (n, classes) and the next state, from x (n, input_size) and a state."""
        state = self.cell.advance(self.project(x), state)
        return self.output(self.readout(state[0], x)), state

    def hidden_states(self, features: Tensor, state: State | None = None) -> Tensor:
        """The hidden states h_t, (n, T, hidden_size), of features (n, T, input_size)."""
        if features.ndim != 3 or features.shape[1] < 1 or features.shape[2] != self.input_size:
            raise ValueError(
                f"features must be (n, T, {self.input_size}) with T at least 1, got {tuple(features.shape)}"
            )
        if state is None:
            state = self.initial_state(features.shape[0])
        # Step-major, so that a step reads one block; unbind, because the gradient of an index is full-size.
        projected = self.project(features.transpose(0, 1))
        hidden = []
        for step in projected.unbind(0):
            state = self.cell.advance(step, state)
            hidden.append(state[0])
        return torch.stack(hidden, dim=1)

    def forward(self, features: Tensor, state: State | None = None) -> Tensor:
        """Class scores at every step, (n, T, classes), of features (n, T, input_size).

        Step t sees the features up to t only, so drawings of different lengths may be padded at their ends.
        """
        return self.output(self.readout(self.hidden_states(features, state), features))


def _glorot_by_gate(weight: Tensor, gates: int) -> None:
    fan_out, fan_in = weight.shape[0] // gates, weight.shape[1]
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -bound, bound)


def _orthogonal_by_gate(weight: Tensor, gates: int) -> None:
    if weight.is_meta:
        return
    for gate in weight.data.chunk(gates):
        nn.init.orthogonal_(gate)
