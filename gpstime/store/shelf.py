"""The folder of a record: which files there are, whose they are, and how bytes get into them.

`run-000007-0001.jsonl.xz` is the first segment of what run 7 keeps for good, `run-000007-0001.bytes.jsonl.xz` the first of its ring
of raw bytes. Numbers and not dates: a board often does not know the date when it starts, and no name may come twice (P17).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"run-(\d{6,})-(\d{4,})(\.bytes)?\.jsonl\.xz")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file; in the order of these fields, so that a sorted list is in the order in which they were written."""

    run: int
    number: int
    raw: bool
    path: Path
    size: int


def segments(folder: Path) -> list[Segment]:
    """The files of the record in `folder`, oldest first; OSError if the folder can't be read."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if match := _NAME.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # forgotten by the ring since
                    if not entry.is_file():  # to open a pipe of that name would wait for ever
                        continue
                    found.append(Segment(int(match[1]), int(match[2]), bool(match[3]), Path(entry.path), entry.stat().st_size))
    return sorted(found)


class Busy(OSError):
    """Somebody else writes to this record."""


def lock(folder: Path) -> int:
    """The file descriptor that holds the right to write; Busy if another process has it. Dies with its process."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(fd, 20).decode("ascii", "replace").strip()
        os.close(fd)
        raise Busy(f"process {pid or 'unknown'} writes to the record in {folder}") from None
    except OSError:  # a file system that can't lock
        os.close(fd)
        raise
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


class Appender:
    """One new segment, to be appended to. `size` counts what is whole in it."""

    def __init__(self, folder: Path, run: int, number: int, *, raw: bool) -> None:
        self.path = folder / f"run-{run:06}-{number:04}{'.bytes' if raw else ''}.jsonl.xz"
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self.size = 0
        self.broken = False
        """True once a write failed half-way and could not be taken back: a new segment is needed."""

    def append(self, batch: bytes, *, durable: bool) -> None:
        """Write the batch, and wait for the device if `durable`. OSError, and then nothing of it is in the file if that could be
        helped (else `broken`)."""
        syncing = False
        try:
            done = 0
            while done < len(batch):
                done += os.write(self._fd, batch[done:])
            if durable:
                syncing = True
                os.fdatasync(self._fd)
                if not self.size:
                    self._sync_folder()
            else:
                # The kernel begins to write now: the bytes then go with the sync of the kept part that follows, where ext4 would
                # otherwise commit its journal a second time for them half a minute later (144 MB a day instead of 101).
                with contextlib.suppress(OSError):
                    os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            # what a failed sync left on the device nobody knows, so that segment is not gone on with
            self.broken = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
                self.broken = syncing
            raise
        self.size += len(batch)

    def there(self) -> bool:
        """Whether the file is still what its name leads to: somebody may have removed it, or mounted a disk over its folder."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        except OSError as e:
            return e.errno not in (errno.ENOENT, errno.ENOTDIR)

    def _sync_folder(self) -> None:
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let go of the file; an empty one is removed."""
        with contextlib.suppress(OSError):
            os.close(self._fd)
            if not self.size:
                self.path.unlink()
