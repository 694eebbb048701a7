"""A port that finds its receiver's baud rate by listening (P9), and watches the line. Fits `ports.ByteInput`.

With `baud` None the rate is searched when the port is opened, and again when no sentence could be read for some seconds (a receiver
back at its factory's rate). While it searches, `read` gives nothing: what is heard at a wrong rate is no record of anything.
"""

from __future__ import annotations

from gpstime.core.baud import RATES, BaudSearch
from gpstime.core.line_watch import LineWatch
from gpstime.drivers.serial_port import SerialPort
from gpstime.model import SerialBytes
from gpstime.times import RawNs

SLICE_S = 0.2
_USB = ("ttyACM", "socket:")


class WatchedPort:
    """`port` with its line watched; `baud`: the rate that the user gave, None to find it."""

    def __init__(self, port: SerialPort, baud: int | None = None, rates: tuple[int, ...] = RATES) -> None:
        self.port = port
        self._given, self._rates = baud, rates
        self._search: BaudSearch | None = None
        self._watch: LineWatch | None = None
        self._said = ""
        self._notes: list[str] = []
        self._opened = -1
        self.settled = 0
        """How often the port became readable: opened at a rate that is given or of no account, or its rate found."""
        if baud is not None:
            port.baud = baud

    @property
    def name(self) -> str:
        return self.port.name

    @property
    def searching(self) -> bool:
        return self._search is not None

    @property
    def use(self) -> float | None:
        """Share of the line that the sentences fill; None: not known."""
        return None if self._watch is None else self._watch.use

    def open(self) -> None:
        self.port.open()

    def notes(self) -> list[str]:
        """Sentences for people since the last call."""
        said, self._notes = self.port.notes() + self._notes, []
        return said

    def read(self, timeout_s: float) -> SerialBytes | None:
        portion = self.port.read(timeout_s if self._search is None else min(timeout_s, SLICE_S))
        if self._watch is None or self._opened != self.port.reconnects:
            self._begin()
        watch = self._watch
        assert watch is not None
        if self._search is not None:
            return self._listen(self._search, portion, watch)
        if portion is not None:
            self._notes += watch.on_bytes(portion)
            if watch.wrong and self._given is None:
                self._start_search()
        return portion

    def _begin(self) -> None:
        """The port was opened (again), by whatever name: its receiver may speak another rate than before."""
        self._opened = self.port.reconnects
        rateless = any(mark in self.port.name for mark in _USB)
        self._watch = LineWatch(self.port.name, None if rateless else self.port.baud)
        if self._given is None and not rateless:
            self._start_search()
        else:
            self.settled += 1

    def _start_search(self) -> None:
        self._search = BaudSearch(self.port.baud, self._rates)

    def _listen(self, search: BaudSearch, portion: SerialBytes | None, watch: LineWatch) -> SerialBytes | None:
        at: RawNs = self.port.clock() if portion is None else portion.at
        if search.heard(at, b"" if portion is None else portion.data):
            self.port.baud = search.rate
        if not search.over:
            return None
        if search.why != self._said:
            self._said = search.why
            self._notes.append(f"{self.port.name}: {search.why}")
        if search.found is None:
            self._start_search()  # for ever: the receiver may get its power yet
            return None
        self._search = None
        self.settled += 1
        watch.baud = search.found
        watch.restart()
        return portion

    def write(self, data: bytes) -> None:
        self.port.write(data)

    def close(self) -> None:
        self.port.close()


def find_baud(port: SerialPort, rates: tuple[int, ...] = RATES) -> BaudSearch:
    """Listen at the rates, the port's own first, until one makes sense or all were tried (2.2 s each). Opens the port."""
    port.open()
    search = BaudSearch(port.baud, rates)
    while not search.over:
        portion = port.read(SLICE_S)
        if search.heard(port.clock() if portion is None else portion.at, b"" if portion is None else portion.data):
            port.baud = search.rate
    return search
