"""How the messages of one channel of a log are decoded."""

from __future__ import annotations

from dataclasses import dataclass

from mcap.records import Channel

from selfcue.errors import BadInputError
from selfcue.record.cdr import CdrCodec
from selfcue.record.convert import BY_KIND_NAME, BY_SCHEMA
from selfcue.record.definitions import codec, schema_text
from selfcue.record.layout import SOURCE, TYPE, on_bus
from selfcue.record.msgdef import full_name, parse_schema
from selfcue.record.scan import Scan


def schema_and_type(channel: Channel, outline: Scan) -> tuple[str, str]:
    """Return the name of the channel's schema and of our message type for it (empty: none)."""
    schema = outline.schemas.get(channel.schema_id)
    name = "" if schema is None else full_name(schema.name)
    readable = name in BY_SCHEMA and channel.message_encoding == "cdr"
    if not readable:
        return name, ""
    written = channel.metadata.get(TYPE, "")
    return name, written if (name, written) in BY_KIND_NAME else BY_SCHEMA[name].kind.__name__


@dataclass(frozen=True)
class Decoder:
    """What it takes to decode one channel; ``codec`` is None where we have no message for its type."""

    topic: str
    source: str
    schema: str
    kind: str
    codec: CdrCodec | None

    @classmethod
    def of(cls, number: int, outline: Scan) -> Decoder:
        """Return the decoder of channel ``number``.

        Raises:
            BadInputError: the log does not name the channel, or its message definition is not understood.
        """
        channel = outline.channels.get(number)
        if channel is None:
            raise BadInputError(f"messages belong to channel {number}, which the log does not name; it is damaged")
        topic, source = on_bus(channel.topic, channel.metadata), channel.metadata.get(SOURCE, "")
        name, kind = schema_and_type(channel, outline)
        if not kind:
            return cls(topic, source, name, kind, None)
        schema = outline.schemas[channel.schema_id]
        if schema.encoding != "ros2msg" or schema.data == schema_text(name).encode():
            return cls(topic, source, name, kind, codec(name))
        try:
            return cls(topic, source, name, kind, CdrCodec(name, parse_schema(name, schema.data.decode())))
        except (UnicodeDecodeError, BadInputError) as error:
            raise BadInputError(f"{topic}: {error}") from error
