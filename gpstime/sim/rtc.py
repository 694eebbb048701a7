"""A battery clock beside the board, as a second source of time."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.model import RtcReading
from gpstime.times import NS, RawNs, UtcTime


@dataclass(frozen=True, slots=True)
class SimRtc:
    """Read every `every_s` seconds. `ppm` its own frequency error (a DS3231SN's is below 0.7), `offset_s` ahead at the start.

    `edge`: the rollover of its seconds is found by polling, to +-`err_ns`; else it is just read, and shows whole seconds.
    `trusted` False: its oscillator has stopped since it was set.
    """

    ppm: float = 0.5
    offset_s: float = 0.0
    trusted: bool = True
    edge: bool = True
    every_s: int = 64
    err_ns: int = 175_000
    chip: str = "ds3231"

    def next_reading(self, k: int) -> tuple[int, int]:
        """(true ns, RTC seconds since its start) of the reading due in true second k."""
        rate = 1.0 + self.ppm * 1e-6
        ahead = round(self.offset_s * 1e9)
        t = k * NS + 3 * NS // 10
        shows = t + round(t * self.ppm * 1e-6) + ahead
        if not self.edge:
            return t, shows // NS
        whole = shows // NS + 1
        return t + round((whole * NS - shows) / rate), whole

    def reading(self, at: RawNs, whole: int, start_unix: int) -> RtcReading:
        shown = UtcTime.from_unix(start_unix + whole * NS)
        err = self.err_ns if self.edge else 0
        return RtcReading(at, shown, NS, err, self.edge, self.trusted, None, None, self.chip)
