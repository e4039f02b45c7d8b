"""Take out of the first filters what no drawing excites.

A large first filter (15 x 15) starts as noise, and training moves it only in directions in which the pixels vary.
Neighbouring pixels of a line drawing vary together, so most of the noise is left where it was. It changes the
responses by almost nothing, but it is most of what one sees of a filter. Weight decay removes it in the limit of long
training; here the limit is computed.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def shrink_unexcited(conv: nn.Conv2d, images: Iterable[Tensor], strength: float = 0.003) -> float:
    """Shrink the filters of a first convolution, in place, towards what drawings excite.

    Every filter w becomes the minimum of E[(w' · p - w · p)²] + strength · |w'|² over the patches p of the
    images (ridge regression, with the old responses as targets): w' = (C + strength)⁻¹ C w, C = E[p pᵀ].

    conv : without groups or dilation. images : batches (n, channels, H, W) of its inputs. strength : above 0, in
    the unit of a squared pixel.

    Returns the mean squared change of the responses, relative to their mean square. Raises ValueError for
    another kind of convolution, a strength of 0 or less, or no images.

    >>> conv = torch.nn.Conv2d(1, 4, 5)
    >>> drawings = sw.rasterize([sw.Sketch([[(0, 0), (200, 200)], [(0, 200), (200, 0)]])])
    >>> before = conv.weight.norm()
    >>> from sketchwidgets.training.recognizers.first_layer import shrink_unexcited
    >>> shrink_unexcited(conv, [drawings]) < 0.05, bool(conv.weight.norm() < before)
    (True, True)
    """
    if conv.groups != 1 or conv.dilation != (1, 1):
        raise ValueError(f"conv must have no groups and no dilation: {conv}")
    if not strength > 0:  # at 0, what no drawing excites is not determined
        raise ValueError(f"strength must be above 0, not {strength}")
    # On the CPU: not every device has float64.
    moments, count = 0.0, 0
    for batch in images:
        patches = F.unfold(batch.cpu().double(), conv.kernel_size, padding=conv.padding, stride=conv.stride)
        patches = patches.transpose(1, 2).flatten(0, 1)
        moments, count = moments + patches.T @ patches, count + len(patches)
    if not count:
        raise ValueError("images is empty")
    moments = moments / count
    old = conv.weight.flatten(1).cpu().double()
    ridge = strength * torch.eye(len(moments), dtype=moments.dtype)
    new = torch.linalg.solve(moments + ridge, moments @ old.T).T
    change = ((new - old) @ moments * (new - old)).sum() / (old @ moments * old).sum()
    conv.weight.copy_(new.view_as(conv.weight))
    return float(change)
