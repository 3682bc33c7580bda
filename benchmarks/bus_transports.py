"""The transports that ``selfcue bench bus`` races, each as a sender and a receiver of whole byte arrays.

Equal settings: one sender process, one receiver process, the receiver blocked until something comes, nothing
compressed, nothing lost where a transport can hold its sender up. What a receiver gets is valid until it asks for the
next.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import zmq

from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.messages import Image
from selfcue.qos import Qos

Bytes = Any
"""Something with the buffer protocol."""

_BIG = 1 << 16


class Sender(Protocol):
    """One end. ``send`` may hand ``data`` over without a copy: it does not change before 16 more were sent."""

    def send(self, data: np.ndarray) -> None: ...

    def close(self) -> None: ...


class Receiver(Protocol):
    """The other end: blocks up to ``timeout_s`` and yields what came."""

    def receive(self, timeout_s: float) -> Iterator[Bytes]: ...

    def close(self) -> None: ...


class SelfcueSender:
    """Our bus. ``settings``: see ``Bus``."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.bus = Bus("sender", FolderDirectory(name), **settings)
        self.bus.enter({"t": "Image"})

    def send(self, data: np.ndarray) -> None:
        self.bus.publish(f"t/{data.nbytes}", Image(stamp_ns=0, encoding="mono8", data=data.reshape(1, -1)))

    def close(self) -> None:
        self.bus.close()


class SelfcueReceiver:
    """Our bus; arrays as views or copies, as ``qos`` says."""

    def __init__(self, name: str, qos: Qos, **settings: Any) -> None:
        self.bus = Bus("receiver", FolderDirectory(name), **settings)
        self.bus.subscribe("t/", qos)
        self.bus.enter({})

    def receive(self, timeout_s: float) -> Iterator[Bytes]:
        self.bus.connect_present(every_s=0.2)
        came = self.bus.poll(timeout_s)
        while came:
            message = came.pop(0).message
            assert isinstance(message, Image)
            yield message.data
            del message

    def close(self) -> None:
        self.bus.close()


def _ipc(name: str) -> str:
    return f"ipc://{Path(tempfile.gettempdir()) / f'bench-{name}.zmq'}"


class ZmqSender:
    """pyzmq and nothing else, as fast as it goes: one frame, no copy for large ones."""

    def __init__(self, name: str) -> None:
        self.socket: Any = zmq.Context.instance().socket(zmq.PUSH)
        self.socket.set_hwm(16)
        self.socket.bind(_ipc(name))

    def send(self, data: np.ndarray) -> None:
        self.socket.send(data.data, copy=data.nbytes < _BIG)

    def close(self) -> None:
        self.socket.close(linger=2000)


class ZmqReceiver:
    """One PULL socket."""

    def __init__(self, name: str) -> None:
        self.socket: Any = zmq.Context.instance().socket(zmq.PULL)
        self.socket.set_hwm(16)
        self.socket.connect(_ipc(name))

    def receive(self, timeout_s: float) -> Iterator[Bytes]:
        if self.socket.poll(round(timeout_s * 1000)):
            yield self.socket.recv(copy=False).buffer

    def close(self) -> None:
        self.socket.close(linger=0)


class ZenohSender:
    """eclipse-zenoh peer to peer over loopback, or with its shared memory."""

    def __init__(self, name: str, *, shared: bool) -> None:
        zenoh: Any = importlib.import_module("zenoh")
        self.session = zenoh.open(_zenoh_config(zenoh, shared, listen=True))
        block = zenoh.CongestionControl.BLOCK
        self.publisher = self.session.declare_publisher(f"bench/{name}", congestion_control=block)
        self.provider = zenoh.shm.ShmProvider.default_backend(128 << 20) if shared else None
        self.policy = zenoh.shm.BlockOn(zenoh.shm.GarbageCollect())

    def send(self, data: np.ndarray) -> None:
        if self.provider is None:
            self.publisher.put(data.tobytes())
            return
        buffer = self.provider.alloc(data.nbytes, policy=self.policy)
        buffer[:] = data.tobytes()  # its binding takes bytes alone
        self.publisher.put(buffer)

    def close(self) -> None:
        self.session.close()


class ZenohReceiver:
    """Its channel of 16; it hands bytes out, a copy of what lies in its shared memory."""

    def __init__(self, name: str, *, shared: bool) -> None:
        zenoh: Any = importlib.import_module("zenoh")
        self.session = zenoh.open(_zenoh_config(zenoh, shared, listen=False))
        self.subscriber = self.session.declare_subscriber(f"bench/{name}", zenoh.handlers.FifoChannel(16))

    def receive(self, timeout_s: float) -> Iterator[Bytes]:  # noqa: ARG002 - its wait has no end
        yield self.subscriber.recv().payload.to_bytes()

    def close(self) -> None:
        self.session.close()


def _zenoh_config(zenoh: Any, shared: bool, *, listen: bool) -> Any:
    config = zenoh.Config()
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("listen/endpoints" if listen else "connect/endpoints", '["tcp/127.0.0.1:7947"]')
    if not listen:
        config.insert_json5("listen/endpoints", "[]")
    config.insert_json5("transport/shared_memory/enabled", "true" if shared else "false")
    return config


class IceoryxSender:
    """iceoryx2: a loaned slice, one copy into it, and its event to wake the receiver."""

    def __init__(self, name: str, most: int) -> None:
        self.iox2, samples, events = _iceoryx(name)
        builder = samples.publisher_builder().initial_max_slice_len(most).max_loaned_samples(2)
        self.publisher = builder.create()
        self.notifier = events.notifier_builder().create()

    def send(self, data: np.ndarray) -> None:
        sample = self.publisher.loan_slice_uninit(data.nbytes)
        ctypes.memmove(sample.payload_ptr, data.ctypes.data, data.nbytes)
        sample.assume_init().send()
        self.notifier.notify()

    def close(self) -> None:
        self.publisher.delete()
        self.notifier.delete()


class IceoryxReceiver:
    """Sleeps on the event, then reads every sample where it lies."""

    def __init__(self, name: str) -> None:
        self.iox2, samples, events = _iceoryx(name)
        self.subscriber = samples.subscriber_builder().buffer_size(16).create()
        self.listener = events.listener_builder().create()

    def receive(self, timeout_s: float) -> Iterator[Bytes]:  # noqa: ARG002 - its timed wait looks once a millisecond
        self.listener.blocking_wait()
        while (sample := self.subscriber.receive()) is not None:
            payload = sample.payload()
            yield (ctypes.c_uint8 * payload.len()).from_address(payload.data_ptr)
            sample.delete()

    def close(self) -> None:
        self.subscriber.delete()
        self.listener.delete()


def _iceoryx(name: str) -> tuple[Any, Any, Any]:
    iox2: Any = importlib.import_module("iceoryx2")  # it ships no types
    iox2.set_log_level(iox2.LogLevel.Error)
    node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
    samples = (
        node.service_builder(iox2.ServiceName.new(f"bench/{name}"))
        .publish_subscribe(iox2.Slice[ctypes.c_uint8])
        .subscriber_max_buffer_size(16)
        .enable_safe_overflow(False)  # noqa: FBT003 - its interface
        .open_or_create()
    )
    events = node.service_builder(iox2.ServiceName.new(f"bench/{name}/wake")).event().open_or_create()
    return iox2, _Kept(samples, node), _Kept(events, node)


class _Kept:
    """A service together with the node that must outlive it."""

    def __init__(self, service: Any, node: Any) -> None:
        self._service, self._node = service, node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)


class LcmSender:
    """LCM over its loopback multicast; it holds nobody up and loses what does not fit."""

    def __init__(self, name: str) -> None:
        lcm: Any = importlib.import_module("lcm")
        self.lcm, self.channel = lcm.LCM("udpm://239.255.76.67:7667?ttl=0"), name

    def send(self, data: np.ndarray) -> None:
        self.lcm.publish(self.channel, data.tobytes())

    def close(self) -> None:
        pass


class LcmReceiver:
    """A queue of 64 and 8 MB of socket buffer, where the system allows it."""

    def __init__(self, name: str) -> None:
        lcm: Any = importlib.import_module("lcm")
        self.lcm = lcm.LCM("udpm://239.255.76.67:7667?ttl=0&recv_buf_size=8388608")
        self.came: list[bytes] = []
        self.lcm.subscribe(name, lambda _, data: self.came.append(data)).set_queue_capacity(64)

    def receive(self, timeout_s: float) -> Iterator[Bytes]:
        self.lcm.handle_timeout(round(timeout_s * 1000))
        yield from self.came
        self.came.clear()

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Transport:
    """How to make both ends; ``needs``: the package without which it is left out."""

    sender: Callable[[str, int], Sender]
    receiver: Callable[[str], Receiver]
    needs: str = ""
    note: str = ""

    @property
    def here(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None


_VIEW = Qos.keep(10_000).views()
OURS = "selfcue"
TRANSPORTS: dict[str, Transport] = {
    OURS: Transport(lambda n, _: SelfcueSender(n), lambda n: SelfcueReceiver(n, _VIEW)),
    "selfcue, ticket over ZeroMQ": Transport(
        lambda n, _: SelfcueSender(n, bell=False), lambda n: SelfcueReceiver(n, _VIEW, bell=False)
    ),
    "selfcue, copies": Transport(lambda n, _: SelfcueSender(n), lambda n: SelfcueReceiver(n, Qos.keep(10_000))),
    "selfcue, reliable": Transport(
        lambda n, _: SelfcueSender(n), lambda n: SelfcueReceiver(n, Qos.reliable(64, deadline_s=20.0).views())
    ),
    "selfcue, no shared memory": Transport(
        lambda n, _: SelfcueSender(n, pool=None), lambda n: SelfcueReceiver(n, Qos.keep(64), pool=None)
    ),
    "pyzmq": Transport(lambda n, _: ZmqSender(n), ZmqReceiver),
    "iceoryx2": Transport(IceoryxSender, IceoryxReceiver, "iceoryx2"),
    "zenoh": Transport(lambda n, _: ZenohSender(n, shared=False), lambda n: ZenohReceiver(n, shared=False), "zenoh"),
    "zenoh, shared memory": Transport(
        lambda n, _: ZenohSender(n, shared=True), lambda n: ZenohReceiver(n, shared=True), "zenoh"
    ),
    "lcm": Transport(lambda n, _: LcmSender(n), LcmReceiver, "lcm"),
}


def domain() -> str:
    """Return a name that keeps this run apart from everything else on the machine."""
    return f"bench-{os.getpid()}"
