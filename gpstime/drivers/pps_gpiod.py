"""A pulse on a GPIO line through gpiod 2.x: line events with the kernel's own stamp. The chip is found by its label (P11, P27).

Events are asked for on CLOCK_MONOTONIC, which nobody steps; since some versions of the library ignore that wish, the first event
tells which clock it really was. Never debounced: that delays every edge by as many milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import Clocks, EdgeStamp
from gpstime.times import NS

DEV = Path("/dev")
HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""The chip of the 40-pin header by board: Pi 5, Pi 4, all before."""
EVENTS = 64
"""Of the kernel's buffer: a minute of both edges."""
SAME_CLOCK_NS = 600 * NS
"""How old an event may be that is told to be on a clock: MONOTONIC and REALTIME are decades apart."""


class LineTaken(DeviceBusy):
    """`consumer`: who holds the line, in the kernel's words."""

    def __init__(self, text: str, consumer: str) -> None:
        super().__init__(text)
        self.consumer = consumer

    @property
    def by_kernel_pps(self) -> bool:
        """The kernel's own pulse driver has it: so /dev/ppsN has the pulse."""
        return self.consumer.lower().startswith("pps")


@dataclass(frozen=True, slots=True)
class GpioChip:
    path: str
    label: str
    lines: int


def load() -> Any:
    """The module `gpiod`, if it is the one of libgpiod 2.x; DeviceError that tells which one it is and what to install."""
    try:
        module = importlib.import_module("gpiod")
    except ImportError as error:
        raise DeviceMissing(
            f"the Python module gpiod can't be imported ({error}): pip install 'gpstime-pi[gpiod]', or on Debian 13 "
            "apt install python3-libgpiod."
        ) from None
    return checked(module)


def checked(module: Any) -> Any:
    """The module itself if it has the shape of 2.x. Three packages share this name."""
    if hasattr(module, "request_lines") and hasattr(module, "LineSettings"):
        return module
    version = getattr(module, "__version__", "") or (module.version_string() if hasattr(module, "version_string") else "1.x")
    if hasattr(module, "line_request"):
        which = "the package python3-gpiod of another author, made after libgpiod's C++ names"
    elif hasattr(module, "LINE_REQ_EV_BOTH_EDGES") or hasattr(module, "Chip"):
        which = f"gpiod {version}, older than 2.0"
    else:
        which = "not libgpiod's"
    raise DeviceError(
        f"the Python module gpiod that is installed here is {which}: pip install 'gpiod>=2' into the environment of gpstime."
    )


def chips(gpiod: Any, dev: Path = DEV) -> list[GpioChip]:
    """Every chip that may be opened, each once (on a Pi 5 gpiochip4 may be another name of gpiochip0)."""
    found: dict[str, GpioChip] = {}
    forbidden = ""
    for place in sorted(dev.glob("gpiochip*"), key=lambda p: int(re.sub(r"\D", "", p.name) or 0)):
        path = os.path.realpath(place)
        if path in found:
            continue
        try:
            with gpiod.Chip(path) as chip:
                about = chip.get_info()
        except PermissionError:
            forbidden = path
        except OSError:
            continue
        else:
            found[path] = GpioChip(path, about.label, about.num_lines)
    if forbidden and not found:
        raise DeviceForbidden(f"{forbidden}: permission denied. Join its group: sudo usermod -aG gpio $USER, then log in again.")
    return list(found.values())


def chip_by_label(gpiod: Any, label: str = "auto", dev: Path = DEV) -> GpioChip:
    """The chip of this label (or path); "auto" is the one of the header. DeviceMissing that lists what there is."""
    known = chips(gpiod, dev)
    wanted = HEADER_LABELS if label == "auto" else (label,)
    for name in wanted:
        for chip in known:
            if name == chip.label or os.path.realpath(name) == chip.path:
                return chip
    there = ", ".join(f"{chip.label} ({chip.path})" for chip in known) or "none at all"
    missing = "the chip of a Raspberry Pi's header was not found" if label == "auto" else f"no GPIO chip has the label {label}"
    raise DeviceMissing(f"{missing}; there are: {there}. Chips go by label, since their numbers change with the kernel.")


def consumer(gpiod: Any, line: int, chip: str = "auto", dev: Path = DEV) -> str:
    """Who holds a line, in the kernel's words; empty for nobody, or for somebody who gives no name."""
    with gpiod.Chip(chip_by_label(gpiod, chip, dev).path) as found:
        about = found.get_line_info(line)
        return str(about.consumer or "") if about.used else ""


class PpsGpiod:
    """One line, both edges. Fits `ports.PpsInput`. Rising is assert. `missed`: events that the kernel's buffer had no room for."""

    def __init__(self, line: int, clocks: Clocks, *, chip: str = "auto", gpiod: Any = None, dev: Path = DEV) -> None:
        self._gpiod = gpiod = load() if gpiod is None else checked(gpiod)
        found = chip_by_label(gpiod, chip, dev)
        self.name = f"GPIO{line} of {found.label} through gpiod"
        self.missed = 0
        self._line, self._clocks, self._path = line, clocks, found.path
        self._native: Literal["mono", "real"] | None = None
        self._events: deque[Any] = deque()
        self._seq = 0
        self._notes: list[str] = []
        if line >= found.lines:
            raise DeviceMissing(f"{found.label} has no line {line}, only 0 to {found.lines - 1}: pulse.line is the GPIO's number.")
        self._request: Any = self._requested()

    def _requested(self) -> Any:
        gpiod = self._gpiod
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.INPUT,
            edge_detection=gpiod.line.Edge.BOTH,
            event_clock=gpiod.line.Clock.MONOTONIC,
        )
        try:
            with gpiod.Chip(self._path) as chip:
                before = chip.get_line_info(self._line)
                if before.used:
                    raise self._taken(before.consumer)
                try:
                    request = chip.request_lines({self._line: settings}, consumer="gpstime", event_buffer_size=EVENTS)
                except OSError as error:
                    if error.errno == errno.EBUSY:
                        raise self._taken(chip.get_line_info(self._line).consumer) from None
                    raise
                now = chip.get_line_info(self._line)
        except PermissionError:
            raise DeviceForbidden(
                f"{self._path}: permission denied. Join its group: sudo usermod -aG gpio $USER, then log in again."
            ) from None
        except OSError as error:
            raise DeviceMissing(f"{self.name} can't be had ({error.strerror}).") from None
        if now.debounced:
            request.release()
            raise DeviceError(f"{self.name} is debounced, which makes every edge late by {now.debounce_period}: switch that off.")
        return request

    def _taken(self, consumer: str) -> LineTaken:
        who = f"by {consumer!r}" if consumer else "by a driver that gives no name"
        held = LineTaken(f"{self.name} is in use {who}: stop what holds it, or name another line (pulse.line).", consumer)
        if held.by_kernel_pps:
            return LineTaken(f"{self.name} belongs to the kernel's pulse driver ({consumer}): use its /dev/ppsN.", consumer)
        return held

    def notes(self) -> list[str]:
        """Sentences for people since the last call."""
        said, self._notes = self._notes, []
        return said

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """See `ports.PpsInput`. DeviceError when its stamps are on no clock that this machine has."""
        if self._request is None:
            raise DeviceMissing(f"{self.name} was closed.")
        if not self._events:
            try:
                if not self._request.wait_edge_events(max(0.0, timeout_s)):
                    return None
                self._events.extend(self._request.read_edge_events())
            except InterruptedError:
                return None
            except OSError as error:
                raise DeviceMissing(f"{self.name} is gone ({error.strerror}).") from None
        event = self._events.popleft()
        if self._native is None:
            self._native = self._clock_of(event.timestamp_ns)
        if self._seq:
            self.missed += max(0, event.line_seqno - self._seq - 1)
        self._seq = event.line_seqno
        rising = event.event_type == self._gpiod.EdgeEvent.Type.RISING_EDGE
        return EdgeStamp(self._native, event.timestamp_ns, "assert" if rising else "clear", event.line_seqno, "gpio")

    def _clock_of(self, stamp: int) -> Literal["mono", "real"]:
        """Which clock the first stamp is on, whatever was asked for (P27)."""
        now = self._clocks.read()
        off_mono, off_real = abs(now.mono_ns - stamp), abs(now.real - stamp)
        if min(off_mono, off_real) > SAME_CLOCK_NS:
            raise DeviceError(
                f"{self.name}: its stamps are on neither CLOCK_MONOTONIC nor CLOCK_REALTIME (off by {off_mono / NS:.0f} s and "
                f"{off_real / NS:.0f} s): use the kernel's pulse (dtoverlay=pps-gpio,gpiopin={self._line})."
            )
        if off_mono <= off_real:
            return "mono"
        self._notes.append(
            f"{self.name}: this version of gpiod stamps on CLOCK_REALTIME though CLOCK_MONOTONIC was asked for; taken as such."
        )
        return "real"

    def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            with contextlib.suppress(OSError):
                request.release()
