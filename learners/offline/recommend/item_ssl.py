"""Two towers whose item side also learns from the catalogue alone (Yao et al., CIKM 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.contrastive import info_nce
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.recommend.features import Tower
from selfcue.learners.offline.recommend.mutual_information import mutual_information
from selfcue.learners.offline.recommend.top import top_items
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ItemSSLConfig:
    """Settings; the defaults are a size for two cores.

    Attributes:
        width: of a feature's embedding.
        hidden: widths of each tower's layers; the last is the vectors'.
        mask: how two views of an item are made: ``cfm`` (hide a feature with those that tell most about it; the other
            view hides the rest), ``rfm`` (a random half, the other half), ``dropout`` (each value apart) or ``none``.
        value_dropout: share of values hidden besides, or alone with ``dropout``.
        alpha: weight of the contrast between views. 0: towers alone.
        temperature: of both losses; divides.
        draw: items of the contrast are drawn ``uniform`` over the catalogue, or by ``popularity``.
        batch: pairs a step, and items a step.
        lr, weight_decay: Adam's.
        epochs: rounds through the pairs.
        keep_best: keep the epoch that ranks the validation pairs best, where there are some.
    """

    width: int = 16
    hidden: tuple[int, ...] = (64, 32)
    mask: Literal["cfm", "rfm", "dropout", "none"] = "cfm"
    value_dropout: float = 0.1
    alpha: float = 0.3
    temperature: float = 0.1
    draw: Literal["uniform", "popularity"] = "uniform"
    batch: int = 512
    lr: float = 2e-3
    weight_decay: float = 0.0
    epochs: int = 10
    keep_best: bool = True

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and 0 <= self.value_dropout < 1 and self.alpha >= 0 and self.batch > 1):
            raise BadInputError(f"needs temperature > 0, value_dropout in [0, 1), alpha >= 0, batch > 1; got {self}")

    @classmethod
    def paper(cls, data: str = "") -> ItemSSLConfig:  # noqa: ARG003 - one for all data
        """Return the paper's towers (1024 to 128, batch 1024); its other figures are for data that are not public."""
        return cls(width=64, hidden=(1024, 128), batch=1024, epochs=20)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the net takes: codes of users (U, K) and items (I, K), the pairs, and how often each item comes."""

    users: Tensor
    items: Tensor
    pairs: IntArray
    log_frequency: Tensor
    related: IntArray
    val: IntArray


@dataclass(frozen=True, eq=False)
class Batch:
    """Pairs (B, 2), items of the contrast (S,), and what each view hides of them."""

    pairs: Tensor
    items: Tensor
    hide: tuple[Tensor, Tensor]


class TwoTowers(nn.Module):
    """A tower for queries and one for items."""

    def __init__(self, config: ItemSSLConfig, users: list[int], items: list[int]) -> None:
        super().__init__()
        self.config = config
        self.query, self.item = (Tower(sizes, config.width, config.hidden) for sizes in (users, items))

    def forward(self, prepared: Prepared, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        users, items = batch.pairs[:, 0], batch.pairs[:, 1]
        q, x = self.query(prepared.users[users]), self.item(prepared.items[items])
        # An item that is drawn often stands among the negatives often: logQ makes up for it.
        main = info_nce(
            q, x, temperature=config.temperature, log_frequency=prepared.log_frequency[items], normalise=False
        )
        if not config.alpha:
            return {"loss": main}
        codes = prepared.items[batch.items]
        z, v = (self.item(codes, hide) for hide in batch.hide)
        own = info_nce(z, v, temperature=config.temperature, normalise=False)
        return {"main": main, "contrast": own, "loss": main + config.alpha * own}


class ItemSSL(TorchMethod[Interactions, ItemSSLConfig]):
    """Finds items for users (or queries) from what is known of both; for catalogues whose items are mostly rare."""

    about: ClassVar[About] = About(
        name="item_ssl",
        family="recommend",
        title="Self-supervised Learning for Large-scale Item Recommendations",
        task="items for queries, rare ones too",
        source="Yao, Yi, Cheng, Yu, Chen, Menon, Hong, Chi, Tjoa, Kang, Ettinger: CIKM 2021, arXiv 2007.12865",
    )
    Config = ItemSSLConfig
    Data = Interactions
    mini_batch = True

    def sizes(self, data: Interactions) -> dict[str, Any]:
        least = 4 if self.config.mask == "cfm" and self.config.alpha else 1
        for what, features, needed in (("users", data.users, 1), ("items", data.items, least)):
            if len(features.codes) < needed:
                raise BadInputError(
                    f"{data.name}: {len(features.codes)} features of {what}, needs {needed} or more "
                    "(with fewer, masking is one fixed split: choose mask='dropout'); give a folder with "
                    "pairs.csv, users.csv and items.csv"
                )
        return {what: [f.sizes[name] for name in f.codes] for what, f in (("users", data.users), ("items", data.items))}

    def build(self, sizes: Mapping[str, Any]) -> TwoTowers:
        return TwoTowers(self.config, sizes["users"], sizes["items"])

    def prepare(self, data: Interactions, device: str, rng: np.random.Generator) -> Prepared:  # noqa: ARG002
        count = np.bincount(data.item, minlength=data.n_items).astype(np.float64)
        frequency = np.log(np.maximum(count, 0.5) / len(data.item)).astype(np.float32)
        items = data.items.matrix()
        self.mutual_information = mutual_information(items)
        order = np.argsort(-self.mutual_information, axis=1, kind="stable")
        return Prepared(
            torch.from_numpy(data.users.matrix()).to(device),
            torch.from_numpy(items).to(device),
            np.stack((data.user, data.item), axis=1),
            torch.from_numpy(frequency).to(device),
            order,
            np.stack((data.val_user, data.val_item), axis=1),
        )

    def batches(self, prepared: Prepared, rng: np.random.Generator, part: Part) -> Iterator[Batch]:
        config, n_items = self.config, len(prepared.items)
        device = prepared.items.device
        order = rng.permutation(len(prepared.pairs))
        for start in range(0, len(order), config.batch):
            pairs = part.take(prepared.pairs[order[start : start + config.batch]])
            if len(pairs) < 2:
                continue
            if config.draw == "uniform":
                items = rng.choice(n_items, min(config.batch, n_items), replace=False)
            else:
                items = np.unique(prepared.pairs[rng.integers(0, len(prepared.pairs), config.batch), 1])
            hide = views(config, prepared.related, len(items), rng)
            first, second = (torch.from_numpy(part.take(view)).to(device) for view in hide)
            yield Batch(
                torch.from_numpy(pairs).to(device), torch.from_numpy(part.take(items)).to(device), (first, second)
            )

    @torch.no_grad()
    def validate(self, net: nn.Module, prepared: Prepared) -> float | None:
        """Return the mean reciprocal rank of the validation pairs' items among all; at most 2000 pairs."""
        if not len(prepared.val) or not self.config.keep_best:
            return None
        assert isinstance(net, TwoTowers)
        users, items = prepared.val[:2000].T
        scores = net.query(prepared.users[users]) @ net.item(prepared.items).t()
        right = scores[torch.arange(len(items)), torch.from_numpy(items)]
        rank = 1 + (scores > right[:, None]).sum(1)
        return float((1.0 / rank).mean())

    @torch.no_grad()
    def transform(self, data: Interactions) -> npt.NDArray[np.float32]:
        """Return the vector of each item (I, D), of length 1; an item that was never taken has one too."""
        vectors: npt.NDArray[np.float32] = self._towers(data).item(torch.from_numpy(data.items.matrix())).numpy()
        return vectors

    @torch.no_grad()
    def recommend(self, data: Interactions, rows: IntArray, *, k: int = 20) -> tuple[IntArray, npt.NDArray[np.float32]]:
        """Return the best ``k`` items (R, k) for users ``rows`` (R,) and their cosines; known pairs are left out."""
        query = self._towers(data).query(torch.from_numpy(data.users.matrix()[rows])).numpy()
        return top_items(query @ self.transform(data).T, data, rows, k)

    def _towers(self, data: Interactions) -> TwoTowers:
        net = self.fitted()
        assert isinstance(net, TwoTowers)
        given = {what: [f.sizes[n] for n in f.codes] for what, f in (("users", data.users), ("items", data.items))}
        if given != {what: self.facts[what] for what in given}:
            raise BadInputError(f"{data.name}: features of sizes {given}; learned from {self.facts}")
        return net


def views(config: ItemSSLConfig, related: IntArray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return what the two views of ``n`` items hide: (n, K) bool each.

    Source: Yao et al., section 3.2 and 3.3. ``related`` (K, K): features by falling mutual information with each.
    """
    k = len(related)
    first = np.zeros(k, dtype=np.bool_)
    if config.mask == "cfm":
        seed = int(rng.integers(k))
        others = [feature for feature in related[seed] if feature != seed]
        first[[seed, *others[: k // 2]]] = True
    elif config.mask == "rfm":
        first[rng.permutation(k)[: k // 2]] = True
    apart = config.mask in ("cfm", "rfm")
    return tuple(  # type: ignore[return-value]
        (hidden if apart else np.zeros(k, dtype=np.bool_)) | (rng.random((n, k)) < config.value_dropout)
        for hidden in (first, ~first)
    )
