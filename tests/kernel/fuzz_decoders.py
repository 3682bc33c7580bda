"""Coverage-guided fuzzing of every decoder: ``python -m tests.kernel.fuzz_decoders -runs=1000000`` (needs atheris).

The first byte of each input chooses the decoder. Anything but BadInputError ends the run with the input that did it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["selfcue.codec", "selfcue.transport", "selfcue.messages", "selfcue.qos"]):
    from tests.kernel import decoders

KINDS = list(decoders.DECODERS.values())


def one_input(data: bytes) -> None:
    """What the fuzzer calls."""
    if data:
        decoders.try_one(KINDS[data[0] % len(KINDS)][0], data[1:])


def main(arguments: list[str]) -> None:
    """Fuzz from the good examples on; ``arguments`` are libFuzzer's."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, (_, seeds) in enumerate(KINDS):
            for i, seed in enumerate(seeds):
                (Path(folder) / f"{kind}-{i}").write_bytes(bytes([kind]) + seed)
        atheris.Setup([sys.argv[0], "-max_len=4096", "-rss_limit_mb=1024", "-timeout=5", *arguments, folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
