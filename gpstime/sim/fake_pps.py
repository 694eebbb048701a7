"""A made-up kernel's pulses: /sys/class/pps and /dev in a folder, and the calls that `drivers/pps_kernel` makes of them.

Follows drivers/pps of the kernel: fetching waits for the *next* event whatever happened before, in whole ticks of its timer;
sequence numbers count what was captured; setting parameters needs CAP_SYS_TIME; a removed device is silent for those who hold it.
Edges become known at `at` on the raw clock (`time`); a wait moves that clock, so nothing sleeps unless the clock given does.
"""

from __future__ import annotations

import errno
import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from gpstime.ports import Timebase
from gpstime.times import NS, RawNs, UnixNs

CAPTURE_ASSERT, CAPTURE_CLEAR = 0x01, 0x02
_GPIO = 0x1151
"""What pps-gpio offers without clear edges: assert with offset and echo, waiting, timespecs."""
_GPIO_CLEAR = 0x00A2
_HZ = 250
_TIME_INVALID = 1
_POINTER = struct.calcsize("P")


def _number(direction: int, nr: int) -> int:
    """An ioctl number as <asm-generic/ioctl.h> makes it; <linux/pps.h> gives it pointer types, so the size is a pointer's."""
    return direction << 30 | _POINTER << 16 | ord("p") << 8 | nr


GETPARAMS, SETPARAMS, GETCAP, FETCH = _number(2, 0xA1), _number(1, 0xA2), _number(2, 0xA3), _number(3, 0xA4)
_PARAMS = struct.Struct("@iiqiIqiI")
_FETCHED = struct.Struct("@IIqiIqiIiqiI")


class StampedEdge(NamedTuple):
    """An edge that the kernel sees at `at` and stamps with `stamp` of its CLOCK_REALTIME."""

    at: RawNs
    stamp: UnixNs
    edge: Literal["assert", "clear"] = "assert"


class FakePulse:
    """One pulse device. `forbidden`: opening it is refused; `frozen`: clear edges are counted, their stamp never changes."""

    def __init__(self, node: str, name: str, path: str, mode: int, edges: Iterable[StampedEdge]) -> None:
        self.node, self.name, self.path = node, name, path
        self.capability = self.mode = mode
        self.offset_ns = {"assert": 0, "clear": 0}
        self.forbidden = self.frozen = self.pulled = False
        self.seq = {"assert": 0, "clear": 0}
        self.stamp = {"assert": 0, "clear": 0}
        self.events = 0
        self._edges: Iterator[StampedEdge] = iter(edges)
        self._ahead: deque[StampedEdge] = deque()

    def plug(self, edges: Iterable[StampedEdge]) -> None:
        """From now on these edges arrive, after those given before."""
        self._edges = chain(self._edges, edges)

    def due(self) -> RawNs | None:
        """When the next edge arrives."""
        if not self._ahead:
            self._ahead.extend(edge for edge in (next(self._edges, None),) if edge is not None)
        return self._ahead[0].at if self._ahead else None

    def arrive(self, now: RawNs) -> None:
        """What has arrived by now has been handled by the kernel."""
        while (due := self.due()) is not None and due <= now:
            edge = self._ahead.popleft()
            bit = CAPTURE_ASSERT if edge.edge == "assert" else CAPTURE_CLEAR
            if self.pulled or not self.mode & bit:
                continue
            self.seq[edge.edge] += 1
            self.events += 1
            if not (self.frozen and edge.edge == "clear" and self.stamp["clear"]):
                self.stamp[edge.edge] = edge.stamp + self.offset_ns[edge.edge]


class FakePps:
    """All pulse devices of a machine whose / is `root`."""

    def __init__(self, root: Path, time: Timebase, privileged: bool = False) -> None:
        self.sysfs, self.dev = root / "sys/class/pps", root / "dev"
        self.sysfs.mkdir(parents=True, exist_ok=True)
        self.dev.mkdir(parents=True, exist_ok=True)
        self._time, self._privileged = time, privileged
        self.pulses: dict[str, FakePulse] = {}
        self._by_inode: dict[int, FakePulse] = {}

    def add(
        self, name: str, edges: Iterable[StampedEdge] = (), *, path: str = "", clear: bool = False, node: str | None = None
    ) -> FakePulse:
        """A device as a driver of this `name` registers it (pps@12.-1, ptp0, ttyUSB0), under the first free number."""
        if node is None:
            node = next(f"pps{n}" for n in range(16) if f"pps{n}" not in self.pulses)
        pulse = FakePulse(node, name, path, _GPIO | (_GPIO_CLEAR if clear else 0), edges)
        pulse.arrive(self._time.now())
        self.pulses[node] = pulse
        (self.dev / node).touch()
        self._by_inode[(self.dev / node).stat().st_ino] = pulse
        (self.sysfs / node).mkdir()
        self.refresh()
        return pulse

    def remove(self, pulse: FakePulse) -> None:
        """The driver lets go of it (an unplugged adapter): the node is gone, and whoever holds it open hears nothing any more."""
        self.refresh()
        pulse.pulled = True
        del self.pulses[pulse.node]
        (self.dev / pulse.node).unlink()
        for file in (self.sysfs / pulse.node).iterdir():
            file.unlink()
        (self.sysfs / pulse.node).rmdir()

    def refresh(self) -> None:
        """Bring every pulse, and the files that show it, up to now."""
        for node, pulse in self.pulses.items():
            pulse.arrive(self._time.now())
            shown = {"name": pulse.name, "path": pulse.path, "mode": f"{pulse.capability:4x}", "echo": "0"}
            for edge, bit in (("assert", CAPTURE_ASSERT), ("clear", CAPTURE_CLEAR)):
                second, ns = divmod(pulse.stamp[edge], NS)
                shown[edge] = f"{second}.{ns:09d}#{pulse.seq[edge]}" if pulse.capability & bit else ""
            for file, text in shown.items():
                (self.sysfs / node / file).write_text(text + "\n" if text or file in ("name", "path") else "")

    def next_due(self) -> RawNs | None:
        """When the next edge of any device arrives."""
        return min((due for pulse in self.pulses.values() if (due := pulse.due()) is not None), default=None)

    # ---- a Timebase under which the files tick ---------------------------------------------------------------------------------

    def now(self) -> RawNs:
        return self._time.now()

    def sleep(self, seconds: float) -> None:
        """Time passes, and the files show what happened."""
        self._time.sleep(seconds)
        self.refresh()

    # ---- the calls ---------------------------------------------------------------------------------------------------------------

    def open(self, path: str, flags: int) -> int:
        pulse = self.pulses.get(os.path.basename(path))
        if pulse is not None and pulse.forbidden:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return os.open(path, flags)

    def ioctl(self, fd: int, request: int, arg: bytearray) -> int:
        """What ioctl(2) does with a node opened by `open`."""
        pulse = self._by_inode.get(os.fstat(fd).st_ino)
        if pulse is None:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        if request == FETCH:
            self._fetch(pulse, arg)
        elif request == GETCAP:
            struct.pack_into("@i", arg, 0, pulse.capability)
        elif request == GETPARAMS:
            off = (divmod(pulse.offset_ns[edge], NS) for edge in ("assert", "clear"))
            (a, a_ns), (c, c_ns) = off
            _PARAMS.pack_into(arg, 0, 1, pulse.mode, a, a_ns, 0, c, c_ns, 0)
        elif request == SETPARAMS:
            self._set(pulse, arg)
        else:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        return 0

    def _set(self, pulse: FakePulse, arg: bytearray) -> None:
        if not self._privileged:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        _, mode, a, a_ns, _, c, c_ns, _ = _PARAMS.unpack_from(arg)
        if not mode & (CAPTURE_ASSERT | CAPTURE_CLEAR) or mode & ~pulse.capability:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        pulse.mode = mode
        pulse.offset_ns = {"assert": a * NS + a_ns, "clear": c * NS + c_ns}

    def _fetch(self, pulse: FakePulse, arg: bytearray) -> None:
        if len(arg) < _FETCHED.size:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        *_, seconds, nanoseconds, flags = _FETCHED.unpack_from(arg)
        pulse.arrive(self._time.now())
        seen = pulse.events
        ticks = seconds * _HZ + nanoseconds // (NS // _HZ)
        end = None if flags & _TIME_INVALID else self._time.now() + ticks * NS // _HZ
        while (end is None or ticks) and pulse.events == seen:
            due = pulse.due()
            assert due is not None or end is not None, "this fetch would wait for ever"
            until = min(t for t in (due, end) if t is not None)
            self._time.sleep(max(0, until - self._time.now()) / NS)
            pulse.arrive(self._time.now())
            if end is not None and pulse.events == seen and self._time.now() >= end:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        (a, a_ns), (c, c_ns) = divmod(pulse.stamp["assert"], NS), divmod(pulse.stamp["clear"], NS)
        seq = pulse.seq
        _FETCHED.pack_into(arg, 0, seq["assert"], seq["clear"], a, a_ns, 0, c, c_ns, 0, pulse.mode, seconds, nanoseconds, flags)
