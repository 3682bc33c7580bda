"""Fleets: a worker that dies costs its own log, what is done is not done again, and one report holds all of it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from selfcue.errors import BadInputError, UsageError
from selfcue.learners.fleet.job import Ending, Job, Result
from selfcue.learners.fleet.plan import Plan, alone_in
from selfcue.learners.fleet.pool import LocalPool
from selfcue.learners.fleet.report import make_report
from selfcue.learners.fleet.run import Fleet
from selfcue.messages import Imu
from selfcue.record.writer import LogWriter

HERE = Path(__file__).resolve().parent
TOY = "fleet_toys:Toy"
WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / "logs" / f"{name}.log" for name in ("one", "two", "six")}
    (tmp_path / "logs").mkdir()
    for path, number in zip(found.values(), (1, 2, 6), strict=True):
        path.write_text(str(number))
    return found


def jobs_of(logs: list[Path], out: Path, task: str = TOY, timeout_s: float = 0.0, **settings: object) -> list[Job]:
    return Plan(task, settings, [str(log) for log in logs], timeout_s=timeout_s).jobs(out)


def sizes(results: list[Result]) -> dict[str, float | None]:
    return {Path(r.job.log).stem: r.last.findings.figures["size"].value for r in results if r.last.findings}


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + WAIT_S
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.01)
    return path.read_text()


class Here:
    """A fleet that runs in a thread of the test."""

    def __init__(self, fleet: Fleet, slots: int = 2) -> None:
        self.fleet, self.pool = fleet, LocalPool(slots)
        self.results: list[Result] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.results = self.fleet.run(lambda: self.pool)

    def join(self) -> list[Result]:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return self.results


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_worker_that_is_killed_costs_its_own_log_which_is_tried_again(tmp_path: Path, logs: dict[str, Path]) -> None:
    gate = tmp_path / "gate"
    jobs = jobs_of(list(logs.values()), tmp_path / "out", gate=str(gate), hang=["two.log"])
    two = next(job for job in jobs if job.log.endswith("two.log"))
    told: list[tuple[str, str, bool]] = []
    here = Here(Fleet(jobs, retries=1, tell=lambda job, end, again: told.append((Path(job.log).stem, end.how, again))))
    pid = int(wait_for(Path(two.folder) / "try-1" / "pid"))
    gate.touch()
    os.kill(pid, signal.SIGKILL)
    results = here.join()
    assert sizes(results) == {"one": 1.0, "two": 2.0, "six": 6.0}
    assert ("two", "killed", True) in told
    assert ("two", "done", False) in told
    by_name = {Path(r.job.log).stem: r for r in results}
    assert [ending.how for ending in by_name["two"].tries] == ["killed", "done"]
    assert "SIGKILL" in by_name["two"].tries[0].line
    assert [len(by_name[name].tries) for name in ("one", "six")] == [1, 1]
    assert sorted(path.name for path in Path(two.folder).glob("try-*")) == ["try-1.log", "try-2", "try-2.log"]
    assert not list((tmp_path / "out").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("text", "tries", "says"),
    [("bad", 1, "holds no number"), ("crash", 3, "ZeroDivisionError: by nothing"), ("abort", 3, "SIGABRT")],
)
def test_a_log_that_always_fails_is_reported_and_bad_input_is_not_tried_again(
    tmp_path: Path, logs: dict[str, Path], text: str, tries: int, says: str
) -> None:
    logs["two"].write_text(text)
    results = Fleet(jobs_of(list(logs.values()), tmp_path / "out"), retries=2).run(lambda: LocalPool(2))
    failed = [result for result in results if not result.done]
    assert [Path(result.job.log).stem for result in failed] == ["two"]
    assert len(failed[0].tries) == tries
    assert says in failed[0].last.line
    assert sizes(results) == {"one": 1.0, "six": 6.0}


def test_a_try_that_takes_too_long_is_ended(tmp_path: Path, logs: dict[str, Path]) -> None:
    jobs = jobs_of([logs["two"]], tmp_path / "out", timeout_s=2.5, gate=str(tmp_path / "no"), hang=["two.log"])
    (result,) = Fleet(jobs, retries=0).run(lambda: LocalPool(1))
    assert (result.last.how, result.done) == ("late", False)
    assert result.last.line == "took longer than 2.5 s"
    assert gone(int((Path(result.job.folder) / "try-1" / "pid").read_text()))


def test_what_is_done_is_not_done_again_and_a_log_that_changed_is(tmp_path: Path, logs: dict[str, Path]) -> None:
    out = tmp_path / "out"

    def starts(job: Job) -> int:
        return len((Path(job.folder) / "starts").read_text().splitlines())

    logs["two"].write_text("crash")
    first = Fleet(jobs_of(list(logs.values()), out), retries=0).run(lambda: LocalPool(2))
    assert [result.done for result in first] == [True, False, True]
    logs["two"].write_text("2")
    again = Fleet(jobs_of(list(logs.values()), out), retries=0)
    assert again.kept == 2
    results = again.run(lambda: LocalPool(2))
    assert sizes(results) == {"one": 1.0, "two": 2.0, "six": 6.0}
    assert [starts(job) for job in again.jobs] == [1, 2, 1]
    assert Fleet(again.jobs).run(lambda: pytest.fail("nothing is left to do")) == results
    logs["six"].write_text("66")
    changed = Fleet(jobs_of(list(logs.values()), out))
    assert changed.kept == 2
    scaled = Fleet(jobs_of(list(logs.values()), out, scale=2.0))
    assert scaled.kept == 0


def test_a_stop_ends_the_workers_and_leaves_their_logs_to_be_done(tmp_path: Path, logs: dict[str, Path]) -> None:
    jobs = jobs_of(list(logs.values()), tmp_path / "out", gate=str(tmp_path / "no"), hang=["one.log", "six.log"])
    stop = threading.Event()
    here = Here(Fleet(jobs, stop=stop), slots=2)
    pids = [int(wait_for(Path(job.folder) / "try-1" / "pid")) for job in jobs if "two" not in job.name]
    stop.set()
    assert set(sizes(here.join())) <= {"two"}
    assert all(gone(pid) for pid in pids)


def test_a_fleet_that_is_killed_takes_its_workers_along(tmp_path: Path, logs: dict[str, Path]) -> None:
    with command(tmp_path, "run", TOY, str(logs["one"]), "--set", 'hang=["one.log"]', "--on", "local") as fleet:
        (job,) = jobs_of([logs["one"]], tmp_path / "out", hang=["one.log"])
        pid = int(wait_for(Path(job.folder) / "try-1" / "pid"))
        fleet.kill()
        fleet.wait()
    deadline = time.monotonic() + WAIT_S
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


class command:  # noqa: N801 - reads as a command
    """``selfcue fleet WORDS --out out``, started in ``folder``."""

    def __init__(self, folder: Path, *words: str) -> None:
        line = [sys.executable, "-m", "selfcue", "fleet", *words]
        line += [] if words[0] == "resume" else ["--out", str(folder / "out")]
        self._process = subprocess.Popen(line, stdout=-1, stderr=-1, text=True, cwd=folder)

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> tuple[int, str, str]:
        with self as process:
            out, err = process.communicate(timeout=WAIT_S)
            return process.returncode, out, err


def test_the_command_reports_what_failed_in_a_line_each_and_ctrl_c_says_how_to_go_on(
    tmp_path: Path, logs: dict[str, Path]
) -> None:
    logs["six"].write_text("bad")
    gate = tmp_path / "gate"
    words = ["--set", 'hang=["two.log"]', "--set", f"gate={gate}", "--on", "local", "-j", "2"]
    with command(tmp_path, "run", TOY, *map(str, logs.values()), *words) as fleet:
        jobs = jobs_of([logs["two"]], tmp_path / "out")
        wait_for(Path(jobs[0].folder) / "try-1" / "pid")
        fleet.send_signal(signal.SIGINT)
        out, err = fleet.communicate(timeout=WAIT_S)
    assert fleet.returncode == 130, err
    assert f"go on with: selfcue fleet resume {tmp_path / 'out'}" in err
    assert err.count("\n") == 1
    gate.touch()
    code, out, err = command(tmp_path, "resume", str(tmp_path / "out"), "--on", "local", "--json").end()
    assert code == 5
    assert err.splitlines() == [
        f"selfcue: {logs['six']}: {logs['six']}: holds no number",
        f"selfcue: 1 of 3 logs failed; try them again: selfcue fleet resume {tmp_path / 'out'}",
    ]
    report = json.loads(out)
    assert (report["done"], report["failed"], report["undone"]) == (2, 1, [])
    assert report["together"]["size"] == {"value": 1.5, "number": 2}
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    logs["six"].write_text("6")
    code, out, err = command(tmp_path, "resume", str(tmp_path / "out"), "--on", "local").end()
    assert (code, err) == (0, "")
    assert "2 of 3 logs are done already" in out
    assert "all logs, mean" in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", TOY, "nowhere.log"], 3, "nowhere.log: no such log"),
        (["run", "nothing", "{log}"], 3, "no plugin 'nothing'"),
        (["run", TOY, "{log}", "--set", "scael=2"], 2, "did you mean 'scale'?"),
        (["run", TOY, "{log}", "--on", "moon"], 2, "--on moon"),
        (["run", "fleet_toys:ToySettings", "{log}"], 3, "needs run(log, settings, work_dir)"),
        (["resume", "empty"], 3, "empty: not the folder of a fleet"),
        (["evaluate", "no.safetensors", "{log}"], 3, "no.safetensors: No such file"),
    ],
)
def test_wrong_words_get_one_line_before_anything_starts(
    tmp_path: Path, logs: dict[str, Path], words: list[str], code: int, says: str
) -> None:
    got = command(tmp_path, *(str(logs["one"]) if word == "{log}" else word for word in words)).end()
    assert got[0] == code
    assert says in got[2]
    assert got[2].count("\n") == 1
    assert not (tmp_path / "out" / "jobs").exists()


def test_a_task_may_give_numbers_alone(tmp_path: Path, logs: dict[str, Path]) -> None:
    jobs = jobs_of([logs["six"]], tmp_path / "out", task="fleet_toys:Plain")
    results = Fleet(jobs).run(lambda: LocalPool(1))
    report = make_report("fleet_toys:Plain", results, [], tmp_path / "out")
    assert report.columns == ["number"]
    assert report.as_dict()["logs"][0]["findings"]["figures"]["number"] == {"value": 6.0}
    assert report.as_dict()["logs"][0]["findings"]["facts"]["peak_mb"] > 10


def test_the_mean_over_logs_has_an_interval_once_there_are_enough(tmp_path: Path) -> None:
    from selfcue.learners.fleet.task import Figure, Findings

    def result(i: int, value: float) -> Result:
        job = Job(f"j{i}", "", f"log{i}", TOY, {}, str(tmp_path / f"j{i}"))
        return Result(job, (Ending("done", 1.0, findings=Findings({"size": Figure(value)})),))

    few = make_report(TOY, [result(i, 1.0 + i) for i in range(3)], [], tmp_path).together()["size"]
    assert (few.value, few.low, few.number) == (2.0, None, 3)
    many = make_report(TOY, [result(i, float(i % 2)) for i in range(40)], [], tmp_path).together()["size"]
    assert many.low is not None
    assert many.high is not None
    assert 0.3 < many.low < many.value < many.high < 0.7  # type: ignore[operator]
    assert (tmp_path / "fleet.png").stat().st_size > 5000


def test_two_fleets_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(BadInputError, match="another fleet works"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_settings_are_checked_before_anything_runs(tmp_path: Path, logs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="learn_share 2"):
        Plan("learn-depth", {"learn_share": 2.0}, [str(logs["one"])]).jobs(tmp_path)
    with pytest.raises(UsageError, match="expected `float`, got `str`"):
        jobs_of([logs["one"]], tmp_path, scale="much")


def test_the_task_of_the_guide_runs_on_a_log_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (HERE.parents[1] / "docs" / "fleets.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "gaps_of_the_guide.py").write_text(block)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    writer = LogWriter(tmp_path / "a.mcap")
    for i in (0, 1, 2, 7, 8):
        stamp_ns = i * 100_000_000
        turning = (0.0, 0.0, 0.1)
        imu = Imu(stamp_ns=stamp_ns, seq=i, source="b", angular_velocity=turning, linear_acceleration=turning)
        writer.write("imu", imu, stamp_ns)
    writer.close()
    jobs = jobs_of([tmp_path / "a.mcap"], tmp_path / "out", task="gaps_of_the_guide:Gaps")
    (result,) = Fleet(jobs).run(lambda: LocalPool(1))
    assert result.last.findings is not None, result.last.line
    found = {name: figure.value for name, figure in result.last.findings.figures.items()}
    assert found == {"longest_gap_s": pytest.approx(0.5), "messages": 5.0}


@pytest.fixture
def ray_pool() -> Iterator[object]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'selfcue[fleet]'")
    from selfcue.learners.fleet.ray_pool import RayPool

    pool = RayPool(2)
    yield pool
    pool.close()


@pytest.mark.slow
def test_on_ray_the_results_are_the_same_and_a_lost_worker_costs_its_own_log(
    tmp_path: Path, logs: dict[str, Path], ray_pool: object
) -> None:
    gate = tmp_path / "gate"
    jobs = jobs_of(list(logs.values()), tmp_path / "out", gate=str(gate), hang=["two.log"])
    two = next(job for job in jobs if job.log.endswith("two.log"))
    here = Here.__new__(Here)
    here.fleet, here.pool = Fleet(jobs, retries=1), ray_pool  # type: ignore[assignment]
    here.results = []
    here._thread = threading.Thread(target=here._run)
    here._thread.start()
    pid = int(wait_for(Path(two.folder) / "try-1" / "pid"))
    gate.touch()
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)  # the worker of Ray, and with it the job's process
    results = here.join()
    assert sizes(results) == {"one": 1.0, "two": 2.0, "six": 6.0}
    by_name = {Path(r.job.log).stem: [ending.how for ending in r.tries] for r in results}
    assert by_name == {"one": ["done"], "two": ["lost", "done"], "six": ["done"]}
    assert gone(pid)


@pytest.mark.long
def test_a_cluster_that_runs_is_used_by_its_address(tmp_path: Path, logs: dict[str, Path]) -> None:
    ray_util = pytest.importorskip("ray.util", reason="Ray is not installed: pip install 'selfcue[fleet]'")
    host = ray_util.get_node_ip_address()  # Ray takes loopback for this
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ray = Path(sys.executable).with_name("ray")
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    short = tempfile.mkdtemp(prefix="ray-")  # Ray puts sockets there, whose paths must be short
    words = [ray, "start", "--head", "--block", "--port", port, "--num-cpus", 2, "--include-dashboard", "false",
             "--object-store-memory", 80 << 20, "--disable-usage-stats",
             "--temp-dir", short]  # fmt: skip
    head = subprocess.Popen(list(map(str, words)), stdout=-3, stderr=-3, start_new_session=True, env=environment)
    try:
        deadline = time.monotonic() + WAIT_S
        while socket.socket().connect_ex((host, port)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        line = [sys.executable, "-m", "selfcue", "fleet", "run", TOY, *map(str, logs.values()), "--json"]
        line += ["--address", f"{host}:{port}", "--out", str(tmp_path / "out")]
        done = subprocess.run(
            line, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["together"]["size"]["value"] == 3.0
        assert head.poll() is None  # the cluster is not ours to end
    finally:
        for one in psutil.Process(head.pid).children(recursive=True):
            one.kill()
        head.kill()
        head.wait()
        shutil.rmtree(short, ignore_errors=True)
