"""Messages to ROS values, through CDR bytes, and back: nothing may be lost."""

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import (
    IMAGE_ENCODINGS,
    MESSAGE_TYPES,
    Audio,
    CameraInfo,
    Estimate,
    Image,
    Imu,
    JournalEvent,
    LaserScan,
    Message,
    NavSatFix,
    PointCloud,
    Pose,
    Transforms,
    Twist,
)
from selfcue.record import compressed
from selfcue.record.convert import BY_KIND, from_ros, to_ros
from selfcue.record.definitions import codec
from selfcue.record.rules import TopicRule

Equal = Callable[[Message, Message], bool]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def round_trip(message: Message) -> Message:
    schema, values = to_ros(message)
    data = codec(schema).encode(values)
    return from_ros(
        schema, codec(schema).decode(data), seq=message.seq, source=message.source, kind=type(message).__name__
    )


def test_every_message_type_has_a_ros_type() -> None:
    assert set(BY_KIND) == set(MESSAGE_TYPES.values())


def test_samples_cover_every_type_and_come_back_equal(samples: list[Message], equal: Equal) -> None:
    assert {type(message) for message in samples} == set(MESSAGE_TYPES.values())
    for message in samples:
        assert equal(round_trip(message), message), type(message).__name__


def arrays(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random bits, so NaN and infinities too."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    data = np.random.default_rng(seed).integers(0, 2 if dtype == "bool" else 256, count, np.uint8)
    return data.view(dtype).reshape(shape)


def anything(annotation: Any) -> st.SearchStrategy[Any]:
    """What a field of this type may hold, arrays aside."""
    plain = {float: st.floats(), int: st.integers(-(2**63), 2**63 - 1), str: TEXT, bool: st.booleans()}
    if annotation in plain:
        return plain[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is dict:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=4)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(anything(arguments[0]), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*map(anything, arguments))
    return st.one_of(*map(anything, arguments))  # a union


def plain_messages(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of a type without arrays, every field at random."""
    fields = {field.name: anything(field.type) for field in msgspec.structs.fields(kind)}
    fields["stamp_ns"] = st.integers(0, 2**31 * 10**9 - 1)
    fields["seq"] = st.integers(0, 2**32 - 1)
    if kind is CameraInfo:
        reals = st.floats(allow_nan=False)
        for name, length in (("k", 9), ("r", 9), ("p", 12)):
            fields[name] = st.tuples(st.floats(1e-3, 1e6), *[reals] * (length - 1))
        fields |= {name: st.integers(1, 2**32 - 1) for name in ("width", "height")}
    if kind is NavSatFix:
        fields["covariance"] = st.tuples(*[st.floats()] * 9)
        fields |= {"status": st.integers(-128, 127), "service": st.integers(0, 2**16 - 1)}
        fields["covariance_type"] = st.integers(0, 255)
    if kind is Transforms:
        return st.lists(one_transform(), min_size=1, max_size=4).map(transforms)
    return st.builds(kind, **fields)


def one_transform() -> st.SearchStrategy[tuple[Any, ...]]:
    real = st.floats()
    return st.tuples(st.integers(0, 2**31 * 10**9 - 1), TEXT, TEXT, st.tuples(*[real] * 3), st.tuples(*[real] * 4))


def transforms(found: list[tuple[Any, ...]]) -> Transforms:
    stamps, parents, children, translations, rotations = zip(*found, strict=True)
    return Transforms(
        stamp_ns=max(stamps),
        stamps_ns=stamps,
        parents=parents,
        children=children,
        translations=translations,
        rotations=rotations,
    )


ARRAY_TYPES = {"Image", "CompressedImage", "PointCloud", "Estimate", "LaserScan", "Audio"}


@pytest.mark.parametrize("name", sorted(set(MESSAGE_TYPES) - ARRAY_TYPES))
def test_random_messages_come_back_equal(name: str, equal: Equal) -> None:
    @settings(max_examples=40, deadline=None, database=None)
    @given(plain_messages(MESSAGE_TYPES[name]))
    def check(message: Message) -> None:
        assert equal(round_trip(message), message)

    check()


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(0, 1 << 16), st.sampled_from(sorted(IMAGE_ENCODINGS)), st.integers(0, 9), st.integers(0, 9), TEXT)
def test_random_images_come_back_equal(
    equal: Equal, seed: int, encoding: str, height: int, width: int, frame_id: str
) -> None:
    dtype, channels = IMAGE_ENCODINGS[encoding]
    data = arrays(seed, (height, width) if channels == 1 else (height, width, channels), dtype)
    message = Image(stamp_ns=seed, frame_id=frame_id, encoding=encoding, data=data)
    back = round_trip(message)
    assert equal(back, message)
    assert isinstance(back, Image)
    assert back.data.flags.aligned


@settings(max_examples=30, deadline=None, database=None)
@given(st.integers(0, 1 << 16), st.integers(0, 20), st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_random_clouds_and_estimates_come_back_equal(equal: Equal, seed: int, count: int, sides: list[int]) -> None:
    points, intensity = arrays(seed, (count, 3), "float32"), arrays(seed + 1, (count,), "float32")
    cloud = PointCloud(stamp_ns=seed, points=points, intensity=intensity)
    assert equal(round_trip(cloud), cloud)
    time_s, ring = arrays(seed + 2, (count,), "float32"), arrays(seed + 3, (count,), "uint16")
    for times, rings in ((time_s, None), (None, ring), (time_s, ring)):
        cloud = PointCloud(stamp_ns=seed, points=points, intensity=intensity, time_s=times, ring=rings)
        assert equal(round_trip(cloud), cloud)
    shape = tuple(sides)
    value, lower, upper = (arrays(seed + i, shape, "float32") for i in range(3))
    valid = arrays(seed, shape, "bool")
    estimate = Estimate(
        stamp_ns=1, cue="fused", quantity="q", value=value, lower=lower, upper=upper, valid=valid, confidence=0.5
    )
    assert equal(round_trip(estimate), estimate)


def test_views_of_other_arrays_are_written_right(equal: Equal) -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    mirrored = Image(stamp_ns=0, encoding="rgb8", data=picture[:, ::-1])
    assert equal(round_trip(mirrored), Image(stamp_ns=0, encoding="rgb8", data=picture[:, ::-1].copy()))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Imu(stamp_ns=-1, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 0)), "stamp -1 ns does not fit"),
        (Imu(stamp_ns=2**31 * 10**9, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 0)), "does not fit"),
        (
            PointCloud(stamp_ns=0, points=np.zeros((2, 3)), intensity=np.zeros(2, np.float32)),
            "needs an array of float32",
        ),
        (
            Transforms(stamp_ns=0, frame_id="a", stamps_ns=(), parents=(), children=(), translations=(), rotations=()),
            "each names its parent instead",
        ),
        (PointCloud(stamp_ns=0, points=np.zeros((2, 3), np.float32), intensity=np.zeros(3, np.float32)), r"\(N, 3\)"),
        (
            PointCloud(
                stamp_ns=0,
                points=np.zeros((2, 3), np.float32),
                intensity=np.zeros(2, np.float32),
                time_s=np.zeros(1, np.float32),
            ),
            r"'time_s' needs shape \(2,\), got \(1,\)",
        ),
        (
            PointCloud(
                stamp_ns=0,
                points=np.zeros((2, 3), np.float32),
                intensity=np.zeros(2, np.float32),
                ring=np.zeros(2, np.uint8),
            ),
            "'ring' needs an array of uint16, got uint8",
        ),
        (
            Estimate(
                stamp_ns=0,
                cue="fused",
                quantity="q",
                value=np.zeros(1),
                lower=np.zeros(1),
                upper=np.zeros(1),
                valid=np.ones(1, bool),
                confidence=1.0,
            ),
            "estimate field 'value' needs an array of float32, got float64",
        ),
    ],
)
def test_what_would_not_come_back_is_refused(message: Message, text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        round_trip(message)


HEADER = {"stamp": {"sec": 1, "nanosec": 5}, "frame_id": "cam"}


def image_values(**change: Any) -> dict[str, Any]:
    values = {"height": 2, "width": 2, "encoding": "mono8", "is_bigendian": 0, "step": 2}
    return {"header": HEADER, **values, "data": np.arange(4, dtype=np.uint8), **change}


def test_images_as_other_programs_write_them() -> None:
    def read(**change: Any) -> np.ndarray:
        image = from_ros("sensor_msgs/msg/Image", image_values(**change))
        assert isinstance(image, Image)
        assert image.stamp_ns == 1_000_000_005
        return image.data

    padded = np.array([1, 2, 9, 3, 4, 9], np.uint8)
    assert read(step=3, data=padded).tolist() == [[1, 2], [3, 4]]
    big = np.array([1, 2, 3, 4], ">u2").view(np.uint8)
    assert read(encoding="16UC1", is_bigendian=1, step=4, data=big).tolist() == [[1, 2], [3, 4]]
    bgr = np.arange(12, dtype=np.uint8)
    assert read(encoding="bgr8", step=6, data=bgr)[0, 0].tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"encoding": "yuv422"}, "encoding 'yuv422' is not known"),
        ({"step": 1}, "2 x 2 mono8 with step 1 does not fit 4 bytes"),
        ({"height": 3}, "does not fit 4 bytes"),
        ({"height": 2**32 - 1, "width": 2**32 - 1, "step": 2**32 - 1}, "does not fit"),
    ],
)
def test_images_that_contradict_themselves_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        from_ros("sensor_msgs/msg/Image", image_values(**change))


def test_velocities_and_poses_of_other_programs() -> None:
    twist = {"linear": {"x": 1.0, "y": 0.0, "z": 0.5}, "angular": {"x": 0.1, "y": 0.2, "z": -1.0}}
    found = from_ros("geometry_msgs/msg/TwistStamped", {"header": HEADER, "twist": twist}, seq=3, source="joy")
    assert found == Twist(
        stamp_ns=1_000_000_005, frame_id="cam", seq=3, source="joy", linear=(1.0, 0.0, 0.5), angular=(0.1, 0.2, -1.0)
    )
    pose = {"position": {"x": 1.0, "y": 2.0, "z": 3.0}, "orientation": {"x": 0.0, "y": 0.0, "z": 1.0, "w": 0.0}}
    values = {"header": HEADER, "pose": {"pose": pose, "covariance": (0.5,) * 36}}
    assert from_ros("geometry_msgs/msg/PoseWithCovarianceStamped", values) == Pose(
        stamp_ns=1_000_000_005, frame_id="cam", position=(1.0, 2.0, 3.0), orientation=(0.0, 0.0, 1.0, 0.0)
    )


@settings(max_examples=30, deadline=None, database=None)
@given(st.integers(0, 1 << 16), st.integers(0, 20), st.integers(1, 4), st.sampled_from(["int16", "float32"]))
def test_random_scans_and_sounds_come_back_equal(
    equal: Equal, seed: int, count: int, channels: int, dtype: str
) -> None:
    sound = Audio(stamp_ns=seed, sample_rate_hz=16_000, samples=arrays(seed, (count, channels), dtype))
    assert equal(round_trip(sound), sound)
    scan = LaserScan(
        stamp_ns=seed,
        angle_min_rad=-1.5,
        angle_max_rad=1.5,
        angle_step_rad=0.25,
        time_step_s=0.5,
        scan_time_s=0.125,
        range_min_m=0.25,
        range_max_m=8.0,
        ranges=arrays(seed, (count,), "float32"),
        intensities=arrays(seed + 1, (channels,), "float32"),
    )
    assert equal(round_trip(scan), scan)


def test_values_that_no_message_may_hold_are_refused(samples: list[Message]) -> None:
    by_type = {type(message).__name__: to_ros(message) for message in samples}

    def refused(name: str, text: str, **change: Any) -> None:
        schema, values = by_type[name]
        with pytest.raises(BadInputError, match=text):
            from_ros(schema, codec(schema).decode(codec(schema).encode({**values, **change})))

    refused("Trust", "trust field 'level' is 'fine', not one of ok, suspect, lost", level="fine")
    refused("AgentStatus", "'FLY', not one of STEREO", state="FLY")
    refused("Estimate", "'me', not one of trusted", cue="me")
    refused("Estimate", "field 'value' has 35 values, its shape is", shape=(7, 6))
    refused("LearnerStatus", "skill_names has 1 entries, skill_values has 2", skill_names=["a"])
    refused("WorldMap", "do not make outlines", corners=[9, 0, 2])
    refused("CameraInfo", "is not usable", width=0)
    refused("JournalEvent", "holds a list", detail=[{"key": "k", "value": "[]"}])
    refused("Audio", "no whole number of 3 channels", channels=3, data=[1, 2, 3, 4])
    refused("Audio", "audio format 'mp3' is not known", format="mp3")
    refused("JournalEvent", "Expecting value", detail=[{"key": "k", "value": "nope"}])
    with pytest.raises(BadInputError, match="has no field 'level'"):
        from_ros("selfcue_msgs/msg/Trust", {"header": HEADER, "cue": "stereo"})
    with pytest.raises(BadInputError, match="std_msgs/msg/String cannot be read; readable: "):
        from_ros("std_msgs/msg/String", {"data": "x"})


def test_a_truth_value_in_the_journal_stays_one() -> None:
    event = JournalEvent(stamp_ns=0, kind="k", detail={"a": True, "b": 1, "c": 1.0, "d": "1"})
    back = round_trip(event)
    assert isinstance(back, JournalEvent)
    assert [type(value) for value in back.detail.values()] == [bool, int, float, str]


def test_jpeg_keeps_the_picture_nearly() -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    colour = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], np.uint8(40)), axis=2)
    image = Image(stamp_ns=0, encoding="rgb8", data=np.ascontiguousarray(colour))
    values = compressed.encode(image, TopicRule(jpeg=90))
    assert values["format"] == "rgb8; jpeg compressed bgr8"
    assert len(values["data"]) < image.data.nbytes / 4
    encoding, back = compressed.decode(values["format"], values["data"])
    assert encoding == "rgb8"
    assert np.abs(back.astype(int) - image.data).mean() < 3
    grey = Image(stamp_ns=0, encoding="mono8", data=colour[:, :, 0])
    values_grey = compressed.encode(grey, TopicRule(jpeg=95))
    encoding, back = compressed.decode(values_grey["format"], values_grey["data"])
    assert encoding == "mono8"
    assert np.abs(back.astype(int) - grey.data).mean() < 2
    depth = Image(stamp_ns=0, encoding="32FC1", data=np.zeros((4, 4), np.float32))
    assert not compressed.fits(depth, TopicRule(jpeg=90))
    for broken in (values["data"][:40], np.zeros(0, np.uint8), np.zeros(99, np.uint8)):
        with pytest.raises(BadInputError, match="does not decode"):
            from_ros("sensor_msgs/msg/CompressedImage", {"header": HEADER, "format": "jpeg", "data": broken})
