"""The bus: how fast, how much, at what cost and with what losses, beside its peers in the same run."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.benchmarks import bus_costs
from selfcue.benchmarks.bus_ends import Phase, digest
from selfcue.benchmarks.bus_race import Score, Scores, race, ratio
from selfcue.benchmarks.bus_transports import OURS, TRANSPORTS
from selfcue.benchmarks.result import BenchResult, Claim

SIZES = {"64 B": 64, "64 kB": 65_536, "900 kB": 900_000, "6.2 MB": 6_220_800}
RELIABLE, ZMQ, IOX2, ZENOH = "selfcue, reliable", "pyzmq", "iceoryx2", "zenoh, shared memory"


@dataclass(frozen=True)
class Effort:
    """How much is run: repeats, messages per size with and without a pause, frames, seconds, reads."""

    repeats: int
    paced: tuple[int, ...]
    flood: tuple[int, ...]
    frames: int
    seconds: float
    reads: int


FULL = Effort(7, (400, 400, 250, 150), (20_000, 4000, 600, 120), 150, 8.0, 1_000_000)
QUICK = Effort(2, (100, 100, 60, 40), (2000, 400, 100, 30), 30, 2.0, 30_000)
NOTES = (
    "ratios are medians of the ratios within each repeat; in each repeat all transports take turns",
    "one way: until xxh3 has read every byte; its own cost and that of memcpy are the last rows; receivers block",
    "16 sender arrays in turn, their heads changed each time; lost: sent, and never came",
)
PERIODS_S = (0.002, 0.002, 0.004, 0.015)


def measure(work: Path, *, quick: bool) -> BenchResult:  # noqa: ARG001 - nothing of it is kept between runs
    """Race all transports that are installed, then weigh the costs and read under an overrun."""
    effort = QUICK if quick else FULL
    load = os.getloadavg()[0]
    names = [name for name, transport in TRANSPORTS.items() if transport.here]
    paced = [Phase(*one) for one in zip(SIZES.values(), effort.paced, PERIODS_S, strict=True)]
    flood = [Phase(size, number, 0.0) for size, number in zip(SIZES.values(), effort.flood, strict=True)]
    scores, failed = race(names, [*paced, *flood], effort.repeats)
    rows = [row for name in names for row in _rows(name, scores[name])] + _limits()
    claims = [*_speed_claims(scores, effort), *_loss_claims(scores), *_cost_claims(effort, rows)]
    loads = f"{load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, on {os.cpu_count()} cores"
    notes = [f"load of the machine (1 min) {loads}", *NOTES]
    notes += [f"left out: {name}, which is not installed" for name in TRANSPORTS if name not in names]
    notes += ["left out: dora-rs, whose Python package brings no daemon and no way to start a node by itself"]
    return BenchResult("bus", quick, rows, claims, notes + [f"failed: {one}" for one in failed])


def _rows(name: str, scores: list[Score]) -> list[dict[str, Any]]:
    rows = []
    for i, size in enumerate(SIZES):
        paced, flood = scores[i], scores[i + len(SIZES)]
        rows.append({
            "transport": name,
            "size": size,
            "p50 us": _median(paced.p50_us),
            "p99 us": _median(paced.p99_us),
            "lost": paced.lost,
            "MB/s": _median(flood.mb_per_s),
            "messages/s": _median(flood.per_s),
            "lost, flooded": flood.lost,
            "damaged": paced.damaged + flood.damaged,
        })  # fmt: skip
    return rows


def _limits() -> list[dict[str, Any]]:
    """Return what no transport can beat: one copy of the bytes, and reading them once."""
    rows = []
    for what in ("memcpy", "xxh3"):
        for name, size in SIZES.items():
            source = [np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8) for i in range(4)]
            target = np.empty(size, np.uint8)
            times = []
            for i in range(200):
                begin = time.perf_counter_ns()
                if what == "memcpy":
                    np.copyto(target, source[i % 4])
                else:
                    digest(source[i % 4])
                times.append((time.perf_counter_ns() - begin) / 1e3)
            rows.append({"transport": f"limit: {what}", "size": name, "p50 us": statistics.median(times)})
    return rows


def _speed_claims(scores: Scores, effort: Effort) -> list[Claim]:
    claims = []
    how = f"median of {effort.repeats} ratios of p50, one per repeat"
    for peer, sizes, most, gated in (
        (IOX2, ("900 kB", "6.2 MB"), 1.1, True),
        (ZENOH, ("6.2 MB",), 0.5, True),
        (ZMQ, ("64 B", "64 kB"), 1.15, True),
    ):
        for size in sizes:
            i = list(SIZES).index(size)
            value = ratio(scores[OURS][i].p50_us, scores[peer][i].p50_us) if peer in scores else None
            told = how if value is not None else f"{peer} is not here"
            claims.append(
                Claim(f"p50 {size} / {peer}", f"one-way p50 at {size} against {peer}", f"<= {most} x", value,
                      value is not None and value <= most and gated, told)
            )  # fmt: skip
    return claims


def _loss_claims(scores: Scores) -> list[Claim]:
    lost = sum(score.lost for score in scores[RELIABLE])
    number = sum(len(score.p50_us) for score in scores[RELIABLE])
    damaged = sum(score.damaged for name in scores if name.startswith("selfcue") for score in scores[name])
    return [
        Claim("reliable", "messages lost under reliable, flooded too", "0", float(lost), lost == 0 and number > 0,
              "all sizes, with and without pauses, all repeats"),
        Claim("damaged", "messages that came damaged, in all our ways", "0", float(damaged), damaged == 0,
              "xxh3 of every message against the sender's"),
    ]  # fmt: skip


def _cost_claims(effort: Effort, rows: list[dict[str, Any]]) -> list[Claim]:
    one, many = [], []
    for _ in range(max(2, effort.repeats // 2)):
        one.append(bus_costs.fan_out(1, effort.frames))
        many.append(bus_costs.fan_out(8, effort.frames))
    fan = ratio([o["cpu_us"] for o in many], [o["cpu_us"] for o in one])
    wall = ratio([o["publish_us"] for o in many], [o["publish_us"] for o in one])
    for name, found in (("1 subscriber", one), ("8 subscribers", many)):
        cpu = statistics.median(o["cpu_us"] for o in found)
        rows.append({"transport": f"selfcue, 1080p at 20 Hz, {name}: publisher's CPU per frame", "p50 us": cpu})
    small = bus_costs.small_messages(effort.seconds)
    idle = bus_costs.idle(effort.seconds)
    torn = bus_costs.overrun(effort.reads)
    return [
        Claim("fan-out", "publisher's CPU with 8 subscribers on one 1080p stream against 1", "< 1.2 x", fan,
              fan is not None and fan < 1.2, f"process CPU per frame; time in publish {wall or 0:.2f} x; "
              f"{len(one)} pairs of {effort.frames} frames"),
        Claim("5 kHz", "cores for 5 kHz of 100-byte messages, both processes", "< 0.5", small["cores"],
              small["cores"] < 0.5 and small["lost"] == 0, f"{effort.seconds:.0f} s at {small['rate_hz']:.0f} Hz, "
              f"{small['lost']:.0f} lost"),
        Claim("idle", "cores for two connected processes with nothing to say", "< 0.005", idle, idle < 0.005,
              f"{effort.seconds:.0f} s"),
        Claim("torn", "torn reads under a publisher that overruns on purpose", "0", float(torn["torn"]),
              torn["torn"] == 0 and torn["whole"] > 0 and torn["late"] > 0,
              f"{effort.reads} reads: {torn['whole']} whole, {torn['late']} late; half of them views"),
    ]  # fmt: skip


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
