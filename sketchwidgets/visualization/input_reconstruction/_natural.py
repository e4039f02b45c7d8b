"""Gradients in the coordinates in which natural images vary evenly (Olah, Mordvintsev & Schubert, Distill 2017).

Steepest ascent depends on the coordinates. With an image x = A z, a step along the gradient in z moves x by A A^T times the
gradient in x, which is what these functions return.
"""

import torch
from torch import Tensor

from ._errors import ReconstructionError

# Columns: the directions in which red, green and blue vary in photos, each as long as its standard deviation: light and
# dark first, then orange and blue, then green and magenta (the values of Lucid, from ImageNet).
_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def scale_spectrum(gradient: Tensor, power: float) -> Tensor:
    """A gradient (n, C, H, W) with its spectrum divided by frequency^power, the constant by the lowest frequency's.

    With power 1, A divides by the square root of the frequency: smooth patterns grow faster than noise.
    """
    height, width = gradient.shape[2:]
    rows = torch.fft.fftfreq(height, device=gradient.device)
    columns = torch.fft.rfftfreq(width, device=gradient.device)
    frequency = (rows[:, None] ** 2 + columns**2).sqrt().clamp_min(1 / max(height, width))
    spectrum = torch.fft.rfft2(gradient) / frequency.to(gradient.dtype) ** power
    return torch.fft.irfft2(spectrum, s=(height, width))


def scale_colours(gradient: Tensor, order: str = "rgb") -> Tensor:
    """A gradient (n, 3, H, W) scaled by how red, green and blue vary together in photos."""
    if gradient.shape[1] != 3:
        raise ReconstructionError(f"natural_colours needs 3 channels, not {gradient.shape[1]}")
    colours = torch.tensor(_COLOURS, dtype=gradient.dtype, device=gradient.device)
    colours = colours / colours.norm(dim=0).max()
    covariance = colours @ colours.T
    if order == "bgr":
        covariance = covariance.flip(0, 1)
    return torch.einsum("ij,njhw->nihw", covariance, gradient)
