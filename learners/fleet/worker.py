"""The process that does one job: ``python -m selfcue.learners.fleet.worker JOB.json TRY PARENT_PID``.

It ends with its parent. What it found is in ``try-N/findings.json``, why it failed in ``try-N/error.json``; what it
prints goes where its starter says.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import sys
import traceback
from pathlib import Path

import msgspec

from selfcue import kin
from selfcue.errors import SelfcueError
from selfcue.learners.fleet.job import Job, write_whole
from selfcue.learners.fleet.task import Findings, findings_of, settings_for, task_class
from selfcue.process import Failure

FINDINGS, ERROR = "findings.json", "error.json"


def main(argv: list[str]) -> int:
    """Do the job (see the module); return the exit code."""
    kin.end_with_parent(int(argv[3]))
    faulthandler.enable()
    job = msgspec.json.decode(Path(argv[1]).read_bytes(), type=Job)
    work = Path(job.folder) / f"try-{int(argv[2])}"
    work.mkdir(parents=True, exist_ok=True)
    try:
        kind = task_class(job.task)
        found = findings_of(kind().run(Path(job.log), settings_for(kind, job.settings), work))
    except SelfcueError as error:
        return _fail(work, Failure(error.exit_code, str(error)))
    except Exception as error:  # noqa: BLE001 - the last line of defence
        traceback.print_exception(error)
        return _fail(work, Failure(1, f"{type(error).__name__}: {error} (a fault of the task)"))
    write_whole(work / FINDINGS, msgspec.json.encode(_with_memory(found)))
    return 0


def _with_memory(found: Findings) -> Findings:
    """Add the most memory that one process of this job held: what a machine must have for each worker."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 if sys.platform == "darwin" else 1024
    return msgspec.structs.replace(found, facts={**found.facts, "peak_mb": round(peak * unit / 1e6)})


def _fail(work: Path, failure: Failure) -> int:
    print(failure.line, file=sys.stderr)  # noqa: T201 - the log of the try
    write_whole(work / ERROR, msgspec.json.encode(failure))
    return failure.exit_code


if __name__ == "__main__":
    code = main(sys.argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the work is on disk: no library's threads may hang the end
