"""A user's npz file as plain arrays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError


def read_npz(path: Path, *needed: str) -> dict[str, np.ndarray]:
    """Return the arrays of ``path`` by name.

    Raises:
        BadInputError: no such file, damaged, holding objects, or without the arrays ``needed``.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file; it should be an .npz with {', '.join(needed)}") from None
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise BadInputError(f"{path}: not a whole npz of plain arrays ({error})") from None
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise BadInputError(
            f"{path}: has no {' and no '.join(missing)}; it holds {', '.join(sorted(arrays)) or 'nothing'}"
        )
    return arrays
