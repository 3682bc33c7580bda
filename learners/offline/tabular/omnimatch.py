"""OmniMatch: which columns of a folder of tables can be joined, exactly or nearly (Koutras et al., 2024)."""

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
from selfcue.learners.offline.data.table_lake import TableLake
from selfcue.learners.offline.tabular.column_graph import ColumnGraph, Described
from selfcue.learners.offline.tabular.column_net import ColumnNet, distances, join_cross_entropy, join_triplets
from selfcue.learners.offline.tabular.column_text import columns_of
from selfcue.learners.offline.tabular.fabricate import Fabricated, Recipe
from selfcue.learners.offline.tabular.findings import evidence_of, findings
from selfcue.learners.offline.tabular.join_scores import average_precision, best_cut
from selfcue.learners.offline.tabular.profile import N_FEATURES
from selfcue.learners.offline.tabular.signals import PAPER_SIGNALS, SIGNALS
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part


@dataclass(frozen=True)
class OmniMatchConfig:
    """Settings of OmniMatch; the defaults are a size for two cores.

    Attributes:
        signals: what makes edges: jaccard, contained, contains, rare, words, spread, quantiles.
        k: edges of a signal into each column, from those most like it.
        floor: no edges from columns as little alike as this; the authors' -1 gives all columns k edges of each signal.
        threshold: above 0: edges from all columns so similar, in place of the k first.
        layers: graph convolutions; 0: a column's own profile alone.
        dim: width of a column's vector.
        loss: ``triplet`` (score: nearness of two vectors) or ``bce`` (score: a small network's on both).
        margin: of the triplet loss.
        pairs: pairs of tables fabricated of each table in one training lake.
        lakes: how many training lakes; one more validates.
        rows: rows of a table that a fabricated pair uses at most.
        noise: chance of a pair's second table to be written differently.
        typos: chance of each letter and digit to be mistyped there.
        negatives: ``fabricated`` (other columns of the same table), ``random`` (as many of other tables) or ``all``
            (both, and all that are left: columns of your own tables that join one another are then among them).
        min_uniqueness: report only pairs of which one column has at least this share of distinct values.
        lr, weight_decay: Adam's.
        epochs: passes over the training lakes; the best on the validating one is kept.
    """

    signals: tuple[str, ...] = SIGNALS
    k: int = 3
    floor: float = 0.0
    threshold: float = 0.0
    layers: int = 2
    dim: int = 128
    loss: Literal["triplet", "bce"] = "triplet"
    margin: float = 0.5
    pairs: int = 2
    lakes: int = 3
    rows: int = 1000
    noise: float = 0.5
    typos: float = 0.1
    negatives: Literal["fabricated", "random", "all"] = "fabricated"
    min_uniqueness: float = 0.0
    lr: float = 1e-3
    weight_decay: float = 0.0
    epochs: int = 50

    def __post_init__(self) -> None:
        unknown = sorted(set(self.signals) - set(SIGNALS))
        if unknown or not self.signals or len(set(self.signals)) < len(self.signals):
            raise BadInputError(f"signals must be some of {', '.join(SIGNALS)}, each once; got {list(self.signals)}")
        if min(self.k, self.dim, self.pairs, self.lakes, self.rows - 1, self.epochs) < 1 or self.layers < 0:
            raise BadInputError(f"k, dim, pairs, lakes and epochs must be 1 at least, rows 2, layers 0; got {self}")
        shares = (self.noise, self.typos, self.min_uniqueness)
        if min(*shares, self.threshold) < 0 or max(shares) > 1 or self.margin <= 0 or self.floor < -1:
            raise BadInputError(f"noise, typos, min_uniqueness are shares, margin > 0, floor >= -1; got {self}")

    @classmethod
    def paper(cls, data: str = "") -> OmniMatchConfig:  # noqa: ARG003 - the same for all
        """Return the authors' size (arXiv 2403.07653); how many pairs they made of a table is ours."""
        return cls(signals=PAPER_SIGNALS, floor=-1.0, dim=256, epochs=30)

    @property
    def recipe(self) -> Recipe:
        """How tables are fabricated."""
        return Recipe(self.pairs, self.rows, self.noise, self.typos)


@dataclass(frozen=True, eq=False)
class Lesson:
    """A fabricated lake: its graph, and which pairs (N, N bool) are joins and which others are learned from."""

    graph: ColumnGraph
    joins: Tensor
    others: Tensor


@dataclass(frozen=True, eq=False)
class Prepared:
    """Lakes to learn from; and one that validates: its graph, candidate pairs (2, M) and which are joins (M,)."""

    lessons: tuple[Lesson, ...]
    graph: ColumnGraph
    candidates: Tensor
    joined: npt.NDArray[np.bool_]


class _Net(ColumnNet):
    """The network with the loss that the settings ask for."""

    def __init__(self, config: OmniMatchConfig, n_features: int) -> None:
        super().__init__(
            n_features, n_types=len(config.signals), layers=config.layers, dim=config.dim, judged=config.loss == "bce"
        )
        self.margin = config.margin

    def forward(self, _: Prepared, batch: Lesson) -> dict[str, Tensor]:
        z = self.vectors(batch.graph)
        if self.judge is not None:
            first, second = torch.nonzero((batch.joins | batch.others).triu(), as_tuple=True)
            return {"loss": join_cross_entropy(self.logits(z, first, second), batch.joins[first, second])}
        return {"loss": join_triplets(distances(z), batch.joins, batch.others, margin=self.margin)}


class OmniMatch(TorchMethod[TableLake, OmniMatchConfig]):
    """Joinable pairs of columns, headers unread. It learns from pairs that it makes of the tables themselves."""

    about: ClassVar[About] = About(
        name="omnimatch",
        family="tabular",
        title="OmniMatch: Effective Self-Supervised Any-Join Discovery in Tabular Data Repositories",
        task="columns that can be joined, exactly or nearly",
        source="Koutras, Zhang, Qin, Lei, Ioannidis, Faloutsos, Karypis, Katsifodimos: 2024, arXiv 2403.07653",
    )
    Config = OmniMatchConfig
    Data = TableLake

    def sizes(self, data: TableLake) -> dict[str, Any]:
        filled = {name: sum(any(values) for values in table.values()) for name, table in data.tables.items()}
        rows = {name: len(next(iter(table.values()))) for name, table in data.tables.items()}
        if not any(filled[name] > 1 and rows[name] > 1 for name in filled):
            raise BadInputError(
                f"{data.name}: no table has two columns with values and two rows, and none can be split into training "
                "pairs without; add such a table"
            )
        return {"n_features": N_FEATURES, "lake": data.digest()}

    def build(self, sizes: Mapping[str, Any]) -> ColumnNet:
        return _Net(self.config, sizes["n_features"])

    def fabricated(self, data: TableLake, rng: np.random.Generator) -> list[Fabricated]:
        """Return the training lakes and, last, the validating one."""
        made = [Fabricated.of(data, rng, self.config.recipe) for _ in range(self.config.lakes + 1)]
        if not all(lake.joins.any() and lake.others.any() for lake in made):
            raise BadInputError(f"{data.name}: too few values to make training pairs from; most cells are empty")
        return made

    def prepare(self, data: TableLake, device: str, rng: np.random.Generator) -> Prepared:
        *train, val = self.fabricated(data, rng)
        lessons = []
        for lake in train:
            others = lake.negatives(self.config.negatives, rng)
            pairs = (torch.from_numpy(part).to(device) for part in (lake.joins, others))
            lessons.append(Lesson(self._graph(lake.seen, device), *pairs))
        candidates = np.stack(np.nonzero(val.candidates))
        return Prepared(
            tuple(lessons), self._graph(val.seen, device), torch.from_numpy(candidates).to(device),
            val.joins[candidates[0], candidates[1]],
        )  # fmt: skip

    def before_epoch(self, net: nn.Module, prepared: Prepared, epoch: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Begin: take the scale of the profiles."""
        assert isinstance(net, ColumnNet)
        if epoch == 0:
            net.scale_to(torch.cat([lesson.graph.x for lesson in prepared.lessons]))

    def batches(self, prepared: Prepared, rng: np.random.Generator, part: Part) -> Iterator[Lesson]:  # noqa: ARG002
        for place in rng.permutation(len(prepared.lessons)):
            yield prepared.lessons[place]

    @torch.no_grad()
    def validate(self, net: nn.Module, prepared: Prepared) -> float:
        """Return the average precision over the validating lake; place the cut where F1 is best there."""
        assert isinstance(net, ColumnNet)
        score = net.scores(net.vectors(prepared.graph), *prepared.candidates).cpu().numpy()
        net.cut.fill_(best_cut(score, prepared.joined)[0])
        return average_precision(score, prepared.joined)

    @torch.no_grad()
    def column_vectors(self, data: TableLake) -> npt.NDArray[np.float32]:
        """Return a vector of length 1 for each column (N, dim), in the order of ``data.columns()``."""
        return self._net.vectors(self._graph(Described.of(columns_of(data)), "cpu")).numpy()

    @torch.no_grad()
    def score_pairs(self, data: TableLake | Described) -> npt.NDArray[np.float32]:
        """Return (N, N), symmetric, in [0, 1]; 0 for columns of one table and for empty columns."""
        seen = data if isinstance(data, Described) else Described.of(columns_of(data))
        first, second = np.nonzero(np.triu(seen.apart))
        z = self._net.vectors(self._graph(seen, "cpu"))
        score = np.zeros(seen.apart.shape, dtype=np.float32)
        score[first, second] = self._net.scores(z, torch.from_numpy(first), torch.from_numpy(second)).numpy()
        return score + score.T

    @property
    def cut(self) -> float:
        """The score from which on a pair counts as a join; chosen on fabricated pairs."""
        return float(self._net.cut)

    def discover(self, data: TableLake, *, least: int = 20) -> list[Mapping[str, Any]]:
        """Return pairs of columns, best first: all joins, and more until there are ``least``.

        Raises:
            BadInputError: there is one table alone, or but one with values.
        """
        seen = Described.of(columns_of(data))
        if not seen.apart.any():
            raise BadInputError(f"{data.name}: joins are sought between tables; two with values are needed")
        score = self.score_pairs(seen)
        return findings(seen, score, self.cut, least=least, min_uniqueness=self.config.min_uniqueness)

    def evidence(self, data: TableLake, first: tuple[str, str], second: tuple[str, str]) -> dict[str, Any]:
        """Return what the score of two columns, each (table, column), rests on: signals, and neighbours by signal.

        Raises:
            BadInputError: there is no such column.
        """
        seen = Described.of(columns_of(data))
        found = evidence_of(seen, self._graph(seen, "cpu"), self.config.signals, first, second)
        a, b = (data.columns().index(column) for column in (first, second))
        return {"score": round(float(self.score_pairs(seen)[a, b]), 4), **found}

    @property
    def _net(self) -> ColumnNet:
        net = self.fitted()
        assert isinstance(net, ColumnNet)
        return net

    def _graph(self, seen: Described, device: str) -> ColumnGraph:
        config = self.config
        return ColumnGraph.of(
            seen, config.signals, k=config.k, floor=config.floor, threshold=config.threshold, device=device
        )
