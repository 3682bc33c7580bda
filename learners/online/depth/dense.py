"""The dense depth student: one picture in, inverse depth and its uncertainty at half resolution out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.errors import BadInputError
from selfcue.learners.nets.adam import adam_state, load_adam_state
from selfcue.learners.nets.depth_net import DepthNet, DepthNetConfig
from selfcue.learners.nets.flat import FlatParameters
from selfcue.learners.online.depth.batches import as_input, picture_of, target_of, varied_batch
from selfcue.learners.online.depth.dense_config import DenseConfig
from selfcue.learners.online.depth.dense_weights import vector_of, weights_kind
from selfcue.learners.online.depth.figures import LAPLACE_90, lesson_figures
from selfcue.learners.online.depth.losses import edge_aware_smoothness, laplace_nll, scale_invariant
from selfcue.learners.online.depth.resize import student_picture
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.learners.online.depth.view_mean import ViewMean
from selfcue.learners.online.interfaces import ExportSpec, Lesson, Sample
from selfcue.messages import Estimate, Image
from selfcue.state import State

_KEPT = 4
"""Pictures whose answers are kept."""


class DenseStudent:
    """A small convolutional net that says, for each pixel, a Laplace distribution over inverse depth.

    Three sets of weights: *raw* ones learn, their running *average* asks to fly, and the *deployed* ones estimate; the
    engine decides when the average is deployed. Each comes with the mean view (see ``ViewMean``) that it adds to.
    Deterministic for a seed as long as torch runs on one thread.

    Source: methods after van Hecke et al. 2016 (persistent self-supervised learning), with a dense net in the place of
    the texton words.
    """

    def __init__(self, sizes: DepthSizes, config: DenseConfig | None = None, *, seed: int = 0) -> None:
        self.sizes = sizes
        self.config = config or DenseConfig()
        self.generator = torch.Generator().manual_seed(seed)
        self.steps = 0
        self.widen = 1.0
        net_config = DepthNetConfig(sizes.channels, self.config.widths)
        self._net, self._deployed_net = DepthNet(net_config), DepthNet(net_config)
        self._net.reset_parameters(self.generator)
        self._raw, self._deployed = FlatParameters(self._net), FlatParameters(self._deployed_net)
        self._average = self._raw.vector.detach().clone()
        self._deployed.copy_from(self._average)
        self._deployed_net.requires_grad_(requires_grad=False)
        self._mean = ViewMean(sizes.output_shape, self.config.rho_max_per_m)
        self._deployed_mean = self._mean.map()
        self._said: dict[bytes, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}
        self._rate = self.config.learning_rate
        self._optimiser = self._new_optimiser()

    @property
    def parameters(self) -> int:
        """How many numbers the net has."""
        return self._average.numel()

    # -- Student ---------------------------------------------------------------------------------------------------

    def score(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Return the mean over ``lessons`` of the figures of ``lesson_figures``, with the deployed weights."""
        rows = []
        for lesson in lessons:
            rho, b = self._say(picture_of(lesson))
            rows.append(lesson_figures(rho, b * np.float32(self.widen), *target_of(lesson)))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}

    def residuals(self, lesson: Lesson) -> npt.NDArray[np.float32]:
        """Return |error| / half-width of the uncalibrated 90 % interval at up to 256 of the lesson's pixels, (n,)."""
        rho, b = self._say(picture_of(lesson))
        target, weight = target_of(lesson)
        ratio: npt.NDArray[np.float32] = (np.abs(rho - target) / (LAPLACE_90 * b))[weight > 0]
        return ratio[:: max(1, ratio.size // 256)]

    def study(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Take one step of Adam; skip it (``skipped`` 1) where the gradient is not finite."""
        if self.config.from_mean:
            for lesson in lessons:
                self._mean.meet(lesson)
        if not self.steps:
            self._start_at(lessons)
        pictures, target, mean, weight = varied_batch(lessons, self._mean.map(), self.config.augment, self.generator)
        rho, log_scale = self._read(self._net(pictures), mean)
        share = torch.tensor([lesson.weight for lesson in lessons], dtype=torch.float32)
        gray = torch.nn.functional.avg_pool2d(pictures, 2).mean(dim=1)
        nll = laplace_nll(rho, log_scale, target, weight)
        shape = scale_invariant(rho, target, weight)
        smooth = edge_aware_smoothness(rho, gray)
        loss = nll + self.config.scale_invariant * shape + self.config.smoothness * smooth
        total = (loss * share).sum() / share.sum().clamp_min(1e-6)
        self._raw.gradient.zero_()
        total.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.linalg.vector_norm(self._raw.gradient))
        losses = {"loss": float(total.detach()), "nll": float(nll.detach().mean()), "gradient": norm}
        if not math.isfinite(norm) or not math.isfinite(losses["loss"]):
            return {**losses, "skipped": 1.0}
        self._raw.gradient.mul_(min(1.0, self.config.clip_norm / max(norm, 1e-12)))
        self._optimiser.step()
        self.steps += 1
        decay = min(self.config.ema, (1.0 + self.steps) / (10.0 + self.steps))
        self._average.lerp_(self._raw.vector.detach(), 1.0 - decay)
        if self.config.estimate_with == "raw":
            self._fly(self._raw.vector.detach(), self._mean.map())
        return {**losses, "skipped": 0.0}

    def estimate(self, sample: Sample) -> Estimate:
        """Return inverse depth (h, w) at half the student's resolution, with its calibrated 90 % interval.

        The calibrated Laplace scale can be had back from it: ``b = (upper - value) / ln 10``.
        """
        image = cast(Image, sample.inputs["image"])
        rho, b = self._say(student_picture(image, self.sizes))
        b = b * np.float32(self.widen)
        half = np.float32(LAPLACE_90) * b
        sure = 1.0 - np.exp(-self.config.tolerance * rho / b)
        return Estimate(
            stamp_ns=image.stamp_ns,
            frame_id=image.frame_id,
            cue="student",
            quantity="inverse_depth_per_m",
            value=rho,
            lower=np.maximum(rho - half, np.float32(0.0)),
            upper=rho + half,
            valid=np.ones(rho.shape, dtype=np.bool_),
            confidence=float(sure.mean()),
            model_id=f"dense-{self.steps}",
        )

    def calibrate(self, widen: float) -> None:
        """From now on stretch the scale b of every estimate by ``widen``."""
        self.widen = widen

    # -- weights that can be promoted ------------------------------------------------------------------------------

    def candidate(self) -> State:
        return State({}, {"weights": self._average.numpy().copy(), "mean": self._mean.map()})

    def deployed(self) -> State:
        return State({}, {"weights": self._deployed.vector.detach().numpy().copy(), "mean": self._deployed_mean})

    def deploy(self, weights: State) -> None:
        self._fly(torch.from_numpy(weights.arrays["weights"]), weights.arrays["mean"])

    def restart(self, weights: State) -> None:
        """Learn on from ``weights``, with a fresh optimiser; deploy them too."""
        vector = torch.from_numpy(weights.arrays["weights"])
        self._raw.copy_from(vector)
        self._average.copy_(vector)
        self._fly(vector, weights.arrays["mean"])
        self._optimiser = self._new_optimiser()

    def export_weights(self) -> State:
        """Return the deployed weights by parameter name, with what it takes to build the net they fit."""
        named = self._deployed.split(self._deployed.vector.detach())
        meta = {"size": [self.sizes.width, self.sizes.height], "steps": self.steps, "widen": self.widen}
        return State(
            {**weights_kind(self.sizes, self.config), **meta},
            {**{name: x.numpy().copy() for name, x in named.items()}, "mean": self._deployed_mean},
        )

    def start_from(self, weights: State) -> None:
        """Start from what ``export_weights`` gave, with the smaller learning rate of a warm start.

        The picture's size may differ, the net may not. Raises BadInputError where it does.
        """
        vector = vector_of(weights, weights_kind(self.sizes, self.config), self._raw.names)
        self._rate = self.config.learning_rate_warm
        self.widen = float(weights.meta["widen"])
        self.steps = max(self.steps, 1)  # the head's start values are not to be set again
        mean = self._mean.start_from(weights.arrays["mean"]) if self.config.from_mean else self._deployed_mean
        self.restart(State({}, {"weights": vector, "mean": mean}))

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        meta = {"steps": self.steps, "widen": self.widen, "rate": self._rate}
        arrays = {
            "raw": self._raw.vector.detach().numpy().copy(),
            "average": self._average.numpy().copy(),
            "deployed": self._deployed.vector.detach().numpy().copy(),
            "deployed_mean": self._deployed_mean,
            "generator": self.generator.get_state().numpy().copy(),
        }
        return State(meta, arrays).nested(mean=self._mean.state(), adam=adam_state(self._optimiser, self._raw.vector))

    def load_state(self, state: State) -> None:
        if state.arrays["raw"].shape != tuple(self._average.shape):
            raise BadInputError(
                f"the saved student has {state.arrays['raw'].size} weights, this one {self.parameters}; "
                "resume with the settings it was started with"
            )
        self.steps, self.widen, self._rate = state.meta["steps"], state.meta["widen"], state.meta["rate"]
        self._raw.copy_from(torch.from_numpy(state.arrays["raw"]))
        self._average.copy_(torch.from_numpy(state.arrays["average"]))
        self._fly(torch.from_numpy(state.arrays["deployed"]), state.arrays["deployed_mean"])
        self._mean.load_state(state.part("mean"))
        self.generator.set_state(torch.from_numpy(state.arrays["generator"].copy()))
        self._optimiser = self._new_optimiser()
        load_adam_state(self._optimiser, self._raw.vector, state.part("adam"))

    def export_spec(self) -> ExportSpec:
        shape = (1, self.sizes.channels, self.sizes.height, self.sizes.width)
        return ExportSpec(inputs={"picture": shape}, outputs=("inverse_depth_per_m", "scale_per_m"))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _new_optimiser(self) -> torch.optim.Adam:
        return torch.optim.Adam([self._raw.vector], lr=self._rate, foreach=False)

    def _read(self, out: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Turn the net's two maps into inverse depth [1/m] and the log of its Laplace scale, each (B, h, w)."""
        logit = out[:, 0] + self._mean.offset(mean) if self.config.from_mean else out[:, 0]
        return self.config.rho_max_per_m * torch.sigmoid(logit), out[:, 1].clamp(-7.0, 2.0)

    def _fly(self, vector: Tensor, mean: npt.NDArray[np.float32]) -> None:
        """Estimate with the weights ``vector`` and the mean view ``mean`` from now on."""
        self._deployed.copy_from(vector)
        self._deployed_mean = mean
        self._said.clear()

    def _say(self, picture: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return inverse depth and scale [1/m], each (h, w), that the deployed weights see in ``picture``.

        The last few answers are kept: a lesson is about a picture that was looked at a moment ago.
        """
        key = picture.tobytes()
        if key not in self._said:
            while len(self._said) >= _KEPT:
                del self._said[next(iter(self._said))]
            with torch.inference_mode():
                mean = torch.from_numpy(self._deployed_mean)
                rho, log_scale = self._read(self._deployed_net(as_input(picture)), mean)
                self._said[key] = rho[0].contiguous().numpy(), log_scale[0].exp().contiguous().numpy()
        return self._said[key]

    def _start_at(self, lessons: Sequence[Lesson]) -> None:
        """Set the head's start values to the first lessons' median and spread: no step is lost on finding them."""
        known = np.concatenate([target[weight > 0] for target, weight in map(target_of, lessons)])
        if not known.size:
            return
        median = float(np.median(known))
        spread = max(float(np.abs(known - median).mean()), 1e-3)
        share = min(max(median / self.config.rho_max_per_m, 0.02), 0.98)
        logit = 0.0 if self.config.from_mean else math.log(share / (1.0 - share))
        with torch.no_grad():
            self._net.get_parameter("head.bias").copy_(torch.tensor((logit, math.log(spread))))
        self._average.copy_(self._raw.vector.detach())
