"""A sound system of its own for tests: a private PulseAudio daemon with a null sink whose monitor is the microphone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

RATE_HZ = 16000
FOUR = "front-left,front-right,rear-left,rear-right"  # as ALSA's plug-in names four channels


def missing() -> str:
    """Return what is missing here to run a sound system; empty where nothing is."""
    for program in ("pulseaudio", "pactl", "paplay", "parec"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: pulseaudio pulseaudio-utils libasound2-plugins libportaudio2)"
    if importlib.util.find_spec("sounddevice") is None:
        return "sounddevice is not installed (extra audio)"
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's plug-in for PulseAudio is not installed (Debian: libasound2-plugins)"
    try:
        importlib.import_module("sounddevice")
    except OSError as error:
        return f"sounddevice does not load: {error} (Debian: libportaudio2)"
    return ""


class Pulse:
    """The daemon. ``plug`` and ``unplug`` make the microphone come and go."""

    def __init__(self, home: Path) -> None:
        self._runtime = home / "run"
        self._runtime.mkdir(parents=True)
        (home / ".asoundrc").write_text("pcm.!default { type pulse }\n")
        self.environment = {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "PULSE_RUNTIME_PATH": str(self._runtime / "pulse"),
        }
        self._module = ""
        self._daemon: subprocess.Popen[bytes] | None = None
        self._listener: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "-L", "module-native-protocol-unix"]
        self._daemon = subprocess.Popen(
            command, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while self.control("info", check=False) != 0:
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                pytest.skip("the private PulseAudio daemon does not start here")
            time.sleep(0.02)

    def control(self, *words: str, check: bool = True) -> int:
        done = subprocess.run(
            ["pactl", *words], env={**os.environ, **self.environment}, capture_output=True, text=True, check=check
        )
        self.said = done.stdout.strip()
        return done.returncode

    def plug(self, channels: int = 1) -> None:
        form = ("sink_name=vmic", f"rate={RATE_HZ}", f"channels={channels}", "format=s16le")
        self.control("load-module", "module-null-sink", *form, *([f"channel_map={FOUR}"] if channels == 4 else []))
        self._module = self.said
        self.control("set-default-source", "vmic.monitor")
        # A null sink renders seconds ahead until somebody wants to hear it soon; so a second listener stays.
        command = ["parec", "--device=vmic.monitor", "--latency-msec=10"]
        self._listener = subprocess.Popen(
            command, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def unplug(self) -> None:
        self.control("unload-module", self._module)
        self._hush()

    def _hush(self) -> None:
        if self._listener is not None:
            self._listener.kill()
            self._listener.wait(10)
            self._listener = None

    def play(self, path: Path, channels: int = 1) -> subprocess.Popen[bytes]:
        """Begin to play a file into the microphone."""
        command = ["paplay", "--device=vmic", *([f"--channel-map={FOUR}"] if channels == 4 else []), str(path)]
        return subprocess.Popen(command, env={**os.environ, **self.environment}, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End the daemon as a crash would."""
        self._hush()
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(10)

    def stop(self) -> None:
        self._hush()
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(10)
