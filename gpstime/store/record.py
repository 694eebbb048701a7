"""The record: every value of a run, kept for good, in batches that a card can live with.

It is a `ports.Sink` and never raises into the run. Events are written as lines of the open capture (`store.capture`); of the
receiver's bytes what was made of them is kept for good (`Heard`), the bytes themselves only in a ring, and only if one is wanted.
So a replay needs no bytes and gives, value for value, what the run found. A batch is one write and one sync at most every
`commit_s` seconds of the events' own clock: being killed costs what came since the last one, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gpstime.model import Epoch, Event, Finding, Heard, LabelChange, Offset, Rejected, SerialBytes
from gpstime.store.batches import pack
from gpstime.store.capture import Mark, encode, encode_mark
from gpstime.store.digest import THINKING, Digest
from gpstime.store.trouble import MEANWHILE, State
from gpstime.store.writer import Writer
from gpstime.times import NS, RawNs, UtcTime

COMMIT_S = 60.0
LARGEST = 1 << 20
"""characters after which a batch is written although its time has not come: a storm must not fill the memory"""
REJECTS = 600
"""rejected sentences that a batch keeps: the wrong baud rate makes thousands of them, all alike"""

_EVENTS = frozenset(kind.__name__ for kind in Event.__args__)


class Record:
    """A sink that keeps. `folder` is made if need be; `head` says what the run is (board, host, started_utc, tool, boot,
    not_before, noise: what a replay needs to know); `ring_bytes` 0 keeps no raw bytes; `told` hears sentences for people.

    `state` and `why` say whether the disk takes it. `close()` writes what is left.
    """

    def __init__(
        self,
        folder: str | Path,
        head: Mapping[str, object],
        *,
        commit_s: float = COMMIT_S,
        ring_bytes: int = 0,
        keep_free: int | None = None,
        told: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._commit_ns = round(commit_s * NS)
        self._ringing = ring_bytes > 0
        self._writer = Writer(Path(folder), head, ring_bytes, keep_free, told)
        self._digest = Digest()
        self._kept: list[str] = []
        self._raw: list[str] = []
        self._size = 0
        self._began: RawNs | None = None
        self._last = RawNs(0)
        self._batch = self._lines = self._chunks = self._rejects = self._unkept = 0
        self._anchor: tuple[RawNs, UtcTime] | None = None
        self._withdrawals = 0
        self._closed = False
        self.leap_held: Callable[[], bool] = lambda: False
        """Whether the receiver's leap second count is unverified: asked for each batch, so that the next run knows."""

    @property
    def state(self) -> State:
        return self._writer.state

    @property
    def why(self) -> str:
        """A sentence for people where the state is not ok."""
        return self.trouble and self.trouble + MEANWHILE

    @property
    def trouble(self) -> str:
        """The same for who waits for the disk, such as an import."""
        return self._writer.why

    @property
    def facts(self) -> dict[str, Any]:
        """For a status: state, why, run, bytes written, size of the ring, batches that wait and that had to go."""
        w = self._writer
        return {
            "state": w.state.value,
            "why": self.why,
            "run": w.run,
            "written_bytes": w.written,
            "ring_bytes": w.ring_size,
            "waiting": w.waiting,
            "dropped": w.dropped,
        }

    def __call__(self, value: Event | Finding) -> None:
        if type(value).__name__ in _EVENTS:
            self._event(value)  # type: ignore[arg-type] # _EVENTS are the names of the members of Event
            return
        self._digest.add(value)
        if isinstance(value, Epoch):
            self._keep(Heard(value.at, value))
        elif isinstance(value, Rejected):
            if value.source not in THINKING:
                self._reject(value)
        elif isinstance(value, Offset):
            if value.second is not None:
                self._anchor = (value.at, value.second)
        elif isinstance(value, LabelChange) and value.withdrawn:
            self._withdrawals, self._anchor = self._withdrawals + 1, None

    def _event(self, event: Event) -> None:
        if self._began is None:
            self._began = event.at
        elif abs(event.at - self._began) >= self._commit_ns or self._size > LARGEST:
            # between two events, so that all findings of the last one are in; a raw clock that jumped back starts a batch too
            self.commit()
            self._began = event.at
        self._last = event.at
        if isinstance(event, SerialBytes):
            self._chunks += 1
            if self._ringing:
                line = f'{encode(event)[:-1]},"i":{self._lines}}}'
                self._raw.append(line)
                self._size += len(line)
        elif not isinstance(event, Heard):  # the epoch in it comes by as a finding
            self._keep(event)

    def _reject(self, rejected: Rejected) -> None:
        # one of these tells the pairing that the receiver starts cold: never left out
        if self._rejects >= REJECTS and rejected.reason not in ("no-date", "no-time"):
            self._unkept += 1
            return
        self._rejects += 1
        self._keep(Heard(rejected.at, rejected))

    def _keep(self, event: Event) -> None:
        try:
            line = encode(event)
        except ValueError:  # NaN from a sensor is no JSON
            self._unkept += 1
            return
        self._kept.append(line)
        self._lines += 1
        self._size += len(line)

    def commit(self) -> None:
        """Write what has come since the last commit, if anything has."""
        if not self._kept and not self._raw:
            return
        self._batch += 1
        mark = Mark(
            self._last,
            self._batch,
            self._lines,
            self._chunks,
            self._unkept,
            self._digest.count,
            self._digest.crc,
            self._withdrawals,
            int(self.leap_held()),
            self._anchor,
        )
        raw = pack([*self._raw, encode_mark(Mark(self._last, self._batch, chunks=self._chunks))]) if self._raw else None
        self._writer.put(pack([*self._kept, encode_mark(mark)]), raw)
        self._kept, self._raw, self._size = [], [], 0
        self._began, self._rejects = None, 0
        self._anchor = None

    def close(self) -> None:
        """Write what is left, and let go of the files. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.commit()
            self._writer.close()
