"""Keys and reach: two commands make a secured link; a stranger gets nothing and is counted."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from selfcue import cli, keys
from selfcue.bus import Bus, Received
from selfcue.config import launch
from selfcue.directory import FolderDirectory, MemoryDirectory
from selfcue.errors import BadInputError
from selfcue.qos import Qos
from selfcue.transport import wire
from selfcue.transport.pool import PoolSettings
from selfcue.transport.reach import Reach, above
from tests.kernel.buses import event, gather, number_of, picture, wait_for


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what makes the test stand on one machine or another: each has its own keys and its own processes."""
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")

    def stand_on(name: str) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.setenv("SELFCUE_KEYS", str(tmp_path / name / "keys"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / name))
        monkeypatch.setenv("SELFCUE_SHM", str(tmp_path / name))

    stand_on("rover")
    return stand_on


@pytest.fixture
def make(machine) -> Iterator[Callable[..., Bus]]:
    made: list[tuple[Bus, zmq.Context]] = []

    def make(name: str, **reach: Any) -> Bus:
        context = zmq.Context()  # a guard is one to a context, and processes have one each
        pool = None if reach else PoolSettings()  # in truth, another machine: it sees no shared memory of this one
        made.append((Bus(name, FolderDirectory(), context=context, pool=pool, reach=Reach(**reach)), context))
        return made[-1][0]

    yield make
    for bus, _ in made:
        bus.close()
    for _, context in made:
        context.destroy(linger=0)


def free_address() -> str:
    """Return a loopback address with two free ports in a row."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return f"tcp://127.0.0.1:{port}"
    raise AssertionError("no two free ports in a row")


def exchange(machine, *, names: tuple[str, str] = ("rover", "ground")) -> None:
    """What a user types on both machines."""
    pairs = {}
    for name in names:
        machine(name)
        pairs[name] = keys.new(name)
    for name, other in (names, names[::-1]):
        machine(name)
        keys.allow(other, pairs[other].public)


def test_two_commands_on_each_side_make_a_key_known(machine, capsys) -> None:
    assert cli.main(["keys", "new", "rover"]) == 0
    line = capsys.readouterr().out.splitlines()[1].split()
    machine("ground")
    assert cli.main(line[1:]) == 0
    assert cli.main(["keys", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert listed == {"kind": "allowed", "name": "rover", "public": line[-1]}
    machine("rover")
    own = keys.own()
    assert own is not None
    assert own.public == line[-1]
    assert own.secret not in repr(own)


def test_the_secret_key_is_private_and_never_written_over(machine, tmp_path: Path) -> None:
    keys.new("rover")
    path = tmp_path / "rover" / "keys" / "own.json"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInputError, match="has a key already"):
        keys.new("rover")
    path.chmod(0o644)
    with pytest.raises(BadInputError, match=r"others may read the secret key; run: chmod 600"):
        keys.own()
    path.write_text("{}")
    with pytest.raises(BadInputError, match="not a pair of keys"):
        keys.own()


def test_what_is_no_key_or_no_name_is_refused() -> None:
    for public in ("", "ab", "z" * 64, "a" * 63, "a" * 66):
        with pytest.raises(BadInputError, match="64 hexadecimal digits"):
            keys.allow("rover", public)
    with pytest.raises(BadInputError, match="no name for a machine"):
        keys.allow("../x", "a" * 64)
    keys.allow("rover", "a" * 64)
    with pytest.raises(BadInputError, match="'rover' has another key"):
        keys.allow("rover", "b" * 64)


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:7400", "tcp://*:7400", "tcp://10.0.0.1:7400", "tcp://rover:7400"])
def test_a_public_address_without_keys_is_refused(make, address: str) -> None:
    with pytest.raises(BadInputError, match="only with keys; run: selfcue keys new"):
        make("a", listen=address)
    with pytest.raises(BadInputError, match="only with keys; name the key of its machine"):
        make("b", peers={address: ""})
    with pytest.raises(BadInputError, match="this machine has no key"):
        make("c", peers={address: "rover"})
    keys.new("ground")
    with pytest.raises(BadInputError, match=r"no key of 'rover' \(known: none\)"):
        make("d", peers={address: "rover"})


@pytest.mark.parametrize("address", ["udp://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:65535", "tcp://a b:1"])
def test_what_is_no_address_is_refused(make, address: str) -> None:
    with pytest.raises(BadInputError, match="is no address"):
        make("a", listen=address)


def test_an_address_in_use_is_named(make) -> None:
    address = free_address()
    make("a", listen=address)
    with pytest.raises(BadInputError, match="cannot be listened at"):
        make("b", listen=address)


def talk(machine, make, address: str, key: str) -> tuple[Bus, Bus]:
    """Return a talking bus on the rover and one on the ground that hears it over TCP."""
    machine("rover")
    rover = make("camera", listen=address)
    machine("ground")
    ground = make("station", peers={address: key})
    ground.subscribe("t", Qos.keep(100))
    wait_for(lambda: ground._incoming.linked({"camera"}), rover, ground)
    return rover, ground


@pytest.mark.parametrize("secured", [True, False], ids=["curve", "loopback"])
def test_small_and_big_messages_go_over_tcp(machine, make, secured: bool) -> None:
    if secured:
        exchange(machine)
    rover, ground = talk(machine, make, free_address(), "rover" if secured else "")
    deadline = time.monotonic() + 10
    while not ground.poll(0.05):  # PUB and SUB: what was sent before they met is not heard
        rover.publish("t", event(0))
        rover.poll(0)
        assert time.monotonic() < deadline
    for i in range(20):
        rover.publish("t", picture(i, (480, 640)))
    pictures: list[Received] = []
    while len(pictures) < 20:
        pictures += [one for one in gather(ground, 1, serving=rover) if one.message.stamp_ns or one.count > 1]
        pictures = [one for one in pictures if hasattr(one.message, "data")]
    assert [number_of(one) for one in pictures] == list(range(20))
    assert {where: n for where, n in ground.drops.items() if "socket" not in where} == {}
    assert rover.strangers == {}


def test_a_machine_that_also_reaches_out_still_hears_its_own_processes(machine, make) -> None:
    exchange(machine)
    _, ground = talk(machine, make, free_address(), "rover")
    machine("ground")
    neighbour = make("neighbour")
    neighbour.enter({})
    ground.subscribe("u")
    wait_for(lambda: ground.met({"neighbour"}), neighbour)
    neighbour.publish("u", picture(4))
    assert [number_of(one) for one in gather(ground, 1)] == [4]


def test_a_stranger_gets_nothing_and_is_counted(machine, make) -> None:
    exchange(machine)
    address = free_address()
    rover, ground = talk(machine, make, address, "rover")
    machine("thief")
    thief_pair = keys.new("thief")
    machine("rover")
    rovers_key = keys.own()
    machine("thief")
    assert rovers_key is not None
    keys.allow("rover", rovers_key.public)
    thief = make("thief", peers={address: "rover"})
    thief.subscribe("")
    machine("rover")
    wait_for(lambda: rover.strangers.get(thief_pair.public[:16], 0) >= 2, rover, ground, thief)
    for i in range(20):
        rover.publish("t", event(i))
        rover.publish("t", picture(i))
    assert len(gather(ground, 30, serving=rover)) >= 30
    assert thief.poll(0.1) == []
    assert rover._outgoing.subscribers == ["station"]
    keys.allow("thief", thief_pair.public)  # and once it is allowed, it is let in without a restart
    wait_for(lambda: "thief" in rover._outgoing.subscribers, rover, ground, thief, timeout_s=20)


def test_who_comes_without_any_key_gets_nothing_and_is_counted(machine, make) -> None:
    exchange(machine)
    address = free_address()
    rover, _ = talk(machine, make, address, "rover")
    context = zmq.Context()
    bare, asker = context.socket(zmq.SUB), context.socket(zmq.DEALER)
    bare.linger = asker.linger = 0
    bare.subscribe(b"")
    bare.connect(address)
    asker.connect(above(address))
    asker.send_multipart([wire.CONTROL, wire.pack(wire.Hello("bare", 1, (wire.Want("", "latest"),)))])
    wait_for(lambda: rover.strangers.get("without a key", 0) >= 2, rover)
    for i in range(5):
        rover.publish("t", event(i))
        rover.publish("t", picture(i))
    assert not bare.poll(100)
    assert not asker.poll(0)
    context.destroy()


def test_a_publisher_that_comes_back_is_heard_again(machine, make) -> None:
    address = free_address()
    rover, ground = talk(machine, make, address, "")
    rover.publish("t", picture(1))
    assert number_of(gather(ground, 1)[0]) == 1
    rover.close()
    machine("rover")
    deadline = time.monotonic() + 10
    again = None
    while again is None:
        assert time.monotonic() < deadline
        with suppress(BadInputError):  # ZeroMQ closes in its own thread
            again = make("camera", listen=address)
    back = again
    wait_for(lambda: "station" in back._outgoing.subscribers, back, ground, timeout_s=20)
    back.publish("t", picture(2))
    assert number_of(gather(ground, 1)[0]) == 2


def test_threads_reach_out_too() -> None:
    context = zmq.Context()
    address = free_address()
    a = Bus("a", MemoryDirectory(), context=context, reach=Reach(listen=address))
    b = Bus("b", MemoryDirectory(), context=context, reach=Reach(peers={address: ""}))
    b.subscribe("t")
    wait_for(lambda: b._incoming.linked({"a"}), a, b)
    a.publish("t", picture(3))
    assert number_of(gather(b, 1)[0]) == 3
    a.close()
    b.close()
    context.term()


LAUNCH = """
processes:
  body: [{name: camera, node: camera, qos: {image: latest}}]
reach:
  PROCESS: {listen: "tcp://0.0.0.0:7400", peers: {"tcp://192.168.1.20:7400": ground}}
"""


def test_a_launch_file_says_who_reaches_where() -> None:
    spec, _ = launch.parse(LAUNCH.replace("PROCESS", "body"), name="x", origin="x.yaml").resolve({})
    assert spec.reach == {"body": Reach("tcp://0.0.0.0:7400", {"tcp://192.168.1.20:7400": "ground"})}
    assert spec.processes["body"][0].qos == {"image": "latest"}
    with pytest.raises(BadInputError, match=r"x.yaml:\d+: reach.arm: no such process; there is: body"):
        launch.parse(LAUNCH.replace("PROCESS", "arm"), name="x", origin="x.yaml").resolve({})
