"""gpsd's JSON: lines in, `Epoch | Rejected` out. No byte sequence raises; memory is bounded.

gpsd owns the receiver, and we have its word only. TOFF comes once a second and says when the first byte of the burst arrived: its
line is stamped with that instant by `drivers/gpsd`, and names the second. TPV says whether there is a fix. It names no second: it
comes when gpsd has read the whole burst, which may be after the next pulse, and nobody could tell. (gpsd_json(5); seen with 3.22.)
"""

from __future__ import annotations

from typing import Any

from gpstime.model import Epoch, Rejected
from gpstime.times import NS, RawNs, UtcTime

LONGEST = 16_384
"""Bytes; gpsd's own limit for a report is 10 240."""
FIX_NS = 5 * NS
"""How long TPV's word of a fix holds for TOFFs."""
_LAST_SECOND = 4_102_444_800
"""2100: a number beyond is no time."""


class Gpsd:
    """The reader of one gpsd. `reports` counts those understood by class; `fix` is its last word."""

    def __init__(self) -> None:
        self.reports: dict[str, int] = {}
        self.fix: bool | None = None
        self._carry = b""
        self._skipping = False
        self._fix_at = RawNs(0)
        self._told: UtcTime | None = None

    def feed(self, data: bytes, at: RawNs) -> list[Epoch | Rejected]:
        """What these bytes complete; `at` is when the burst behind them began, as far as is known."""
        *lines, rest = (self._carry + data).split(b"\n")
        if self._skipping and lines:
            lines, self._skipping = lines[1:], False
        out: list[Epoch | Rejected] = []
        if len(rest) > LONGEST:
            if not self._skipping:
                out.append(Rejected(at, "gpsd", "too-long", rest[:128]))
            rest, self._skipping = b"", True
        self._carry = rest
        for line in lines:
            line = line.strip()
            if line:
                self._line(line, at, out)
        return out

    def _line(self, line: bytes, at: RawNs, out: list[Epoch | Rejected]) -> None:
        import json  # late: most runs never meet a gpsd

        try:
            report: Any = json.loads(line) if len(line) <= LONGEST else None
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict):
            out.append(Rejected(at, "gpsd", "malformed", line[:128]))
            return
        kind = report.get("class")
        found = self._tpv(report, at) if kind == "TPV" else self._toff(report, at) if kind == "TOFF" else None
        if kind in ("TPV", "TOFF"):
            self.reports[kind] = self.reports.get(kind, 0) + 1
        if isinstance(found, str):
            out.append(Rejected(at, "gpsd", found, line[:128]))
        elif found is not None:
            out.append(found)

    def _tpv(self, report: dict[str, Any], at: RawNs) -> Epoch | str | None:
        mode = report.get("mode")
        self.fix = isinstance(mode, int) and mode >= 2  # 0 not known yet, 1 none, 2 and 3 a position
        self._fix_at = at
        time = report.get("time")
        if not isinstance(time, str):
            return None if self.fix else "no-time"
        try:
            second = UtcTime.parse(time)
        except ValueError:
            return "bad-time"
        if second == self._told and self.fix:
            return None  # gpsd reports several times a second while it learns how long the receiver's burst is
        self._told = second
        return Epoch(at, at, second, False, "gpsd-TPV", True, self.fix)

    def _toff(self, report: dict[str, Any], at: RawNs) -> Epoch | str | None:
        s, ns = report.get("real_sec"), report.get("real_nsec")
        if not (isinstance(s, int) and isinstance(ns, int) and 0 < s < _LAST_SECOND and 0 <= ns < NS):
            return "bad-time"
        if not self.fix or abs(at - self._fix_at) > FIX_NS:
            return None  # no word of a fix, or an old one
        return Epoch(at, at, UtcTime.from_unix(s * NS + ns), True, "gpsd-TOFF", True, True)
