"""Point clouds as other programs write them."""

from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.record.convert import from_ros

HEADER = {"stamp": {"sec": 1, "nanosec": 5}, "frame_id": "cam"}


def test_point_clouds_as_other_programs_write_them() -> None:
    layout = np.dtype(
        {"names": ["z", "x", "y"], "formats": ["<f8", "<f4", "<i2"], "offsets": [0, 8, 14], "itemsize": 20}
    )
    table = np.zeros(3, layout)
    table["x"], table["y"], table["z"] = [1, 2, 3], [4, 5, 6], [7, 8, 9]
    fields = [("x", 8, 7), ("y", 14, 3), ("z", 0, 8), ("ring", 18, 4)]
    values = {
        "header": HEADER,
        "height": 1,
        "width": 3,
        "fields": [{"name": n, "offset": o, "datatype": t, "count": 1} for n, o, t in fields],
        "is_bigendian": False,
        "point_step": 20,
        "row_step": 60,
        "data": table.view(np.uint8),
        "is_dense": True,
    }
    cloud = from_ros("sensor_msgs/msg/PointCloud2", values)
    assert isinstance(cloud, PointCloud)
    assert cloud.points.tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]
    assert cloud.intensity.tolist() == [0, 0, 0]
    with pytest.raises(BadInputError, match="do not fit"):
        from_ros("sensor_msgs/msg/PointCloud2", {**values, "width": 4})
    outside = [{"name": n, "offset": 18, "datatype": 7, "count": 1} for n in "xyz"]
    with pytest.raises(BadInputError, match="lies outside a point of 20 bytes"):
        from_ros("sensor_msgs/msg/PointCloud2", {**values, "fields": outside})


@pytest.mark.parametrize(
    ("name", "code", "written", "expected"),
    [
        ("t", "<u4", [0, 50_000_000, 99_999_999], [0.0, 0.05, 0.099999999]),  # Ouster: nanoseconds
        ("time", "<f4", [-0.1, 0.0, 0.05], [-0.1, 0.0, 0.05]),  # Velodyne: seconds
        ("time", "<f8", [-0.1, 0.0, 0.05], [-0.1, 0.0, 0.05]),
        ("t", "<f8", [1.7e9, 1.7e9, 1.7e9], None),  # seconds since 1970, as some write: no offset
    ],
)
def test_point_times_as_drivers_write_them(
    name: str, code: str, written: list[float], expected: list[float] | None
) -> None:
    layout = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), (name, code), ("ring", "u1")])
    table = np.zeros(3, layout)
    table[name], table["ring"] = written, [3, 0, 127]
    datatypes = {"<f4": 7, "<u4": 6, "<f8": 8, "|u1": 2}
    assert layout.fields is not None
    fields = [
        {"name": one, "offset": offset, "datatype": datatypes[dtype.str], "count": 1}
        for one, (dtype, offset, *_) in layout.fields.items()
    ]
    values = {
        "header": HEADER,
        "height": 1,
        "width": 3,
        "fields": fields,
        "is_bigendian": False,
        "point_step": layout.itemsize,
        "row_step": 3 * layout.itemsize,
        "data": table.view(np.uint8),
        "is_dense": True,
    }
    cloud = from_ros("sensor_msgs/msg/PointCloud2", values)
    assert isinstance(cloud, PointCloud)
    assert cloud.ring is not None
    assert cloud.ring.dtype == np.uint16
    assert cloud.ring.tolist() == [3, 0, 127]
    if expected is None:
        assert cloud.time_s is None
    else:
        assert cloud.time_s is not None
        assert cloud.time_s.tolist() == np.array(expected, np.float32).tolist()
