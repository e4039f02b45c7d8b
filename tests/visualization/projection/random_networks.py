"""Networks of torchvision with random weights under which signals neither vanish nor saturate, made in a moment."""

import torch
import torchvision
from torch import nn

_OPTIONS = {
    "googlenet": {"aux_logits": False, "init_weights": False, "transform_input": True},
    "inception_v3": {"aux_logits": False, "init_weights": False, "transform_input": True},
}


def random_network(name: str, dtype: torch.dtype = torch.float64, classes: int = 7) -> nn.Module:
    """A network in eval mode, without torchvision's slow initialization and with a small head where the head is huge."""
    options = {"weights": None, "num_classes": classes} | _OPTIONS.get(name, {})
    with torch.device("meta"):
        model = getattr(torchvision.models, name)(**options)
        if name.startswith(("alexnet", "vgg")):
            first = next(module for module in model.classifier if isinstance(module, nn.Linear))
            model.classifier = nn.Linear(first.in_features, classes)
    model = model.to_empty(device="cpu").to(dtype).eval()
    generator = torch.Generator().manual_seed(0)
    gain = 0.5 if name == "mobilenet_v2" else 1.0  # below the limit of its ReLU6
    with torch.no_grad():
        for module in model.modules():
            for key, parameter in module.named_parameters(recurse=False):
                if key == "bias":
                    parameter.normal_(0, 0.1, generator=generator)
                elif key == "weight" and parameter.ndim >= 2:
                    parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=generator)
                else:
                    parameter.uniform_(0.75 * gain, 1.25 * gain, generator=generator)
            for key, buffer in module.named_buffers(recurse=False):
                if key == "running_mean":
                    buffer.normal_(0, 0.1, generator=generator)
                elif key == "running_var":
                    buffer.uniform_(0.5, 1.5, generator=generator)
                else:
                    buffer.zero_()
    return model
