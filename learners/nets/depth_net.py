"""A small encoder-decoder for dense depth from one picture, sized for one core."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.errors import BadInputError


@dataclass(frozen=True)
class DepthNetConfig:
    """Size of the net.

    Attributes:
        channels: input channels: 3 for RGB, 1 for gray.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the input's resolution; multiples of 4.
    """

    channels: int = 1
    widths: tuple[int, int, int, int] = (16, 32, 48, 64)

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise BadInputError(f"a depth net takes 1 or 3 channels, got {self.channels}")
        if any(width < 4 or width % 4 for width in self.widths):
            raise BadInputError(f"widths of a depth net must be multiples of 4, got {self.widths}")


class ConvBlock(nn.Sequential):
    """3 x 3 convolution, group norm, ReLU.

    Group norm and not batch norm: online batches are tiny and their frames alike.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        groups = max(1, outputs // 8) if outputs % 8 == 0 else 1
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.GroupNorm(groups, outputs),
            nn.ReLU(inplace=True),
        )


class FineHead(nn.Module):
    """Two maps at twice the resolution of their features: four pixels from each place, and one bias a map."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 8, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        fine: Tensor = F.pixel_shuffle(self.conv(x), 2) + self.bias[:, None, None]
        return fine


class DepthNet(nn.Module):
    """Picture in, two maps at half its resolution out.

    Plain convolutions: at these sizes they train about twice as fast on a CPU as depthwise ones of equal accuracy.
    The decoder narrows before it widens (convolve, then upsample, then add the skip), which halves its cost against
    concatenating skips, and ends at a quarter of the resolution in a sub-pixel head: against a decoder that goes up to
    the half it saves a quarter of the time and loses nothing. The default has 137 k parameters and takes 22 M
    multiply-adds for a gray picture of 128 x 96.

    Source of the head: Shi et al. 2016, sub-pixel convolution.

    Shapes:
        - input: (B, channels, H, W) float32, normalised per picture; H and W multiples of 16.
        - output: (B, 2, H/2, W/2); the caller gives the two maps their meaning.
    """

    def __init__(self, config: DepthNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or DepthNetConfig()
        half, quarter, eighth, sixteenth = self.config.widths
        self.down1 = ConvBlock(self.config.channels, half, stride=2)
        self.down2 = ConvBlock(half, quarter, stride=2)
        self.down3 = ConvBlock(quarter, eighth, stride=2)
        self.down4 = ConvBlock(eighth, sixteenth, stride=2)
        self.middle = ConvBlock(sixteenth, sixteenth)
        self.up3 = ConvBlock(sixteenth, eighth)
        self.up2 = ConvBlock(eighth, quarter)
        self.mix2 = ConvBlock(quarter, quarter)
        self.head = FineHead(quarter)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew: He's rule for convolutions, small weights and no bias in the head."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                gain = 0.1 if module is self.head.conv else 1.0
                deviation = gain * (2.0 / (9 * module.in_channels)) ** 0.5
                with torch.no_grad():
                    module.weight.normal_(0.0, deviation, generator=generator)
        with torch.no_grad():
            self.head.bias.zero_()

    def forward(self, picture: Tensor) -> Tensor:
        quarter = self.down2(self.down1(picture))
        eighth = self.down3(quarter)
        deep = self.middle(self.down4(eighth))
        x = _double(self.up3(deep)) + eighth
        x = _double(self.up2(x)) + quarter
        out: Tensor = self.head(self.mix2(x))
        return out


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
