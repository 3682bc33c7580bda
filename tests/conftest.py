"""What holds for the whole suite: systems of two suites on one machine do not meet, and one thread computes."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# Two busy threads on a small machine are slower than one, and libraries read these once, when they load.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Processes that tests start inherit it: parallel runs of the suite, and a robot at work, stay apart.
os.environ["SELFCUE_DOMAIN"] = f"test-{os.getpid()}"
# No test is judged by the clock on the wall: a busy machine is no fault of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
# A shell that runs the suite in the background has it, and all that it starts, ignore Ctrl-C; tests send that signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
