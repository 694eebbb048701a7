"""A month of a service without waiting: a made-up board's seconds, cheap enough that two and a half million of them end in minutes.

Once a second a pulse on a crystal that wanders, and an RMC sentence; besides what years bring: clocks read together, temperature,
bad and unknown sentences, lost pulses, receivers that go and come back with ever new words, a clock that is stepped every day.
Everything that `gpstime run` keeps between two events takes part, the record too; only threads and devices do not.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from gpstime.app.daemon import Telling
from gpstime.app.journal import Journal
from gpstime.app.notify import Notify
from gpstime.app.standing import Standing
from gpstime.core.engine import Engine
from gpstime.core.framing import xor
from gpstime.core.leap import BUILT_IN
from gpstime.core.line_watch import LineWatch
from gpstime.core.pulse_doctor import ReceiverListener
from gpstime.core.pulse_shape import PulseShape
from gpstime.model import DeviceFound, DeviceLost, Event, Note, PpsEdge, SerialBytes, Temperature, Tick
from gpstime.store.record import Record
from gpstime.times import DAY_S, NS, RawNs, UnixNs, UtcTime

START = UtcTime.civil(2026, 3, 1)
RAW = 10**11
PORT = "ttyAMA0"


def sentence(body: str) -> bytes:
    return f"${body}*{xor(body.encode()):02X}\r\n".encode()


def seconds(first: int, last: int) -> Iterator[list[Event]]:
    """The events of each second from `first` to below `last` after the start; the same in every run."""
    date, day = "", -1
    for k in range(first, last):
        if k // DAY_S != day:
            day = k // DAY_S
            date = "".join(reversed(UtcTime(START.day + day, 0).iso()[2:10].split("-")))
        minute, second = divmod(k % DAY_S, 60)
        # 1.9 ppm, a daily swing, and noise of some hundred ns
        at = RawNs(RAW + k * (NS + 1900) + round(3e6 * ((k / DAY_S * 2) % 2 - 1) ** 2) + (k * 2654435761 >> 9) % 601)
        shown = UnixNs(START.unix + k * NS + 5000 + day * NS)
        out: list[Event] = []
        if k % 4999:
            out.append(PpsEdge(at, shown, seq=k & 0xFFFF_FFFF, stamp=shown, native="real", err_ns=100))
        body = f"GNRMC,{minute // 60:02}{minute % 60:02}{second:02}.00,A,5212.1,N,01323.2,E,0.0,,{date},,,A"
        data = sentence(body)
        if k % 701 == 0:
            data = data[:20] + b"\xff" + data[20:]
        if k % 41 == 0:
            data += sentence(f"P{k % 100_000:05},1,2") + b"raspberrypi login: \r\n"
        out.append(SerialBytes(RawNs(at + 80_000_000), data, PORT))
        if k % 10 == 0:
            out.append(Tick(RawNs(at + 500_000_000), UnixNs(shown + 500_000_000), shown - START.unix, 50))
        if k % 60 == 0:
            out.append(Temperature(RawNs(at + 600_000_000), "cpu", 40 + k % 7 / 10))
        if k % 3600 == 1800:
            out.append(DeviceLost(RawNs(at + 700_000_000), "serial", f"/dev/ttyUSB{k} was unplugged"))
            out.append(DeviceFound(RawNs(at + 800_000_000), "serial", f"/dev/ttyUSB{k} is back"))
            out.append(Note(RawNs(at + 900_000_000), f"board: something that was never said before, {k}"))
        yield out


class Service:
    """What runs for years, in one thread: `live(first, last)` lets it see these seconds."""

    def __init__(self, folder: Path, commit_s: float = 60.0) -> None:
        self.engine = Engine(BUILT_IN.table)
        self.standing = Standing(self.engine, RawNs(RAW))
        self.log = io.StringIO()
        self.journal = Journal(self.standing, 3600, self.log, {})
        self.record = Record(folder, {"board": "made up"}, commit_s=commit_s, ring_bytes=4 << 20)
        self.line, self.shape = LineWatch(PORT, 9600), PulseShape("pulse")
        telling = Telling(Notify({}, lambda: 0), self.standing)
        self.sinks = [ReceiverListener(), self.record, self.standing, self.journal, telling]

    def live(self, first: int, last: int) -> None:
        on, sinks = self.engine.on, self.sinks
        for k, events in enumerate(seconds(first, last), first):
            for event in events:
                if type(event) is SerialBytes:
                    self.line.on_bytes(event)
                elif type(event) is PpsEdge and event.stamp is not None:
                    self.shape.on("assert", event.stamp)
                for sink in sinks:
                    sink(event)
                for finding in on(event)[0]:
                    for sink in sinks:
                        sink(finding)
            if k % 3600 == 0:  # somebody asks how it stands, and systemd's journal takes what was logged
                self.standing.as_object(RawNs(RAW + k * NS))
                self.log.seek(0)
                self.log.truncate()

    def close(self) -> None:
        self.record.close()


def weight(root: object) -> tuple[int, int]:
    """How many objects hang on this one, and their bytes: what a run keeps, without what all runs share (code and modules)."""
    seen: set[int] = {id(root)}
    waiting, size = [root], 0
    while waiting:
        one = waiting.pop()
        size += sys.getsizeof(one)
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, (type, FunctionType, ModuleType)):
                seen.add(id(other))
                waiting.append(other)
    return len(seen), size
