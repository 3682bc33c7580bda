"""What a conversion between one of our messages and a ROS 2 type is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.record.fields import Values

M = TypeVar("M", bound=Message)


class Converter(ABC, Generic[M]):
    """One message type and the ROS type that holds it; the header is the caller's business.

    ``unpack`` may raise KeyError, ValueError, TypeError or IndexError for values that no message can hold; ``pack``
    raises BadInputError for a message that the ROS type cannot hold.
    """

    kind: ClassVar[type[Message]]
    schema: ClassVar[str]

    def pack(self, message: M) -> Values:
        """Return the fields of the ROS message, all but ``header``."""
        raise BadInputError(f"{type(message).__name__} is read from {self.schema}, never written as it")

    @abstractmethod
    def unpack(self, values: Mapping[str, Any]) -> Values:
        """Return the fields of our message, all but those of ``Message`` itself."""
