"""Small networks, each built around one thing that trips projection engines; and an oracle for ReLU networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def seeded(make, *args, **kwargs) -> nn.Module:
    """A network in eval mode with reproducible float64 weights and non-trivial batch norm statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = make(*args, **kwargs).double().eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
                if module.affine:
                    nn.init.normal_(module.weight, mean=1.0, std=0.3)
                    nn.init.normal_(module.bias, std=0.2)
    return model


def images(n: int = 1, channels: int = 2, height: int = 22, width: int = 19, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, channels, height, width, generator=generator, dtype=torch.float64)


class InPlace(nn.Sequential):
    """In-place ReLUs, an overlapping pool, and a linear head."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 6, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((2, 3)),
            nn.Flatten(),
            nn.Linear(48, 10),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(10, 4),
        )


class Functional(nn.Module):
    """Functional ReLUs and pools, a convolution used twice, an in-place addition; identities name the values."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, padding=1)
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Conv2d(6, 5, 3)
        self.one, self.two, self.three, self.four = (nn.Identity() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(F.relu(self.first(x)))
        x = F.max_pool2d(self.two(torch.relu(self.again(x))), 2)
        y = self.again(x)
        y += x
        return self.four(self.last(self.three(y.relu_())).clamp(min=0))


class PreActivation(nn.Module):
    """A skip that branches off before the ReLU: clamping a total gradient goes wrong here."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.act = nn.ReLU()
        self.inner = nn.Conv2d(6, 6, 3, padding=1)
        self.act2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        return self.act2(self.inner(self.act(h)) + h)


class Residual(nn.Module):
    """A residual block with batch norm, a strided shortcut, and one ReLU module for all places."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(4)
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(8, affine=False)
        self.short = nn.Conv2d(4, 8, 1, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.out = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm0(self.stem(x)))
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += self.short(x)
        return self.out(self.relu(y))


class Branches(nn.Module):
    """Branches of different receptive fields, concatenated; a pooling branch; channels split and padded."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 4, 1)
        self.b = nn.Conv2d(2, 4, 5, padding=2)
        self.c = nn.Conv2d(2, 2, 3, padding=1)
        self.mix = nn.Conv2d(10, 6, 3, padding=1)
        self.late = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU()
        self.end = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        c = self.c(F.avg_pool2d(x, 3, 1, 1))
        x = self.relu(torch.cat([self.a(x), self.b(x), c], dim=1))
        left, right = F.relu(self.mix(F.max_pool2d(x, 3, 1, 1))).chunk(2, dim=1)
        return self.end(self.late(F.pad(left + right * 0.5, (1, 0, 2, 1))))


class Grouped(nn.Sequential):
    """Grouped, depthwise and dilated convolutions, uneven strides and paddings."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 8, (3, 4), stride=(1, 2), padding=(2, 1)),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=2),
            nn.ReLU(),
            nn.Conv2d(12, 6, 1, stride=2),
            nn.ReLU(),
        )


class Pools(nn.Sequential):
    """Max and average pools with ceil mode, padding, dilation and windows that the padding cuts."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 5, 3),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
            nn.Conv2d(5, 5, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(5, 5, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d((2, 3), stride=1, dilation=(2, 1), padding=(1, 0)),
            nn.Conv2d(5, 4, 2),
            nn.ReLU(),
        )


class GlobalHead(nn.Module):
    """A global mean and a linear layer behind the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(6, 5)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.fc(self.relu(self.conv(x)).mean((2, 3))))


class Gated(nn.Module):
    """Squeeze and excite: a map times a gate made from itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.squeeze = nn.Conv2d(6, 3, 1)
        self.excite = nn.Conv2d(3, 6, 1)
        self.out = nn.Conv2d(6, 4, 3)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))).sigmoid()
        return self.act(self.out(gate * x))


class Normalized(nn.Module):
    """Local response normalization between convolutions, as a module and as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 7, 3)
        self.relu1 = nn.ReLU()
        self.norm = nn.LocalResponseNorm(4, alpha=0.9, beta=0.7, k=1.2)
        self.conv2 = nn.Conv2d(7, 5, 3)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = F.local_response_norm(self.norm(self.relu1(self.conv1(x))), 3, alpha=0.5)
        return self.relu2(self.conv2(F.max_pool2d(x, 3, 2)))


class LayerNormalized(nn.Module):
    """A block as in ConvNeXt: depthwise convolution, layer norm, linear layers over channels-last maps, a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 2, stride=2)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.LayerNorm(6)
        self.widen = nn.Linear(6, 12)
        self.act = nn.GELU()
        self.narrow = nn.Linear(12, 6)
        self.scale = nn.Parameter(torch.rand(6, 1, 1))
        self.out = nn.Conv2d(6, 4, 3)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.narrow(self.act(self.widen(y))).permute(0, 3, 1, 2)
        return self.relu(self.out(x + self.scale * y))


class Shuffled(nn.Module):
    """Channels shuffled between groups."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 6, 3, padding=1)
        self.b = nn.Conv2d(6, 6, 3, groups=3)
        self.act1, self.act2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.a(x))
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.act2(self.b(x))


class Upsampled(nn.Module):
    """An operation that the tape does not know, but PyTorch does, and that is linear."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 5, 3, padding=1)
        self.b = nn.Conv2d(5, 4, 3)
        self.act1, self.act2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(self.act1(self.a(x)), scale_factor=2, mode="nearest")
        return self.act2(self.b(x))


class Activated(nn.Module):
    """Two convolutions with an activation of choice."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 6, 3)
        self.act1 = activation
        self.b = nn.Conv2d(6, 5, 3, stride=2)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.b(self.act1(2 * self.a(x))))


RELU_NETS = [
    InPlace,
    Functional,
    PreActivation,
    Residual,
    Branches,
    Grouped,
    Pools,
    GlobalHead,
    Shuffled,
]
NETS = [*RELU_NETS, Gated, Normalized, LayerNormalized]

ACTIVATIONS = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.ReLU6(inplace=True),
    nn.Hardtanh(0.1, 0.9),
    nn.LeakyReLU(0.2),
    nn.LeakyReLU(0.2, inplace=True),
    nn.PReLU(6, init=0.3),
    nn.ELU(1.3),
    nn.ELU(inplace=True),
    nn.SELU(),
    nn.CELU(2.0),
    nn.SiLU(),
    nn.SiLU(inplace=True),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Mish(),
    nn.Hardswish(),
    nn.Hardswish(inplace=True),
    nn.Hardsigmoid(),
    nn.Sigmoid(),
    nn.Softplus(2.0),
    nn.Threshold(0.1, 0.0),
]


class _RuledRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, rule):
        ctx.rule = rule
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        (x,) = ctx.saved_tensors
        if ctx.rule != "backprop":
            signal = signal * (signal > 0)
        if ctx.rule != "deconvnet":
            signal = signal * (x > 0)
        return signal, None


class RuledRelu(TorchFunctionMode):
    """Replaces every ReLU call, module or function, by one whose backward is the papers' rule, literally."""

    calls = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        is_clamp = function is Tensor.clamp and kwargs == {"min": 0}
        if function in self.calls or is_clamp:
            return _RuledRelu.apply(args[0], self.rule)
        return function(*args, **kwargs)


def oracle(model: nn.Module, x: Tensor, layer: str, result, rule: str) -> Tensor:
    """The projections of a result's units with a seed of 1, by autograd through rewritten ReLUs; dead units blank."""
    x = x.clone().requires_grad_()
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    try:
        with RuledRelu(rule):
            model(x.clone())
    finally:
        handle.remove()
    out = kept[0]
    projections = torch.zeros(*result.channels.shape, *x.shape[1:], dtype=x.dtype)
    for i, rank in result.channels.new_ones(result.channels.shape).nonzero().tolist():
        if result.dead[i, rank]:
            continue
        at = (i, int(result.channels[i, rank]), *result.positions[i, rank].tolist())[: out.ndim]
        (gradient,) = torch.autograd.grad(out[at], x, retain_graph=True, allow_unused=True)
        projections[i, rank] = gradient[i]
    return projections
