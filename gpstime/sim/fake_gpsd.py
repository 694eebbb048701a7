"""A gpsd on loopback that owns a simulated receiver: says in its JSON what gpsd would say of these bytes and pulses.

As gpsd 3.22 does (seen with the real one on a pty): after the first sentence of a burst a TOFF with the system clock at its first
byte, after the last one a TPV; a PPS report at each pulse; only to clients that asked with `?WATCH`.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, Event, PpsEdge, Rejected, SerialBytes
from gpstime.times import NS, RawNs, UnixNs, UtcTime

DEVICE = "/dev/ttyAMA0"
TALK_NS = 3_000_000
"""From the last byte that a report needs to the report."""
_RELEASE = "3.22"

Report = tuple[RawNs, dict[str, Any]]


def reports(events: Iterable[Event], shown: Callable[[RawNs], UnixNs], toff: bool = True) -> Iterator[Report]:
    """(raw instant, report) for what a world's receiver says; `shown` is the system clock at a raw instant."""
    nmea = Nmea()
    burst: Epoch | None = None
    last = RawNs(0)
    fix: bool | None = None
    for event in events:
        if burst is not None and event.at - last > NS // 20:
            yield RawNs(last + TALK_NS), _tpv(burst, fix)
            burst, fix = None, None
        if isinstance(event, PpsEdge) and event.edge == "assert":
            real = round(event.shown / NS)  # gpsd guesses the second from the clock and the last sentence
            yield RawNs(event.at + TALK_NS), _stamped("PPS", real * NS, event.shown) | {"precision": -20}
        if not isinstance(event, SerialBytes):
            continue
        last = event.at
        for found in nmea.feed(event.data, event.at):
            if isinstance(found, Rejected):
                if found.reason == "no-time" and burst is None:
                    yield RawNs(event.at + TALK_NS), {"class": "TPV", "device": DEVICE, "mode": 1}
                continue
            fix = found.fix if found.fix is not None else fix
            if burst is None:
                burst = found
                if toff and found.valid:
                    stamped = _stamped("TOFF", found.second.unix, shown(found.burst_at))
                    yield RawNs(event.at + TALK_NS), stamped


def _stamped(kind: str, real: int, clock: int) -> dict[str, Any]:
    out: dict[str, Any] = {"class": kind, "device": DEVICE}
    for name, instant in (("real", real), ("clock", clock)):
        out |= {f"{name}_sec": instant // NS, f"{name}_nsec": instant % NS}
    return out


def _tpv(epoch: Epoch, fix: bool | None) -> dict[str, Any]:
    second: UtcTime = epoch.second
    return {"class": "TPV", "device": DEVICE, "mode": 3 if fix else 1, "time": second.iso(3), "ept": 0.005}


class FakeGpsd:
    """Listens on a port of loopback (0: a free one). `advance(now)` takes in clients and sends what is due; nothing runs by itself.

    `devices`: what it says that it reads; empty for a gpsd that was given no receiver.
    """

    def __init__(self, due: Iterable[Report], devices: tuple[str, ...] = (DEVICE,), port: int = 0) -> None:
        self._due = iter(due)
        self._next = next(self._due, None)
        self._devices = devices
        self._server = socket.create_server(("127.0.0.1", port))
        self.port: int = self._server.getsockname()[1]
        self._clients: dict[socket.socket, dict[str, Any]] = {}

    @property
    def next_due(self) -> RawNs | None:
        return None if self._next is None else self._next[0]

    def advance(self, now: RawNs) -> int:
        """The number of reports that were due."""
        self.greet()
        sent = 0
        while self._next is not None and self._next[0] <= now:
            self.send(self._next[1])
            self._next = next(self._due, None)
            sent += 1
        return sent

    def greet(self) -> None:
        """Let in who is at the door, and hear what the clients ask for."""
        while select.select([self._server], [], [], 0)[0]:
            client, _ = self._server.accept()
            self._clients[client] = {}
            self._tell(client, {"class": "VERSION", "release": _RELEASE, "rev": _RELEASE, "proto_major": 3, "proto_minor": 14})
        for client in select.select(list(self._clients), [], [], 0)[0] if self._clients else ():
            asked = client.recv(4096)
            if not asked:
                self._clients.pop(client)
                client.close()
            elif asked.startswith(b"?WATCH="):
                self._clients[client] = json.loads(asked[7:].rstrip(b";\r\n"))
                found = [{"class": "DEVICE", "path": path} for path in self._devices]
                self._tell(client, {"class": "DEVICES", "devices": found})
                self._tell(client, {"class": "WATCH", **self._clients[client]})

    def send(self, report: dict[str, Any]) -> None:
        """A report to those that asked for its kind."""
        wanted = "pps" if report["class"] in ("PPS", "TOFF") else "json"
        for client, watch in self._clients.items():
            if watch.get(wanted):
                self._tell(client, report)

    @staticmethod
    def _tell(client: socket.socket, report: dict[str, Any]) -> None:
        client.sendall(json.dumps(report, separators=(",", ":")).encode() + b"\r\n")

    def stop(self) -> None:
        """As if restarted: clients lose their connection, the door is shut."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._server.close()

    def close(self) -> None:
        self.stop()
