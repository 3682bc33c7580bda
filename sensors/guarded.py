"""Something that must not be let go of while it is in use: libraries crash when a capture is released under a read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Guarded(Generic[T]):
    """Holds a resource for one user; ``close`` from any thread releases it now, or as soon as the user is done.

    Args:
        release: lets go of the resource; called once for each that was put in.
    """

    def __init__(self, release: Callable[[T], None]) -> None:
        self._release = release
        self._lock = threading.Lock()
        self._resource: T | None = None
        self._in_use = False
        self._closing = False

    def put(self, resource: T) -> None:
        """Hold ``resource``; where ``close`` was called before, it is released at once."""
        with self._lock:
            if not self._closing:
                self._resource = resource
                return
        self._release(resource)

    @property
    def closed(self) -> bool:
        return self._closing

    @contextmanager
    def use(self) -> Iterator[T | None]:
        """Give the resource to one user; None where there is none, or it was closed."""
        with self._lock:
            resource = None if self._closing else self._resource
            self._in_use = resource is not None
        try:
            yield resource
        finally:
            with self._lock:
                self._in_use = False
            if self._closing:
                self.close()

    def close(self) -> None:
        """Let go of the resource, or have its user do so when it is done; as often as liked."""
        with self._lock:
            self._closing = True
            if self._in_use:
                return
            resource, self._resource = self._resource, None
        if resource is not None:
            self._release(resource)
