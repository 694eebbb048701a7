"""A made-up machine's GPIO chips, as the Python module `gpiod` 2.x shows them: an instance of `FakeGpiod` stands in for the module.

Models wiring: edges arrive at a line of a chip, whoever listens. Refuses what libgpiod and the kernel refuse, in their words
(compared with gpiod 2.5.0). Edges are known at `at` on the raw clock; waiting moves that clock (`time`).
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from gpstime.ports import Timebase
from gpstime.sim.gpiod_words import (
    ChipClosedError,
    Clock,
    Direction,
    Edge,
    EdgeEvent,
    EventType,
    LineSettings,
    RequestReleasedError,
)
from gpstime.times import NS, RawNs


class WiredEdge(NamedTuple):
    """An edge handled at `at`; `mono` and `real` are the clocks of its interrupt."""

    at: RawNs
    mono: int
    real: int
    rising: bool = True


@dataclass
class FakeLine:
    """`consumer`: who holds it ("" for nobody); `stuck_debounce`: a debounce that others left behind."""

    name: str = ""
    consumer: str = ""
    edges: deque[WiredEdge] = field(default_factory=deque)
    stuck_debounce: timedelta = timedelta()


@dataclass
class FakeChip:
    name: str
    label: str
    lines: list[FakeLine]
    forbidden: bool = False
    pulled: bool = False


def _refuse(code: int, *more: str) -> OSError:
    return OSError(code, os.strerror(code), *more)


class FakeGpiod:
    """`ignores_clock`: always stamps on this clock, whatever is asked for (libgpiod's Python bindings before 2024 did)."""

    __version__ = "2.5.0"
    LineSettings, ChipClosedError, RequestReleasedError = LineSettings, ChipClosedError, RequestReleasedError
    line = SimpleNamespace(Direction=Direction, Edge=Edge, Clock=Clock)
    EdgeEvent = SimpleNamespace(Type=EventType)

    def __init__(self, dev: Path, time: Timebase, ignores_clock: Clock | None = None) -> None:
        self.dev, self.time, self.ignores_clock = dev, time, ignores_clock
        self.chips: dict[str, FakeChip] = {}
        dev.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, label: str, lines: int = 54) -> FakeChip:
        """A chip, like gpiochip0 with the label pinctrl-bcm2711."""
        chip = FakeChip(name, label, [FakeLine(f"GPIO{n}") for n in range(lines)])
        self.chips[os.path.realpath(self.dev / name)] = chip
        (self.dev / name).touch()
        return chip

    def wire(self, chip: FakeChip, offset: int, edges: Iterable[WiredEdge]) -> None:
        chip.lines[offset].edges.extend(edges)

    def is_gpiochip_device(self, path: str) -> bool:
        return os.path.realpath(path) in self.chips

    def Chip(self, path: str) -> _OpenChip:
        if not os.path.exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        chip = self.chips.get(os.path.realpath(path))
        if chip is None:
            raise _refuse(errno.ENODEV if Path(path).is_char_device() else errno.ENOTTY)
        if chip.forbidden:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return _OpenChip(self, chip)

    def request_lines(self, path: str, config: dict[int, Any], consumer: str | None = None, **more: Any) -> _Request:
        with self.Chip(path) as chip:
            return chip.request_lines(config, consumer, **more)


class _OpenChip:
    def __init__(self, module: FakeGpiod, chip: FakeChip) -> None:
        self._module, self._chip, self._open = module, chip, True

    def __enter__(self) -> _OpenChip:
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def close(self) -> None:
        self._open = False

    def _checked(self, offset: int) -> FakeLine:
        if not self._open:
            raise ChipClosedError
        if offset >= len(self._chip.lines):
            raise ValueError("line offset of out range")
        return self._chip.lines[offset]

    def get_info(self) -> SimpleNamespace:
        if not self._open:
            raise ChipClosedError
        return SimpleNamespace(name=self._chip.name, label=self._chip.label, num_lines=len(self._chip.lines))

    def get_line_info(self, offset: int) -> SimpleNamespace:
        line = self._checked(offset)
        debounce = line.stuck_debounce
        return SimpleNamespace(
            offset=offset,
            name=line.name,
            used=bool(line.consumer),
            consumer=line.consumer,
            debounced=bool(debounce),
            debounce_period=debounce,
        )

    def request_lines(
        self, config: dict[int, LineSettings], consumer: str | None = None, event_buffer_size: int | None = None
    ) -> _Request:
        [(offset, settings)] = config.items()
        line = self._checked(offset)
        if line.consumer:
            raise _refuse(errno.EBUSY)
        if settings.edge_detection is not Edge.NONE and settings.direction is not Direction.INPUT:
            raise _refuse(errno.EINVAL)  # the kernel: edge detection requires explicit input
        if settings.event_clock is Clock.HTE:
            raise _refuse(errno.EOPNOTSUPP)
        line.consumer = consumer or "?"
        return _Request(self._module, self._chip, offset, settings, event_buffer_size or 16)


class _Request:
    """The kernel's side of one held line: a buffer that forgets the oldest events when it is full."""

    def __init__(self, module: FakeGpiod, chip: FakeChip, offset: int, settings: LineSettings, room: int) -> None:
        self._module, self._chip, self._offset, self._settings = module, chip, offset, settings
        self._line = chip.lines[offset]
        self._buffer: deque[EdgeEvent] = deque(maxlen=room)
        self._seq = 0
        self._released = False
        while self._line.edges and self._line.edges[0].at <= module.time.now():
            self._line.edges.popleft()  # nobody listened

    def release(self) -> None:
        self._alive()
        self._released, self._line.consumer = True, ""

    def _alive(self) -> None:
        if self._released:
            raise RequestReleasedError

    def _arrive(self) -> None:
        wanted, late = self._settings.edge_detection, int(self._settings.debounce_period / timedelta(microseconds=1)) * 1000
        clock = self._module.ignores_clock or self._settings.event_clock
        while self._line.edges and self._line.edges[0].at + late <= self._module.time.now():
            edge = self._line.edges.popleft()
            rising = edge.rising is not self._settings.active_low
            if wanted is Edge.BOTH or wanted is (Edge.RISING if rising else Edge.FALLING):
                self._seq += 1
                kind = EventType.RISING_EDGE if rising else EventType.FALLING_EDGE
                stamp = late + (edge.real if clock is Clock.REALTIME else edge.mono)
                self._buffer.append(EdgeEvent(kind, stamp, self._offset, self._seq, self._seq))

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        self._alive()
        time = self._module.time
        end = None if timeout is None else time.now() + round(timeout * NS)
        while True:
            self._arrive()
            if self._buffer or self._chip.pulled:
                return True
            due = self._line.edges[0].at if self._line.edges else None
            assert due is not None or end is not None, "this would wait for ever"
            until = min(t for t in (due, end) if t is not None)
            if end is not None and time.now() >= end:
                return False
            time.sleep(max(1, until - time.now()) / NS)

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        self._alive()
        self._arrive()
        if self._chip.pulled:
            raise _refuse(errno.ENODEV)
        assert self._buffer, "this would wait for ever"
        n = min(len(self._buffer), max_events or len(self._buffer))
        return [self._buffer.popleft() for _ in range(n)]


def old_gpiod() -> SimpleNamespace:
    """The shape of gpiod 1.x (apt's python3-libgpiod before Debian 13)."""
    return SimpleNamespace(Chip=object, Line=object, LINE_REQ_EV_BOTH_EDGES=6, LINE_REQ_DIR_IN=1, version_string=lambda: "1.6.3")


def other_gpiod() -> SimpleNamespace:
    """The shape of the package of the same name that follows libgpiod's C++ names (chip, line_request in small letters)."""
    return SimpleNamespace(chip=object, line=object, line_bulk=object, line_request=object, make_chip_iter=object)
