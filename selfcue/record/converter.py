"""What a conversion between one of our messages and a ROS 2 type is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.record.fields import Values, stamp_of

M = TypeVar("M", bound=Message)


class Converter(ABC, Generic[M]):
    """One message type and the ROS type that holds it; the header is the caller's business.

    ``unpack`` may raise KeyError, ValueError, TypeError or IndexError for values that no message can hold; ``pack``
    raises BadInputError for a message that the ROS type cannot hold.
    """

    kind: ClassVar[type[Message]]
    schema: ClassVar[str]
    headed: ClassVar[bool] = True
    """Whether the ROS message begins with a header."""

    def pack(self, message: M) -> Values:
        """Return the fields of the ROS message, all but ``header``."""
        raise BadInputError(f"{type(message).__name__} is read from {self.schema}, never written as it")

    def origin(self, values: Mapping[str, Any]) -> tuple[int, str]:
        """Return stamp [ns] and frame of a ROS message: those of its header. A stamp of 0 says that it has none."""
        return stamp_of(values["header"]["stamp"]), values["header"]["frame_id"]

    @abstractmethod
    def unpack(self, values: Mapping[str, Any]) -> Values:
        """Return the fields of our message, all but those of ``Message`` itself."""
