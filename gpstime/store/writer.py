"""Batches on their way to the disk: what happens when it is full, read-only, forbidden or failing.

Nothing here raises into a run. A batch that the disk does not take waits in memory (bounded) and is tried again with the next one;
`state` and `why` say what is the matter, and `told` hears each change.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from gpstime.store.batches import ends_whole, pack
from gpstime.store.capture import encode_head
from gpstime.store.shelf import Appender, Segment, lock, segments
from gpstime.store.trouble import MEANWHILE, State, sentence, state_of

KEEP_FREE = 32 << 20
"""bytes of the disk that a record leaves to others: a full root file system stops more than a record"""
SMALL = 10
"""of a small disk, this part instead"""
SEGMENT = 4 << 20
BACKLOG = 4 << 20
"""bytes that may wait for a disk that takes nothing: a day or two of batches"""


class Writer:
    """One run's way to the disk. `run` is its number, None until the disk took its first batch."""

    def __init__(
        self,
        folder: Path,
        head: Mapping[str, object],
        ring_bytes: int,
        keep_free: int | None,
        told: Callable[[str], None],
    ) -> None:
        self._folder, self._head, self._ring, self._keep_free, self._told = folder, dict(head), ring_bytes, keep_free, told
        self.state, self.why = State.OK, ""
        self.run: int | None = None
        self.written = 0
        """bytes handed to the disk"""
        self.dropped = 0
        """batches that had to go because the disk took none for too long"""
        self._lock: int | None = None
        self._kept: Appender | None = None
        self._raw: Appender | None = None
        self._numbers = {False: 0, True: 0}
        self._old: deque[Segment] = deque()
        """segments of the ring, oldest first, without the one that is being written"""
        self._waiting: deque[tuple[bytes, bytes | None]] = deque()
        self.put(None)

    @property
    def ring_size(self) -> int:
        """Bytes of raw data on the disk."""
        return sum(segment.size for segment in self._old) + (self._raw.size if self._raw else 0)

    @property
    def waiting(self) -> int:
        """Batches that no disk has taken yet."""
        return len(self._waiting)

    def put(self, kept: bytes | None, raw: bytes | None = None) -> None:
        """Write a batch, after those that wait. Never raises for what a disk can do. None: only see whether the disk is there."""
        if kept is not None:
            self._waiting.append((kept, raw))
        try:
            self._still_there()
            self._open()
            while self._waiting:
                self._room()
                self._write(*self._waiting[0])
                self._waiting.popleft()
        except OSError as e:
            self._say(state_of(e), sentence(e, self._folder))
        else:
            self._say(State.OK, f"the record in {self._folder} is written again" if self.state is not State.OK else "")
        while sum(len(k) + len(r or b"") for k, r in self._waiting) > BACKLOG:
            oldest = next((i for i, (_, r) in enumerate(self._waiting) if r), None)
            if oldest is not None:  # raw bytes go before what is kept for good
                self._waiting[oldest] = (self._waiting[oldest][0], None)
                continue
            self._waiting.popleft()
            self.dropped += 1

    # ---- files -----------------------------------------------------------------------------------------------------------------

    def _still_there(self) -> None:
        """Begin anew, as a run of its own, where the files are gone or their folder is another one now."""
        if self._kept is not None and not self._kept.there():
            self._told(f"the record of run {self.run} was taken away from {self._folder}: it goes on there in new files")
            self._let_go()
            self.run, self._numbers = None, {False: 0, True: 0}

    def _open(self) -> None:
        if self._kept is not None:
            return
        os.makedirs(self._folder, 0o750, exist_ok=True)
        if self._lock is None:
            self._lock = lock(self._folder)
        if self.run is None:
            found = segments(self._folder)
            self._old = deque(segment for segment in found if segment.raw)
            self._look_at_the_end(found)
            self._room()
            run = found[-1].run + 1 if found else 1
            self._kept = self._segment(run, raw=False)
            self.run = run
        else:
            self._kept = self._segment(self.run, raw=False)

    def _segment(self, run: int, *, raw: bool) -> Appender:
        """A new segment with its head, which alone says whose it is."""
        self._numbers[raw] += 1
        file = Appender(self._folder, run, self._numbers[raw], raw=raw)
        head = pack([encode_head(**{**self._head, "run": run, "segment": self._numbers[raw]})])
        try:
            file.append(head, durable=not raw)
        except OSError:
            file.close()
            raise
        self.written += len(head)
        return file

    def _look_at_the_end(self, found: list[Segment]) -> None:
        last = next((segment for segment in reversed(found) if not segment.raw), None)
        if last is None or not last.size:
            return
        try:
            with open(last.path, "rb") as file:
                file.seek(max(last.size - 16, 0))
                whole = ends_whole(file.read())
        except OSError:  # another user's, or on a bad block: no reason not to write a file of our own
            return
        if not whole:
            self._told(
                f"the record of run {last.run} ends in the middle of a batch (the power was cut, or gpstime was killed): all "
                f"before it is whole, and this run starts a file of its own"
            )

    def _write(self, kept: bytes, raw: bytes | None) -> None:
        if raw is not None and self._ring:
            self._write_raw(raw)
            self._waiting[0] = (kept, None)  # not twice, should the kept part have to wait
        assert self._kept is not None
        if self._kept.broken or self._kept.size > SEGMENT:
            assert self.run is not None
            old, self._kept = self._kept, self._segment(self.run, raw=False)
            old.close()
        try:
            self._kept.append(kept, durable=True)
        except OSError as e:
            if e.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._forget():
                raise
            self._kept.append(kept, durable=True)
        self.written += len(kept)

    def _write_raw(self, raw: bytes) -> None:
        """Into the ring, without waiting for the device: what matters is in the kept part, whose sync often takes this along."""
        assert self.run is not None
        with contextlib.suppress(OSError):  # the ring is a convenience; the kept part, which follows, finds the same trouble
            while self._old and self.ring_size + len(raw) > self._ring:
                self._forget()
            if self._raw is not None and (self._raw.broken or self._raw.size > max(min(SEGMENT, self._ring // 16), 1 << 12)):
                self._end_raw()
            if self._raw is None:
                self._raw = self._segment(self.run, raw=True)
            self._raw.append(raw, durable=False)
            self.written += len(raw)

    def _end_raw(self) -> None:
        if self._raw is not None and self.run is not None:
            self._raw.close()
            self._old.append(Segment(self.run, self._numbers[True], True, self._raw.path, self._raw.size))
        self._raw = None

    # ---- trouble ---------------------------------------------------------------------------------------------------------------

    def _forget(self) -> bool:
        """Remove the oldest segment of the ring; False if there is none."""
        if not self._old:
            return False
        with contextlib.suppress(FileNotFoundError):
            self._old[0].path.unlink()
        self._old.popleft()
        return True

    def _room(self) -> None:
        """Raw bytes go before the disk is full."""
        while True:
            room = os.statvfs(self._folder)
            small = room.f_blocks * room.f_frsize // SMALL
            keep = min(KEEP_FREE, small) if self._keep_free is None else self._keep_free
            if room.f_bavail * room.f_frsize >= keep:
                return
            if not self._forget():
                raise OSError(errno.ENOSPC, f"less than {keep / (1 << 20):.0f} MB are free")

    def _say(self, state: State, why: str) -> None:
        if state is not self.state:
            self._told(why if state is State.OK else why + MEANWHILE)
        self.state, self.why = state, why if state is not State.OK else ""

    def close(self) -> None:
        """Let go of all files. What still waits is lost."""
        self._let_go()

    def _let_go(self) -> None:
        self._end_raw()
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = None
