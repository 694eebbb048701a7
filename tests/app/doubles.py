"""Small doubles for the live world: a clock that a test moves, inputs that follow a script."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gpstime.model import SerialBytes
from gpstime.ports import EdgeStamp, Together
from gpstime.times import NS, RawNs, UnixNs

START = 50 * NS
UNIX_APART = 1_800_000_000 * NS


class VirtualTime:
    """Fits `ports.Timebase` and `ports.Clocks`: moves by sleeping and by `move`, nothing else."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []

    def now(self) -> RawNs:
        return RawNs(self.at)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += round(seconds * NS)

    def move(self, seconds: float) -> None:
        self.at += round(seconds * NS)

    def read(self) -> Together:
        return Together(RawNs(self.at), UnixNs(self.at + UNIX_APART), self.at, 50)


class Scripted:
    """An input that gives what the script says: a value, or an exception to raise; then None for ever."""

    def __init__(self, script: Iterable[object], name: str = "/dev/double") -> None:
        self.name = name
        self.script = deque(script)
        self.closed = 0

    def _next(self) -> object:
        step = self.script.popleft() if self.script else None
        if isinstance(step, BaseException):
            raise step
        return step

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        return self._next()  # type: ignore[return-value]

    def read(self, timeout_s: float) -> SerialBytes | None:
        return self._next()  # type: ignore[return-value]

    def write(self, data: bytes) -> None:
        raise AssertionError("nothing writes to a receiver")

    def close(self) -> None:
        self.closed += 1
