"""What a disk can do to a record, as states and as sentences that name the remedy."""

from __future__ import annotations

import enum
import errno
import os
from pathlib import Path

from gpstime.store.shelf import Busy


class State(enum.Enum):
    """Whether the record is being written."""

    OK = "ok"
    FULL = "full"
    READ_ONLY = "read-only"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    FAILING = "failing"


_STATES = {
    errno.ENOSPC: State.FULL,
    errno.EDQUOT: State.FULL,
    errno.EROFS: State.READ_ONLY,
    errno.EACCES: State.FORBIDDEN,
    errno.EPERM: State.FORBIDDEN,
}
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG)
_ELSEWHERE = "let record.folder be elsewhere"
MEANWHILE = "; measuring goes on, and what is not written yet waits in memory"
"""what a run adds to the sentence"""


def state_of(e: OSError) -> State:
    """The state that an error of the disk means."""
    return State.BUSY if isinstance(e, Busy) else _STATES.get(e.errno or 0, State.FAILING)


def sentence(e: OSError, folder: Path) -> str:
    """The same for people."""
    why = e.strerror or str(e)
    match state_of(e):
        case State.FULL:
            said = f"the disk of {folder} is full ({why}): make room, or {_ELSEWHERE}"
        case State.READ_ONLY:
            said = f"the file system of {folder} is read-only: mount it for writing, or {_ELSEWHERE}"
        case State.FORBIDDEN:
            said = f"user {os.getuid()} may not write to {e.filename or folder}: give it to that user, or {_ELSEWHERE}"
        case State.BUSY:
            said = f"{e}: end it, or {_ELSEWHERE}"
        case _ if e.errno in _NO_FOLDER:
            said = f"can't write to {folder}: no such folder can be made ({why}): see what is in its way, or {_ELSEWHERE}"
        case _:
            said = f"can't write to {folder}: {why}; the disk may be dying, look into dmesg"
    return said
