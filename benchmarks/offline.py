"""Offline methods: what each paper claims, reproduced, and GraphMAE's step against a plain one on PyTorch Geometric."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.reproduction.commands import find_experiments
from selfcue.learners.offline.reproduction.report import rows_of
from selfcue.learners.offline.reproduction.runner import run_experiment
from selfcue.optional import require

STEPS = 10


def measure(work: Path, *, quick: bool) -> BenchResult:
    """Run every reproduction (``quick``: one seed, two epochs a training) and race one training step."""
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    for experiment in find_experiments("", everything=True):
        limit, seeds = (Budget(epochs=2), 1) if quick else (None, None)
        outcome = run_experiment(experiment, work, seeds=seeds, budget=limit)
        facts = {"experiment": experiment.name, "metric": experiment.metric}
        rows += [{**facts, **_plain(row, experiment.metric)} for row in rows_of(outcome)]
        for verdict in outcome.verdicts:
            name, how = f"{experiment.name}.{verdict.id}", f"selfcue reproduce {experiment.name}; {verdict.how}"
            claims.append(Claim(name, verdict.claim, verdict.goal, verdict.value, verdict.holds, how))
    ours, peer = step_seconds("cora", steps=2 if quick else STEPS)
    rows.append({"experiment": "graphmae step", "data": "cora", "ours ms": ours * 1e3, "plain PyG ms": peer * 1e3})
    claims.append(Claim(
        "graphmae.step", "a GraphMAE step at the paper's size takes at most half of a plain one on PyTorch Geometric",
        "ratio >= 2", peer / ours, peer / ours >= 2.0, f"median of {STEPS} alternating steps on Cora, one thread",
    ))  # fmt: skip
    return BenchResult("offline", quick, rows, claims)


def _plain(row: dict[str, Any], metric: str) -> dict[str, Any]:
    """Return a row of a reproduction with plain numbers."""
    interval = row[metric]
    kept = {key: row[key] for key in ("data", "arm", "role", "published", "seeds", "cpu s")}
    return {**kept, "mean": interval.mean, "low": interval.low, "high": interval.high}


def step_seconds(data: str, *, steps: int) -> tuple[float, float]:
    """Return the median CPU seconds of a forward and backward pass of ours, and of the plain one, taken in turns."""
    torch = require("torch", extra="offline")
    from selfcue.learners.offline.graph.graphmae import GraphMAE, GraphMAEConfig

    graph = catalogue.load(data).data
    method = GraphMAE(GraphMAEConfig.paper(data))
    method.facts = method.sizes(graph)
    net = method.build(method.facts)
    rng = np.random.default_rng(0)
    prepared = method.prepare(graph, "cpu", rng)
    plain = _plain_step(torch, graph, method.config)
    taken: tuple[list[float], list[float]] = ([], [])

    def our_step() -> None:
        net(prepared, rng)["loss"].backward()

    for _ in range(steps + 1):
        for times, step in zip(taken, (our_step, plain), strict=True):
            begin = time.process_time()
            step()
            times.append(time.process_time() - begin)
    return float(np.median(taken[0][1:])), float(np.median(taken[1][1:]))


def _plain_step(torch: Any, graph: Any, config: Any) -> Callable[[], None]:
    """Return a step of the same net as PyG's users write it: dense features, GATConv in and out, all nodes decoded."""
    nn = require("torch_geometric.nn", extra="offline")
    functional = torch.nn.functional
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    n, width = x.shape
    first = nn.GATConv(width, config.hidden // config.heads, config.heads, dropout=config.attention_dropout)
    second = nn.GATConv(config.hidden, config.hidden // config.heads, config.heads, dropout=config.attention_dropout)
    between = torch.nn.Linear(config.hidden, config.hidden, bias=False)
    decoder = nn.GATConv(config.hidden, width, 1, dropout=config.attention_dropout)
    token, act = torch.nn.Parameter(torch.zeros(1, width)), torch.nn.PReLU()
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        hidden = torch.randperm(n, generator=generator)[: int(config.mask_rate * n)]
        mask = torch.zeros(n, 1).index_fill(0, hidden, 1.0)
        shown = x * (1 - mask) + token * mask
        h = act(first(functional.dropout(shown, config.input_dropout), edges))
        h = between(act(second(functional.dropout(h, config.input_dropout), edges))) * (1 - mask)
        rebuilt = decoder(functional.dropout(h, config.input_dropout), edges)
        cosine = functional.cosine_similarity(rebuilt[hidden], x[hidden], dim=1)
        (1 - cosine).pow(config.gamma).mean().backward()

    return step
