"""The CDR codec against rosbags' serializer, and what it does with bytes and values that do not fit."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from selfcue.errors import BadInputError
from selfcue.record.cdr import CdrCodec
from selfcue.record.definitions import DEFINITIONS, TEXTS, codec, schema_text
from selfcue.record.msgdef import PRIMITIVES, Definition, Field, parse_definition, parse_schema

EVERYTHING = """\
bool flag
int8 a
float64 wide
uint16 b
string<=9 name
pkg/Inner inner
byte last
pkg/Inner[] many
pkg/Inner[2] pair
uint8[] bytes
float32[] floats
float64[] doubles
int16[<=5] bounded
bool[] flags
string[] words
string[2] two_words
int64[3] triple
float64[70] long
char tail
"""
INNER = "uint8 small\nfloat64 big\nstring text\nfloat32[] row\n"
ODD: dict[str, Definition] = {
    "pkg/msg/Everything": parse_definition("pkg/Everything", EVERYTHING),
    "pkg/msg/Inner": parse_definition("pkg/Inner", INNER),
}
ALL = {**DEFINITIONS, **ODD}


def _reference_store() -> Any:
    store = get_typestore(Stores.EMPTY)
    types: dict[str, Any] = {}
    for name, text in {**TEXTS, "pkg/msg/Everything": EVERYTHING, "pkg/msg/Inner": INNER}.items():
        types.update(get_types_from_msg(text, name))
    store.register(types)
    return store


STORE = _reference_store()
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)


def numbers(base: str) -> st.SearchStrategy[Any]:
    code = PRIMITIVES[base]
    if code == "?":
        return st.booleans()
    if code in "fd":
        return st.floats(width=32 if code == "f" else 64, allow_nan=False)
    if base == "byte":
        return st.integers(0, 127)  # rosbags takes ROS's unsigned byte for a signed one
    bits = struct.calcsize(code) * 8
    low, high = (0, 2**bits - 1) if code.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.integers(low, high)


def field_values(field: Field) -> st.SearchStrategy[Any]:
    if field.base == "string":
        text = TEXT.filter(lambda t: not field.text_bound or len(t.encode()) <= field.text_bound)
        one: st.SearchStrategy[Any] = text
    elif field.base in PRIMITIVES:
        one = numbers(field.base)
    else:
        one = values(field.base)
    if field.kind == "one":
        return one
    low, high = (field.size, field.size) if field.kind == "fixed" else (0, min(field.size or 6, 6))
    if field.base in PRIMITIVES:
        return st.builds(random_array, st.just(field.base), st.integers(low, high), st.integers(0, 1 << 16))
    return st.lists(one, min_size=low, max_size=high)


def random_array(base: str, length: int, seed: int) -> np.ndarray:
    """Random bits: all integers, and floats with subnormals, infinities and every kind of NaN."""
    dtype = np.dtype("<" + PRIMITIVES[base])
    data = np.random.default_rng(seed).integers(0, 2 if base == "bool" else 256, length * dtype.itemsize, np.uint8)
    return data.view(dtype)


def values(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field.name: field_values(field) for field in ALL[name].fields})


def as_reference(name: str, given_values: dict[str, Any]) -> Any:
    fields = {}
    for field in ALL[name].fields:
        value = given_values[field.name]
        if field.base not in PRIMITIVES and field.base != "string":
            if field.kind == "one":
                value = as_reference(field.base, value)
            else:
                value = [as_reference(field.base, item) for item in value]
        fields[field.name] = value
    return STORE.types[name](**fields)


def same(name: str, mine: dict[str, Any], reference: Any) -> bool:
    """Compare decoded values with rosbags' object, field by field."""
    for field in ALL[name].fields:
        a, b = mine[field.name], getattr(reference, field.name)
        if field.base not in PRIMITIVES and field.base != "string":
            pairs = [(a, b)] if field.kind == "one" else list(zip(a, b, strict=True))
            if not all(same(field.base, x, y) for x, y in pairs):
                return False
        elif field.base in PRIMITIVES and field.kind != "one":
            if np.asarray(a, np.asarray(b).dtype).tobytes() != np.asarray(b).tobytes():
                return False
        elif a != b:
            return False
    return True


@pytest.mark.parametrize("name", sorted(ALL))
def test_equals_rosbags_both_ways(name: str) -> None:
    mine = CdrCodec(name, ALL)

    @settings(max_examples=25, deadline=None, database=None)
    @given(values(name))
    def check(given_values: dict[str, Any]) -> None:
        reference = as_reference(name, given_values)
        data = mine.encode(given_values)
        assert data == bytes(STORE.serialize_cdr(reference, name))
        assert same(name, mine.decode(data), reference)
        assert mine.encode(mine.decode(data)) == data

    check()


def test_schema_text_gives_the_same_definitions() -> None:
    for name in TEXTS:
        for found, definition in parse_schema(name, schema_text(name)).items():
            assert definition == DEFINITIONS[found]


@settings(max_examples=200, deadline=None, database=None)
@given(st.data())
def test_any_bytes_give_values_or_one_clear_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ALL)))
    mine = CdrCodec(name, ALL)
    raw = bytearray(mine.encode(data.draw(values(name))))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    said = name
    try:
        mine.decode(bytes(raw[:cut]))
    except BadInputError as error:
        said = str(error)
    assert said.startswith(name)
    assert "\n" not in said


def test_a_huge_length_is_refused_before_memory_is_taken() -> None:
    mine = codec("sensor_msgs/msg/CompressedImage")
    header = {"stamp": {"sec": 1, "nanosec": 2}, "frame_id": "cam"}
    data = bytearray(mine.encode({"header": header, "format": "jpeg", "data": b"123"}))
    data[-7:-3] = struct.pack("<I", 0xFFFFFFF0)
    with pytest.raises(BadInputError, match="field 'data' claims 4294967280 values, 3 bytes are left"):
        mine.decode(bytes(data))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"a": 200}, "does not fit"),
        ({"b": 1.5}, "does not fit"),
        ({"name": "ten letters"}, "its bound is 9"),
        ({"name": 5}, "does not fit"),
        ({"bounded": [1, 2, 3, 4, 5, 6]}, "the limit is 5"),
        ({"triple": [1, 2]}, "'triple' needs 3 values, got 2"),
        ({"two_words": ["x"]}, "'two_words' needs 2 values, got 1"),
        ({"long": np.zeros(69)}, "'long' needs 70 values, got 69"),
        ({"bytes": [1, 256]}, "'bytes' needs uint8, got int64"),
        ({"floats": np.zeros(2)}, "'floats' needs float32, got float64"),
        ({"bounded": [0.5]}, "'bounded' needs int16, got float64"),
        ({"words": ["\ud800"]}, "does not fit"),
    ],
)
def test_values_that_do_not_fit_are_refused(change: dict[str, Any], text: str) -> None:
    inner = {"small": 1, "big": 2.0, "text": "", "row": []}
    good = {
        **dict.fromkeys(("flag", "a", "wide", "b", "last", "tail"), 1),
        **dict.fromkeys(("bytes", "floats", "doubles", "bounded", "flags", "words", "many"), ()),
        "name": "x",
        "inner": inner,
        "pair": [inner, inner],
        "two_words": ["x", "y"],
        "triple": (1, 2, 3),
        "long": np.zeros(70),
    }
    mine = CdrCodec("pkg/Everything", ALL)
    mine.decode(mine.encode(good))
    with pytest.raises(BadInputError, match=text):
        mine.encode({**good, **change})
    with pytest.raises(BadInputError, match="field 'wide' is missing"):
        mine.encode({key: value for key, value in good.items() if key != "wide"})


def test_foreign_encapsulations_and_leftovers_are_refused() -> None:
    mine = codec("builtin_interfaces/msg/Time")
    data = mine.encode({"sec": 3, "nanosec": 4})
    assert mine.decode(data + b"\0\0\0") == {"sec": 3, "nanosec": 4}  # padding to four bytes
    with pytest.raises(BadInputError, match="4 bytes are left over"):
        mine.decode(data + b"\0\0\0\0")
    with pytest.raises(BadInputError, match="header 00000000 is not little-endian CDR"):
        mine.decode(b"\0\0\0\0" + data[4:])
    with pytest.raises(BadInputError, match="not little-endian CDR"):
        mine.decode(b"")


def test_arrays_are_views_of_the_bytes_and_read_only() -> None:
    mine = codec("sensor_msgs/msg/CompressedImage")
    header = {"stamp": {"sec": 0, "nanosec": 0}, "frame_id": ""}
    data = mine.encode({"header": header, "format": "", "data": np.arange(100, dtype=np.uint8)})
    array = mine.decode(data)["data"]
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int32", "is not 'TYPE NAME'"),
        ("int32[ x", "is not 'TYPE NAME'"),
        ("wstring x", "wstring, which is not supported"),
        ("int32<=4 x", "bounds a type that is no string"),
        ("int32[0] x", "an array of 0"),
        ("int32 x\nfloat32 x", "names a field twice"),
    ],
)
def test_bad_definitions_are_refused(text: str, expected: str) -> None:
    with pytest.raises(BadInputError, match=expected):
        parse_definition("pkg/Bad", text)


def test_definitions_with_comments_constants_and_defaults() -> None:
    text = "# note\nuint8 A=1 # one\nstring B = 'x = y'\nint32 count 7\nstring name \"a # b\"\n"
    text += "Header header\nOther[<=3] o\n"
    assert parse_definition("pkg/T", text).fields == (
        Field("count", "int32"),
        Field("name", "string"),
        Field("header", "std_msgs/msg/Header"),
        Field("o", "pkg/msg/Other", "sequence", 3),
    )
    with pytest.raises(BadInputError, match="type pkg/msg/Other is used and not defined"):
        parse_schema("pkg/T", "Other o\n")
    loop = {"p/msg/A": parse_definition("p/A", "B b"), "p/msg/B": parse_definition("p/B", "A[] a")}
    with pytest.raises(BadInputError, match="nests itself"):
        CdrCodec("p/A", loop)
