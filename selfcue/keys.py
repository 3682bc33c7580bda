"""Keys for links between machines: one pair per machine, and the public keys of those that are let in (CURVE).

They lie in ``SELFCUE_KEYS``, by default ``~/.config/selfcue/keys``: ``own.json`` (readable by its user alone) and
``allowed/NAME.pub``. Public keys are written as 64 hexadecimal digits.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq
import zmq.utils.z85

from selfcue.errors import BadInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_KEY_BYTES = 32


@dataclass(frozen=True)
class KeyPair:
    """This machine's name and keys: 64 hexadecimal digits each."""

    name: str
    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair({self.name!r}, {self.public[:8]}…)"  # never the secret: reprs end in logs


def folder() -> Path:
    """Return where the keys lie."""
    named = os.environ.get("SELFCUE_KEYS")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "selfcue" / "keys"


def new(name: str) -> KeyPair:
    """Make this machine's pair.

    Raises:
        BadInputError: not a name, or there is a pair already (it is never written over).
    """
    _check_name(name)
    public, secret = (zmq.utils.z85.decode(key).hex() for key in zmq.curve_keypair())
    pair = KeyPair(name, public, secret)
    path = folder() / "own.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadInputError(f"{path}: this machine has a key already; remove the file to make another") from None
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(pair))
    return pair


def own() -> KeyPair | None:
    """Return this machine's pair; None where there is none.

    Raises:
        BadInputError: the file is damaged, or others may read it.
    """
    path = folder() / "own.json"
    try:
        mode = path.stat().st_mode
        pair = msgspec.json.decode(path.read_bytes(), type=KeyPair)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise BadInputError(f"{path}: not a pair of keys ({error}); remove it and run: selfcue keys new") from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadInputError(f"{path}: others may read the secret key; run: chmod 600 {path}")
    check_public(pair.public)
    check_public(pair.secret)
    return pair


def allow(name: str, public: str) -> Path:
    """Let the machine with key ``public`` in, and remember it as ``name``.

    Raises:
        BadInputError: not a name or not a key, or ``name`` has another key already.
    """
    _check_name(name)
    check_public(public)
    path = folder() / "allowed" / f"{name}.pub"
    known = allowed().get(name, public)
    if known != public:
        raise BadInputError(f"{path}: {name!r} has another key ({known[:8]}…); remove the file to change it")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(public + "\n")
    aside.replace(path)
    return path


def allowed(where: Path | None = None) -> dict[str, str]:
    """Return name to public key of all machines that are let in (``where``: by keys that lie elsewhere).

    Raises:
        BadInputError: a damaged file.
    """
    found = {}
    for path in sorted(((where or folder()) / "allowed").glob("*.pub")):
        public = path.read_text(errors="replace")[:200].strip()
        try:
            check_public(public)
        except BadInputError as error:
            raise BadInputError(f"{path}: {error}") from error
        found[path.stem] = public
    return found


def check_public(public: str) -> None:
    """Raise BadInputError where ``public`` is no key."""
    try:
        right = len(bytes.fromhex(public)) == _KEY_BYTES and len(public) == 2 * _KEY_BYTES
    except ValueError:
        right = False
    if not right:
        raise BadInputError(
            f"{public[:70]!r} is no key; a key has 64 hexadecimal digits, as selfcue keys new prints it"
        )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInputError(f"{name[:40]!r} is no name for a machine; use up to 32 letters, digits, '-' and '_'")
