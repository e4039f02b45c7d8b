"""Relevance propagation, the other convolution pass of FeatureVis: signals as shares of the layer above.

With x the input of a layer, y its output and R the signal from above, what goes down is

    x · transpose(R / (y + 0.001 · sign y)),    sign 0 = 1

where `transpose` is the transposed linear part of the layer, without bias: each input gets its part of the sum
that made the output (Bach et al. 2015, doi 10.1371/journal.pone.0130140, equation 58, the epsilon rule; FeatureVis,
ConvolutionPass "Relevance Propagation"). At the pixels the signal is a share of what started, and has the sign of
speaking for or against the unit; a pixel of 0 has none.

FeatureVis defines it for convolutions. Here, layer by layer:

    convolutions, linear layers, batch normalization in eval mode, average and global pools, scales
                    the formula
    sums of maps (residual adds)
                    the formula, with weights of 1: each term gets its part of the sum
    a constant added to a map
                    as it is: the constant gets nothing
    max pools       to the switches
    activations     as it is under "backprop"; its positive part under "deconvnet" and "guided", which are
                    equal here: what is not active has no share to begin with
    gates           all to the map, nothing to the gate
    normalization   skipped, unless normalization="derivative" (FeatureVis takes that of the local response
                    normalization)
"""

import numpy as np
from torch import Tensor

from .._errors import UnsupportedOperation
from ..recording._keeping import KeepingTape
from ..steps import _pointwise, _shaping, _sliding
from ..steps._rules import no_rule
from ..steps._step import Signals, Step
from ._sweep import Sweep
from ._windows import Windows

_STABILIZER = 0.001
_MIXES = (
    _sliding.Convolution,
    _sliding.AveragePool,
    _shaping.Linear,
    _shaping.GlobalMean,
    _shaping.AdaptiveAveragePool,
    _pointwise.Scale,
)


def stabilized(y: Tensor) -> Tensor:
    """y + 0.001 · sign y, never 0."""
    return y + (y >= 0).to(y.dtype).mul_(2 * _STABILIZER).sub_(_STABILIZER)


class RelevanceSweep(Sweep):
    """A sweep that passes relevance; its tape is a KeepingTape."""

    fold_scales = False

    def __init__(
        self, tape: KeepingTape, owners: np.ndarray, rule: str, ties: str, normalization: str | None
    ) -> None:
        super().__init__(tape, owners, rule, ties, normalization or "skip")
        self.kept = tape.kept

    def pull(self, step: Step, signal: Windows) -> Signals:
        if isinstance(step, _MIXES) or (isinstance(step, _pointwise.Identity) and len(step.inputs) > 1):
            return self._shares(step, signal)
        if isinstance(step, _pointwise.Activate | _pointwise.PRelu):
            if isinstance(step, _pointwise.Activate):
                step.activation.check(self.rule, step.where)
            passed = signal.signal if self.rule == "backprop" else signal.signal.clamp_min(0)
            return [(step.inputs[0], signal.with_signal(passed))]
        if isinstance(step, _pointwise.Product):
            return [(self._gated(step), signal)]
        if isinstance(step, _pointwise.LayerNorm | _pointwise.GroupNorm) and self.normalization == "skip":
            return [(step.inputs[0], signal)]
        return step.pull(signal, self)

    def _shares(self, step: Step, signal: Windows) -> Signals:
        above = self.gather(self.kept[step.output], signal)
        parts = step.pull(signal.with_signal(signal.signal / stabilized(above)), self)
        return [
            (value, part.with_signal(part.signal * self.gather(self.kept[value], part)))
            for value, part in parts
        ]

    def _gated(self, step: _pointwise.Product) -> int:
        if step.gate is None:
            raise no_rule("relevance", "product of two maps", "convolution", step.where)
        value = step.inputs[1 - step.gate]
        if self.tape.shapes[value] != self.tape.shapes[step.output]:
            raise UnsupportedOperation("a product that widens the map")
        return value
