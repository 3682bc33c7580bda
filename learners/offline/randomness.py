"""Every random choice of a training run, from one seed; the caller's own generators stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from selfcue.state import State, generator_from, generator_state


class Randomness:
    """A numpy generator for what we draw, and torch's for what its layers draw (dropout, initial weights).

    Attributes:
        numpy: ours, for batches, masks and views.
    """

    def __init__(self, seed: int) -> None:
        words = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        self.numpy = np.random.Generator(np.random.PCG64(int(words[0])))
        self._torch_seed = int(words[1] >> 1)

    @contextmanager
    def hold(self, device: str) -> Iterator[None]:
        """Seed torch's generators inside, and put them back as they were afterwards."""
        devices = [torch.device(device)] if device.startswith("cuda") else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self._torch_seed)
            yield

    def state(self) -> State:
        """Return where both generators stand; to be called inside ``hold``."""
        return State({"numpy": generator_state(self.numpy)}, {"torch": torch.get_rng_state().numpy()})

    def load_state(self, state: State) -> None:
        """Go on from ``state``; to be called inside ``hold``."""
        self.numpy = generator_from(state.meta["numpy"])
        torch.set_rng_state(torch.from_numpy(state.arrays["torch"].copy()))


def child(seed: int, word: str) -> np.random.Generator:
    """Return a generator of its own for the purpose ``word``: what is drawn there changes nothing elsewhere."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *word.encode()])))
