"""The loop that all methods share: seeds, budgets, going on bit for bit, the best on validation, several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError, MissingDependencyError, SelfcueError, UsageError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.graph.graphmae import GraphMAE
from selfcue.learners.offline.method import Method, Transforms, capabilities
from tests.learners.offline.conftest import assert_same_weights, block_graph
from tests.learners.offline.toy_method import ScoredToy, Toy, waves


def test_the_toy_and_graphmae_keep_the_contract():
    for kind in (Toy, GraphMAE):
        assert isinstance(kind(), Method)
        assert isinstance(kind(), Transforms)
        assert capabilities(kind) == ["transform"]


@pytest.mark.parametrize("make", [lambda: (Toy(), waves()), lambda: (GraphMAE(hidden=8, epochs=6), block_graph()[0])])
def test_a_run_that_was_cut_goes_on_bit_for_bit(tmp_path, make):
    method, data = make()
    whole = method.fit(data, seed=3, progress=False)
    cut, _ = make()
    cut.fit(data, seed=3, budget=Budget(epochs=2), resume=tmp_path / "run.safetensors", progress=False)
    assert len(cut.history) == 2
    again, _ = make()
    again.fit(data, seed=3, resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, again)
    assert again.history == whole.history


def test_a_finished_run_is_not_done_again(tmp_path):
    path = tmp_path / "run.safetensors"
    first = Toy().fit(waves(), resume=path, progress=False)
    stamp = path.stat().st_mtime_ns
    second = Toy().fit(waves(), resume=path, progress=False)
    assert_same_weights(first, second)
    assert second.seconds == pytest.approx(first.seconds, abs=0.05)
    assert path.stat().st_mtime_ns >= stamp


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    Toy().fit(waves(), budget=Budget(epochs=1), resume=path, progress=False)
    other = Windows(waves().x + np.float32(1.0))
    for method, data, seed in ((Toy(lr=0.1), waves(), 0), (Toy(), waves(), 1), (Toy(), other, 0)):
        with pytest.raises(BadInputError, match="other settings, seed or data"):
            method.fit(data, seed=seed, resume=path, progress=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInputError, match="not a whole file"):
        Toy().fit(waves(), resume=path, progress=False)


def test_budgets_stop_a_run():
    assert len(Toy().fit(waves(), budget=Budget(epochs=4), progress=False).history) == 4
    assert len(Toy(epochs=100000).fit(waves(), budget=Budget(seconds=1e-6), progress=False).history) == 1


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90)),
        ("10m", Budget(seconds=600)),
        ("1.5h", Budget(seconds=5400)),
        ("200 epochs", Budget(epochs=200)),
        ("1 epoch", Budget(epochs=1)),
    ],
)
def test_budgets_are_read(text, budget):
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["", "10", "-3s", "0s", "1.5 epochs", "ten minutes"])
def test_wrong_budgets_are_refused(text):
    with pytest.raises(UsageError, match="budget"):
        Budget.parse(text)


def test_the_callers_generators_stay_as_they_are():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Toy().fit(waves(), progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_the_best_epoch_on_validation_is_kept(tmp_path):
    scored = ScoredToy().fit(waves(), progress=False)
    assert [round(h["validation"]) for h in scored.history] == [-2, -1, 0, -1, -2, -3]
    assert_same_weights(scored, Toy().fit(waves(), budget=Budget(epochs=3), progress=False))
    path = tmp_path / "run.safetensors"
    cut = ScoredToy().fit(waves(), budget=Budget(epochs=4), resume=path, progress=False)
    again = ScoredToy()
    again.calls = 4
    again.fit(waves(), resume=path, progress=False)
    assert_same_weights(scored, again)
    assert_same_weights(scored, cut)


def test_a_loss_that_is_not_finite_stops_the_run():
    big = Windows(np.full((4, 6, 1), 3e38, dtype=np.float32))
    with pytest.raises(SelfcueError, match="the loss is"):
        Toy().fit(big, progress=False)


def test_a_device_that_is_not_here_is_named():
    with pytest.raises(BadInputError, match="use cpu, cuda"):
        Toy().fit(waves(), device="gpu9", progress=False)
    if not torch.cuda.is_available():
        with pytest.raises(MissingDependencyError, match="'cuda:3' is not here"):
            Toy().fit(waves(), device="cuda:3", progress=False)


def test_data_that_fill_no_batch_are_refused():
    class Nothing(Toy):
        def batches(self, prepared, rng, part):
            return iter(())

    with pytest.raises(BadInputError, match="too few"):
        Nothing().fit(waves(), progress=False)


def test_models_of_other_methods_and_versions_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    Toy().fit(waves(), progress=False).save(path)
    with pytest.raises(BadInputError, match="of 'toy', not of 'graphmae'"):
        GraphMAE.load(path)
    assert json.loads(path.with_suffix(".json").read_text())["config"]["batch"] == 8
    np.testing.assert_array_equal(Toy.load(path).transform(waves()).shape, (32, 1))
    with pytest.raises(BadInputError, match="no such file"):
        Toy.load(tmp_path / "none.safetensors")


SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.learners.offline.toy_method import Toy, waves
import os
method = Toy(dropout=0.0).fit(waves(), progress=False)
method.save(Path(sys.argv[1]) / f"rank{os.environ['RANK']}.safetensors")
"""


@pytest.mark.slow
def test_two_processes_learn_as_one(tmp_path):
    pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed here")
    (tmp_path / "both.py").write_text(SCRIPT)
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*command, str(tmp_path / "both.py"), str(tmp_path)],
        capture_output=True, text=True, timeout=240, check=False, env=environment(root),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (Toy.load(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert_same_weights(first, second)
    # Each batch is split in two equal halves, so the mean of the two gradients is the gradient of the whole.
    alone = Toy(dropout=0.0).fit(waves(), progress=False)
    for name, tensor in alone.net.state_dict().items():
        torch.testing.assert_close(first.net.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)


def environment(root: Path) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
