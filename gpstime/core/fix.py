"""Which epochs may name a second: validity, receivers that give only ZDA, and whether the leap second count can be trusted.

RMC with status A counts. Where no RMC comes at all, ZDA counts if a GGA, GNS or GLL of the same second says that there is a fix;
with no sentence that speaks of a fix (timing receivers) ZDA is taken at its word, but needs a second source or a minute of
agreement.

Status A means a position, not a resolved UTC: until the satellites have told the leap second count (once in 12.5 minutes) a
receiver counts with its firmware's. So after a cold start seen in this run, the count is unverified for 780 s of fix. A run that
begins with status A is warm, and a fix that is lost and found again is no cold start.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.model import Epoch, Rejected
from gpstime.times import NS, RawNs, UtcTime

LEAP_HOLD_NS = 780 * NS
"""The almanac's page with the leap second count comes every 12.5 min = 750 s; half a minute for good measure."""
ZDA_ONLY = 10
"""ZDAs without any RMC before the receiver is taken for one that gives only ZDA."""
EMPTY = 3
"""Sentences without date or time in a row, from a receiver that knew them, before it has forgotten them."""
SILENT_NS = 30 * NS
"""A fix that the receiver has not spoken of for so long may be lost: its pulses go on all the same (F-P13, F-N25)."""
PAUSE_NS = 5 * NS
"""A longer pause between valid epochs does not count as fix."""


@dataclass(frozen=True, slots=True)
class Usable:
    """A second that the receiver vouches for; with a `reason` it does not."""

    second: UtcTime
    burst_at: RawNs
    reason: str = ""


class FixRule:
    """`fix`: what the receiver last said; `void`: it once said that it has none, or knows no date; `hold_ns`: how much fix the leap
    second count still needs; `unspoken`: only ZDA comes and nothing speaks of a fix."""

    def __init__(self, leap_held: bool = False) -> None:
        self.fix: bool | None = None
        self.void = False
        self.hold_ns = 0
        self.epochs = 0
        self._rmc = False
        self._zdas = 0
        self._spoken = False
        self._first = True
        self._blank = leap_held
        self._valid: UtcTime | None = None
        self._valid_at: RawNs | None = None
        self._heard_at: RawNs | None = None
        self._fixed: UtcTime | None = None
        self._zda: Epoch | None = None
        self._empty = 0
        """Sentences in a row without their date or time: one may be a comma that was lost on the way."""

    @property
    def unspoken(self) -> bool:
        return self._zdas >= ZDA_ONLY and not self._rmc and not self._spoken

    def take(self, epoch: Epoch) -> Usable | None:
        """What this sentence amounts to: a second to use, one not to use and why, or nothing."""
        self.epochs += 1
        kind = epoch.sentence[-3:]
        if epoch.sentence == "gpsd-TPV" and epoch.fix:
            self._rmc = self.fix = True
            return None  # a fix, but no word of when the burst began
        if kind == "RMC" or epoch.sentence.startswith("gpsd-"):  # gpsd speaks of time and fix at once, as RMC does
            self._rmc = True
            self.fix = epoch.valid
            if epoch.valid:
                self._valid, self._empty = epoch.second, 0
                return Usable(epoch.second, epoch.burst_at)
            if self._valid is not None and abs(epoch.second.day - self._valid.day) > 1:  # it has forgotten the date
                self._cold()
            return self._no_fix(epoch)
        if self._rmc:
            return None
        if kind == "ZDA":
            self._zdas += 1
            if self._zdas < ZDA_ONLY:
                return None
            if not self._spoken:
                return Usable(epoch.second, epoch.burst_at)
            self._zda = epoch
        elif epoch.fix is not None:
            self._spoken = True
            self.fix = epoch.fix
            self._fixed = epoch.second if epoch.fix else None
            if not epoch.fix:
                return self._no_fix(epoch)
        zda, self._zda = self._zda, None
        if zda is not None and zda.second == self._fixed:
            return Usable(zda.second, zda.burst_at)
        self._zda = zda
        return None

    @property
    def leap_held(self) -> bool:
        """Whether the leap second count is not verified, or will not be when the first fix comes."""
        return self.hold_ns > 0 or (self._first and self._blank)

    def silent(self, at: RawNs) -> bool:
        """Whether what it last said of its fix is too old at `at`."""
        return self._heard_at is not None and at - self._heard_at > SILENT_NS

    def _no_fix(self, epoch: Epoch) -> Usable:
        self.void = self._blank = True
        self._zda = self._valid_at = None
        return Usable(epoch.second, epoch.burst_at, "no-fix")

    def refused(self, rejected: Rejected) -> None:
        """A sentence without its date or time: a receiver that does not know them."""
        if rejected.reason not in ("no-date", "no-time"):
            return
        if rejected.source == "gpsd":
            self._rmc, self.fix = True, False
            self._cold()
            return
        kind, fields = rejected.raw[3:6], rejected.raw.split(b",", 7)
        if kind in (b"RMC", b"ZDA"):
            self._empty += 1
            if self._valid is None or self._empty >= EMPTY:
                self._cold()
        # What it does say of its fix counts: a cold receiver leaves the time empty, and its pulses wander all the same.
        if kind == b"RMC" and fields[2:3] == [b"V"]:
            self._rmc, self.fix = True, False
        elif kind == b"GGA" and fields[6:7] == [b"0"] and not self._rmc:
            self._spoken, self.fix = True, False

    def _cold(self) -> None:
        """It knows no time, or invents one, so it starts cold now (where only the fix is lost, the time goes on)."""
        self._first = self._blank = self.void = True

    def sustain(self, at: RawNs) -> None:
        """A believable epoch was used: count the fix towards the leap second count."""
        self._heard_at = at
        if self._first:
            self._first = False
            self.hold_ns = LEAP_HOLD_NS if self._blank else 0
        elif self.hold_ns > 0 and self._valid_at is not None and 0 < at - self._valid_at < PAUSE_NS:
            self.hold_ns = max(0, self.hold_ns - (at - self._valid_at))
        self._valid_at = at

    def power_lost(self) -> None:
        """The receiver went away: if it comes back without a fix, it comes back cold. An unverified count stays unverified."""
        self._first, self._blank = True, self.leap_held
        self._valid_at = None
