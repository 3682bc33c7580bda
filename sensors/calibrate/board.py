"""The ChArUco board: its description, its corners in space, and a sheet of it to print."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, UsageError
from selfcue.optional import require

_MARGIN_MM = 10.0
_PRINT_DPI = 600.0
_MM_PER_INCH = 25.4


@dataclass(frozen=True)
class Board:
    """A chessboard with a marker in each white square (S. Garrido-Jurado et al., Pattern Recognition 2014).

    Attributes:
        squares_x, squares_y: number of squares; the board has one inner corner fewer each way.
        square_m, marker_m: sides of a square and of a marker, as measured on the print [m].
        dictionary: OpenCV's name of the marker dictionary, without ``DICT_``.
        legacy: the pattern of OpenCV before 4.6 (an even number of rows began with a white square).
    """

    squares_x: int = 10
    squares_y: int = 7
    square_m: float = 0.025
    marker_m: float = 0.018
    dictionary: str = "5X5_100"
    legacy: bool = False

    def __post_init__(self) -> None:
        if self.squares_x < 3 or self.squares_y < 3:
            raise UsageError(f"a board of {self.squares_x} x {self.squares_y} squares is too small; 3 x 3 is the least")
        if not 0 < self.marker_m < self.square_m or self.square_m > 1.0:
            raise UsageError(
                f"a board with squares of {self.square_m * 1e3:g} mm and markers of {self.marker_m * 1e3:g} mm cannot "
                "be: markers are smaller than squares, and squares at most 1000 mm"
            )
        if self.dictionary.upper() not in dictionaries():
            raise UsageError(f"no marker dictionary {self.dictionary!r}; there is {', '.join(dictionaries())}")
        needed = self.squares_x * self.squares_y // 2
        held = len(self.markers.bytesList)
        if needed > held:
            raise UsageError(
                f"a board of {self.squares_x} x {self.squares_y} squares needs {needed} markers, dictionary "
                f"{self.dictionary} has {held}; take a larger one"
            )

    @property
    def markers(self) -> Any:
        """OpenCV's marker dictionary."""
        return marker_dictionary(self.dictionary)

    @property
    def made(self) -> Any:
        """OpenCV's ``CharucoBoard``."""
        cv2 = require("cv2", extra="vision")
        board = cv2.aruco.CharucoBoard((self.squares_x, self.squares_y), self.square_m, self.marker_m, self.markers)
        board.setLegacyPattern(self.legacy)
        return board

    @property
    def corners(self) -> npt.NDArray[np.float64]:
        """The inner corners, (N, 3) [m]: x to the right, y down, z away from who looks at the board; row by row."""
        found: npt.NDArray[np.float64] = np.asarray(self.made.getChessboardCorners(), dtype=np.float64)
        return found

    @property
    def columns(self) -> int:
        """Inner corners per row."""
        return self.squares_x - 1

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the whole pattern [m]."""
        return self.squares_x * self.square_m, self.squares_y * self.square_m

    def __str__(self) -> str:
        mm = f"squares {self.square_m * 1e3:g} mm, markers {self.marker_m * 1e3:g} mm"
        return f"{self.squares_x} x {self.squares_y} {mm}, {self.dictionary}{', legacy' if self.legacy else ''}"

    def picture(self, px_per_square: int) -> npt.NDArray[np.uint8]:
        """Return the pattern without a margin, (squares_y * px, squares_x * px) uint8, black 0 and white 255."""
        size = (self.squares_x * px_per_square, self.squares_y * px_per_square)
        found: npt.NDArray[np.uint8] = self.made.generateImage(size, marginSize=0, borderBits=1)
        return found


def dictionaries() -> list[str]:
    """Return the names of OpenCV's marker dictionaries, without ``DICT_``."""
    cv2 = require("cv2", extra="vision")
    names = {name.removeprefix("DICT_").upper() for name in dir(cv2.aruco) if name.startswith("DICT_")}
    return sorted(names)


def marker_dictionary(name: str) -> Any:
    """Return OpenCV's dictionary ``name`` (as ``dictionaries`` lists it)."""
    cv2 = require("cv2", extra="vision")
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{name.upper()}"))


def write_board(board: Board, out: Path, *, force: bool = False) -> tuple[float, float]:
    """Write ``board`` to print at its true size: a PDF page, or a PNG that carries its resolution.

    Returns:
        Width and height of the sheet [mm], margin included.

    Raises:
        BadInputError: another suffix, ``out`` exists and ``force`` is not given, or it cannot be written.
    """
    if out.suffix.lower() not in (".png", ".pdf"):
        raise BadInputError(f"{out}: boards are written as .png or .pdf")
    if out.exists() and not force:
        raise BadInputError(f"{out} exists already; choose another name, or overwrite it with --force")
    px_per_square = round(board.square_m * 1e3 / _MM_PER_INCH * _PRINT_DPI)
    dpi = px_per_square / (board.square_m * 1e3 / _MM_PER_INCH)
    margin = round(_MARGIN_MM / _MM_PER_INCH * dpi)
    sheet = np.pad(board.picture(px_per_square), margin, constant_values=255)
    _label(sheet, f"ChArUco {board}: 5 squares measure {board.square_m * 5e3:g} mm", margin)
    width_mm, height_mm = (side / dpi * _MM_PER_INCH for side in (sheet.shape[1], sheet.shape[0]))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(_png(sheet, dpi) if out.suffix.lower() == ".png" else _pdf(sheet, width_mm, height_mm))
    except OSError as error:
        raise BadInputError(f"{out} cannot be written ({error})") from error
    return width_mm, height_mm


def _label(sheet: npt.NDArray[np.uint8], text: str, margin: int) -> None:
    cv2 = require("cv2", extra="vision")
    scale = margin / 110.0
    cv2.putText(sheet, text, (margin, sheet.shape[0] - margin // 3), 0, scale, 90, max(1, margin // 90), cv2.LINE_AA)


def _png(sheet: npt.NDArray[np.uint8], dpi: float) -> bytes:
    """Return a PNG with a pHYs chunk, so that printing at 100 % gives the true size."""
    cv2 = require("cv2", extra="vision")
    _, encoded = cv2.imencode(".png", sheet)
    whole = encoded.tobytes()
    per_m = round(dpi / _MM_PER_INCH * 1e3)
    chunk = b"pHYs" + struct.pack(">IIB", per_m, per_m, 1)
    header_end = 33  # signature and IHDR
    added = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return bytes(whole[:header_end] + added + whole[header_end:])


def _pdf(sheet: npt.NDArray[np.uint8], width_mm: float, height_mm: float) -> bytes:
    """Return one PDF page of exactly this size that holds the picture."""
    points = [side / _MM_PER_INCH * 72.0 for side in (width_mm, height_mm)]
    pixels = zlib.compress(np.ascontiguousarray(sheet).tobytes(), 6)
    height, width = sheet.shape
    paint = f"q {points[0]:.4f} 0 0 {points[1]:.4f} 0 0 cm /Board Do Q".encode()
    image = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {points[0]:.4f} {points[1]:.4f}] /Contents 4 0 R "
        "/Resources << /XObject << /Board 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(paint), paint),
        f"<< {image} /BitsPerComponent 8 /Filter /FlateDecode /Length {len(pixels)} >>\nstream\n".encode()
        + pixels
        + b"\nendstream",
    ]
    found, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, part in enumerate(parts, 1):
        offsets.append(len(found))
        found += b"%d 0 obj\n" % number + part + b"\nendobj\n"
    table = len(found)
    found += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    found += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    found += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, table)
    return bytes(found)
