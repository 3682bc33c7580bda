"""Weights on disk: a ``.safetensors`` file that any tool reads, beside it a JSON file that any person reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.state import State, sync_folder

_META = "selfcue"


def save_weights(path: Path, weights: State, **facts: Any) -> None:
    """Write ``weights`` to ``path`` and ``facts`` (with the weights' own ``meta``) to the JSON file beside it.

    Each file is written aside, synced and renamed: a reader finds the old one or the new one, whole. The weights' meta
    is inside the safetensors file as well, so that it alone is enough to load them.
    """
    safetensors = require("safetensors.numpy", extra="learn")
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, safetensors.save(arrays, metadata={_META: json.dumps(weights.meta)}))
    text = json.dumps({**weights.meta, **facts}, indent=2, sort_keys=True)
    _replace(path.with_suffix(".json"), text.encode() + b"\n")
    sync_folder(path.parent)


def load_weights(path: Path) -> State:
    """Read what ``save_weights`` wrote.

    Raises:
        BadInputError: the file is missing, damaged, or not one of ours.
    """
    safetensors = require("safetensors", extra="learn")
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            meta = json.loads((file.metadata() or {})[_META])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file of weights") from None
    except KeyError:
        raise BadInputError(
            f"{path}: these weights do not say which student they belong to; were they made here?"
        ) from None
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a whole file of weights ({error})") from None
    return State(meta, arrays)


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
