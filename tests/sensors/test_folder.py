"""Folders of plain files with a mapping file."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from selfcue.errors import BadInputError
from selfcue.messages import Audio, Image, Imu, Message, NavSatFix, Scalars
from selfcue.sensors.folder.mapping import read_mapping
from selfcue.sensors.folder.reader import FolderReader
from selfcue.sensors.folder.sound import WavFile
from selfcue.sensors.readers import open_log

MS = 1_000_000

MAPPING: dict[str, Any] = {
    "time_base": "since power-on",
    "images": {
        "cam/image": {"files": "cam/*.png", "rate_hz": 20, "start_s": 1.0, "frame_id": "cam_optical"},
        "side/image": {"files": "side/*.png", "stamped_names": True, "unit": "us"},
        "back/image": {"files": "back/*.png", "times": "back.csv", "unit": "s"},
    },
    "audio": {"mic": {"file": "mic.wav", "start_s": 1.5, "block_ms": 50}},
    "tables": {
        "imu": {
            "file": "imu.csv",
            "time": "t",
            "type": "Imu",
            "fields": {"angular_velocity": ["gx", "gy", "gz"], "linear_acceleration": ["ax", "ay", "az"]},
            "scale": {"angular_velocity": 0.5},
            "frame_id": "body",
        },
        "battery": {"file": "battery.csv", "time": "ms", "unit": "ms", "start_s": 1.0},
        "gps": {
            "file": "gps.csv",
            "time": "t",
            "type": "NavSatFix",
            "separator": ";",
            "fields": {"latitude_deg": ["lat"], "longitude_deg": ["lon"], "altitude_m": ["h"]},
        },
    },
}


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 1000, width: int = 2) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "walk"
    names = {"cam": ["0001", "0002", "0010"], "side": ["1000500", "1100000"], "back": ["a", "b"]}
    for camera, stems in names.items():
        (root / camera).mkdir(parents=True)
        for i, stem in enumerate(stems):
            cv2.imwrite(str(root / camera / f"{stem}.png"), np.full((3, 4), 50 + i, np.uint8))
    (root / "back.csv").write_text("# time\n1.25,x\n1.5,y\n")
    samples = np.arange(-120, 120, dtype=np.int16).reshape(120, 2)
    write_wav(root / "mic.wav", samples)
    (root / "imu.csv").write_text("t,ax,ay,az,gx,gy,gz,temp\n1.001,1,2,9.8,0.1,0.2,0.3,20\n1.002,1,2,9.9,2,4,6,20\n")
    (root / "battery.csv").write_text("# ms,volt,ampere\n0,12.5,1\n500,12.25,2\n")
    (root / "gps.csv").write_text("t;lat;lon;h\n1.5;48.1;-11.5;500.5\n")
    (root / "selfcue.yaml").write_text(yaml.safe_dump(MAPPING))
    return root


def test_a_folder_of_plain_files(folder: Path) -> None:
    reader = open_log(folder)
    assert isinstance(reader, FolderReader)
    assert reader.time_base == "since power-on"
    assert {topic: (info.type, info.count) for topic, info in reader.contents().items()} == {
        "cam/image": ("Image", 3),
        "side/image": ("Image", 2),
        "back/image": ("Image", 2),
        "mic": ("Audio", 3),
        "imu": ("Imu", 2),
        "battery": ("Scalars", 2),
        "gps": ("NavSatFix", 1),
    }
    found: dict[str, list[Message]] = {}
    for _, topic, message in reader.messages():
        found.setdefault(topic, []).append(message)
    stamps = {topic: [message.stamp_ns // 1000 for message in ones] for topic, ones in found.items()}
    assert stamps["cam/image"] == [1_000_000, 1_050_000, 1_100_000]
    assert stamps["side/image"] == [1_000_500, 1_100_000]
    assert stamps["back/image"] == [1_250_000, 1_500_000]
    assert stamps["mic"] == [1_500_000, 1_550_000, 1_600_000]
    assert stamps["battery"] == [1_000_000, 1_500_000]
    pictures = [message for message in found["cam/image"] if isinstance(message, Image)]
    assert [int(picture.data[0, 0]) for picture in pictures] == [50, 51, 52]
    assert pictures[0].frame_id == "cam_optical"
    blocks = [message for message in found["mic"] if isinstance(message, Audio)]
    assert [block.samples.shape for block in blocks] == [(50, 2), (50, 2), (20, 2)]
    assert np.concatenate([block.samples for block in blocks]).ravel().tolist() == list(range(-120, 120))
    assert found["imu"][1] == Imu(
        stamp_ns=1002 * MS,
        frame_id="body",
        angular_velocity=(1.0, 2.0, 3.0),
        linear_acceleration=(1.0, 2.0, 9.9),
    )
    assert found["battery"][1] == Scalars(stamp_ns=1500 * MS, values={"volt": 12.25, "ampere": 2.0})
    assert found["gps"] == [NavSatFix(stamp_ns=1500 * MS, latitude_deg=48.1, longitude_deg=-11.5, altitude_m=500.5)]


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("images.cam/image.rate", 3, "no such key; did you mean 'rate_hz'"),
        ("images.cam/image.times", "back.csv", "give one of rate_hz"),
        ("images.cam/image.files", "none/*.png", "no file fits 'none/\\*.png'"),
        ("images.cam/image.files", "../*.png", "lies outside the folder"),
        ("images.back/image.files", "cam/*.png", "2 times for the 3 pictures of back/image"),
        ("images.side/image.files", "back/*.png", "'a' is not a time in us"),
        ("audio.mic.block_ms", 0, "block_ms is 0"),
        ("audio.mic.file", "gone.wav", "the sound is missing"),
        ("tables.imu.time", "clock", "has no column 'clock'; its first line names t, ax, ay"),
        ("tables.imu.type", "Imo", "type 'Imo' is not known; known: Imu"),
        ("tables.imu.fields", {"angular_velocity": ["gx"]}, "takes 3 columns, 1 are named"),
        ("tables.imu.scale", {"speed": 1.0}, "Imu has no field 'speed'"),
        ("tables.imu.unit", "hours", "unit"),
        ("tables.imu.file", "back.csv", "has no column 't'"),
    ],
)
def test_mappings_that_cannot_be_used(folder: Path, path: str, value: Any, text: str) -> None:
    changed = yaml.safe_load((folder / "selfcue.yaml").read_text())
    *places, key = path.split(".")
    place = changed
    for name in places:
        place = place[name]
    place[key] = value
    (folder / "selfcue.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(BadInputError, match=text) as caught:
        FolderReader(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", ""])
def test_what_is_no_mapping(folder: Path, content: str) -> None:
    (folder / "selfcue.yaml").write_text(content)
    with pytest.raises(BadInputError, match=r"selfcue\.yaml"):
        FolderReader(folder)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sound_of_every_width(tmp_path: Path, width: int) -> None:
    rng = np.random.default_rng(width)
    raw = rng.integers(0, 256, (50, width), np.uint8)
    write_wav(tmp_path / "a.wav", raw.reshape(50, width), rate_hz=8000, width=width)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(raw.tobytes())
    ((stamp_ns, topic, message),) = open_log(path).messages()
    assert (stamp_ns, topic) == (0, "audio")
    assert isinstance(message, Audio)
    if width == 1:
        assert message.samples[:, 0].tolist() == [(int(byte) - 128) * 256 for byte in raw[:, 0]]
    elif width == 2:
        assert message.samples[:, 0].tolist() == [struct.unpack("<h", row.tobytes())[0] for row in raw]
    else:
        whole = [int.from_bytes(row.tobytes(), "little", signed=True) / 2 ** (8 * width - 1) for row in raw]
        assert np.allclose(message.samples[:, 0], whole, atol=1e-7)


def test_damaged_sound_gives_one_line(tmp_path: Path, refusals: Callable[..., list[str]]) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, np.arange(400, dtype=np.int16).reshape(-1, 1))
    said = refusals(path, lambda: list(FolderReader(path).messages()))
    assert len(said) >= 15
    assert all("a.wav" in line and "\n" not in line for line in said)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInputError, match="is cut off: its head announces 400 samples"):
        WavFile(path)


def test_the_mapping_in_the_documentation_decodes(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()
    block = text.partition("<!-- mapping -->\n```yaml\n")[2].partition("```")[0]
    (tmp_path / "selfcue.yaml").write_text(block)
    mapping = read_mapping(tmp_path)
    assert mapping.images["cam/image"].rate_hz == 20.0
    assert mapping.tables["imu"].fields["angular_velocity"] == ["gx", "gy", "gz"]
    assert mapping.audio["mic"].block_ms == 50.0
