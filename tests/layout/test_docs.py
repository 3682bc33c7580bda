"""What the documentation shows works as it stands there."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from selfcue.config import launch as launch_files
from selfcue.host import make_node
from selfcue.messages import Estimate, Image, Trust
from selfcue.node import Link, Node
from selfcue.state import State
from selfcue.testing import LoopSystem

PERIOD_NS = 100_000_000


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of ``language`` in a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def pair(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The pair of docs/pairs.md, as the module that a reader puts together."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "near_pair.py").write_text("\n\n".join(blocks(root / "docs" / "pairs.md", "python")))
    sys.path.insert(0, str(folder))
    yield importlib.import_module("near_pair")
    sys.path.remove(str(folder))
    del sys.modules["near_pair"]


class Wall(Node):
    """A wall that jumps nearer and farther; the nearer, the brighter. Its depth comes one tick after its picture."""

    def configure(self, link: Link) -> None:
        self.tick = 0
        self.images = link.advertise("stereo/left/image", Image)
        self.depths = link.advertise("depth/trusted", Estimate)
        self.trusts = link.advertise("trust/stereo", Trust)

    def near(self, tick: int) -> float:
        return float(np.random.default_rng(tick).uniform(0.2, 2.0))

    def step(self, now_ns: int) -> None:
        noise = np.random.default_rng([self.tick, 1]).normal(0.0, 4.0, (48, 64, 3))
        picture = np.clip(90.0 * self.near(self.tick) + noise, 0, 255).astype(np.uint8)
        self.trusts.publish(Trust(stamp_ns=now_ns, cue="stereo", level="ok"))
        self.images.publish(Image(stamp_ns=now_ns, encoding="rgb8", data=picture))
        if self.tick:
            rho = np.full((48, 64), self.near(self.tick - 1), dtype=np.float32)
            seen = np.ones(rho.shape, dtype=bool)
            self.depths.publish(
                Estimate(
                    stamp_ns=now_ns - PERIOD_NS,
                    cue="trusted",
                    quantity="inverse_depth_per_m",
                    value=rho,
                    lower=rho,
                    upper=rho,
                    valid=seen,
                    confidence=1.0,
                )
            )
        self.tick += 1

    def state(self) -> State:
        return State({"tick": self.tick})

    def load_state(self, state: State) -> None:
        self.tick = state.meta["tick"]


def system(pair: ModuleType, run_dir: Path) -> LoopSystem:
    loop = LoopSystem(run_dir)
    loop.add(Wall("wall", Wall.Params()))
    loop.add(pair.NearLearner("near", pair.NearParams()))
    return loop


def play(loop: LoopSystem, ticks: range) -> list[Estimate]:
    """Run ``ticks``; return what the student said in them."""
    before = len(loop.published("near/student"))
    for tick in ticks:
        loop.tick(tick * PERIOD_NS)
    said = loop.published("near/student")[before:]
    return [estimate for estimate in said if isinstance(estimate, Estimate)]


def test_the_pair_of_the_guide_learns(pair: ModuleType, tmp_path: Path) -> None:
    loop = system(pair, tmp_path)
    wall = Wall("wall", Wall.Params())
    said = play(loop, range(300))
    errors = [abs(float(e.value[0]) - wall.near(e.stamp_ns // PERIOD_NS)) for e in said]
    loop.finish()
    assert np.mean(errors[:20]) > 0.3
    assert np.mean(errors[-100:]) < 0.1
    inside = [e.lower[0] <= wall.near(e.stamp_ns // PERIOD_NS) <= e.upper[0] for e in said[-100:]]
    assert np.mean(inside) > 0.8
    assert {"near/student", "near/status", "journal"} <= loop.topics()


def test_the_pair_of_the_guide_goes_on_bit_for_bit(pair: ModuleType, tmp_path: Path) -> None:
    first = system(pair, tmp_path / "first")
    play(first, range(150))
    snapshot = first.snapshot()
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    uncut = play(first, range(150, 220))
    first.finish()

    second = system(pair, tmp_path / "second")
    second.resume(snapshot)
    resumed = play(second, range(150, 220))
    second.finish()
    assert len(uncut) == len(resumed) == 70
    assert [e.value.tobytes() for e in uncut] == [e.value.tobytes() for e in resumed]
    assert uncut[-1].upper.tobytes() == resumed[-1].upper.tobytes()


def nodes_of(page: Path) -> list[Node]:
    """Return the nodes of the one launch file that ``page`` shows."""
    (text,) = blocks(page, "yaml")
    spec, _ = launch_files.parse(text, name="shown", origin=page.name).resolve({})
    return [make_node(node, page.name, process) for process, nodes in spec.processes.items() for node in nodes]


def test_the_launch_file_of_the_guide_holds_together(pair: ModuleType, root: Path) -> None:
    assert pair.NearLearner in {type(node) for node in nodes_of(root / "docs" / "pairs.md")}


def test_the_launch_file_of_the_readme_holds_together(root: Path) -> None:
    assert [node.name for node in nodes_of(root / "README.md")] == ["camera", "watch"]


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/logs.md", "docs/pairs.md"]
)
def test_every_link_within_the_repository_leads_somewhere(root: Path, page: str) -> None:
    path = root / page
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text())
    broken = [target for target in targets if not (path.parent / target).exists()]
    assert broken == []
