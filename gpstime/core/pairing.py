"""Which second is it? Names the second of each pulse, or says why it does not. Never guesses.

A burst of sentences names a second S and begins some time after the pulse of S; on the raster of pulses its *lag* is that delay
plus a whole number. While all lags lie plainly between two pulses the whole number is read off, given that a burst comes less than
a second after its pulse (`assumption`, unless a second source agrees). From then on the label is continuous: second = n + label
on TAI, so neither a leap second nor a step of the system clock changes it. Bursts go on being compared with it for ever;
contrary ones, if they last, make it ambiguous. The rules are in `naming`; which epochs count, in `fix` and `dates`.
"""

from __future__ import annotations

from collections import deque

from gpstime.core import words
from gpstime.core.dates import DateRule
from gpstime.core.delay import Delay
from gpstime.core.fix import SILENT_NS, FixRule
from gpstime.core.limits import AGREED, KEPT_RIGHT, LASTING, LEAP_MOST, LEAP_ROW, NEAREST_S, PROBATION
from gpstime.core.naming import Naming
from gpstime.core.raster import Raster
from gpstime.core.sources import DOUBT_S, Sources
from gpstime.core.train import Pulse
from gpstime.model import ClockStep, DeviceLost, Epoch, Label, LabelChange, Rejected, RtcReading
from gpstime.times import DAY_S, NS, LeapTable, RawNs, TaiNs, UtcTime

ASLEEP_NS, SLEW = 500_000_000, 0.12
"""The shortest jump of the system clock, beyond any slew, after which pulses may have gone uncounted."""


class Pairing:
    """Feed it pulses, epochs and what else is known; read `label`, `why`, `assumption`, `delay` and ask `second_of(n)`."""

    def __init__(self, leap: LeapTable, not_before: UtcTime | None = None, leap_held: bool = False) -> None:
        self._leap = leap
        self._dates = DateRule(not_before)
        self._fix = FixRule(leap_held)
        self._sources = Sources(leap)
        self._raster = Raster()
        self._naming = Naming(self._raster, self._fix, self._sources)
        self._waiting: deque[tuple[RawNs, int]] = deque(maxlen=16)
        """Bursts heard before the train was there: their pulses may yet be released."""
        self._apart = (RawNs(0), 0)
        self._voted: tuple[RawNs, UtcTime] | None = None
        self._day = -1
        self._day_tai = 0
        self._whole = self._broken = 0
        self._undated = False
        """The date of the last epoch was refused."""

    # ---- what is known -------------------------------------------------------------------------------------------------------

    @property
    def label(self) -> Label:
        return self._naming.label

    @property
    def why(self) -> str:
        """A sentence for people: why the label is what it is."""
        naming = self._naming
        if naming.label is not Label.NONE:
            return naming.why
        known = (self._raster.run >= 0, self._fix, self._whole, self._broken, self._dates.not_before, self._undated)
        return words.none(*known, len(naming.lags), LASTING if self._fix.unspoken else AGREED)

    @property
    def assumption(self) -> str:
        """What the label rests on besides evidence; empty if on nothing, or if there is no label."""
        return self._naming.assumption if self._naming.label is Label.OK else ""

    @property
    def doubted(self) -> bool:
        """True once a label was contradicted, until the same one is found again: seconds named before are in doubt too."""
        return self._naming.doubted

    @property
    def disproved(self) -> bool:
        """Bursts come before the pulse whose second they name: the second is wrong, or the raw clock lost some, and with it any
        clock that it drives."""
        return self._naming.disproved

    @property
    def leap_held(self) -> bool:
        """The receiver's leap second count is not verified: a run that follows this one must not take it for one that is."""
        return self._fix.leap_held

    @property
    def doubt(self) -> str:
        """Why no clock should be set to the seconds that pulses have now; "" where nothing speaks against it."""
        if self.label is not Label.OK:
            return f"the second is not known: {self.why}"
        if self._fix.fix is False:
            return "the receiver has no fix"
        if self._fix.silent(self._raster.at):
            return f"the receiver has said nothing of its fix for {SILENT_NS // NS} s"
        if self.disproved:
            return "sentences come before the pulse whose second they name"
        return "the receiver's leap second count is not verified yet" if self._fix.hold_ns > 0 else ""

    def doubt_of(self, offset_ns: int | None, clock_right: bool = False) -> str:
        """The same for a clock that is so far off by them. One that is nearer than NEAREST_S to a second speaks for it. Against one
        that is not a second must stand for a minute, or have a second source that vouches for it; and if somebody held that clock
        for right, as long as a wrong leap second count lasts, or (where it is a single one) as long as such a clock stays right."""
        doubt, size, stood = self.doubt, abs(offset_ns or 0) / NS, self._naming.stood
        if doubt or offset_ns is None or size < NEAREST_S:
            return doubt
        off = f"the clock is {offset_ns / NS:+.3f} s off, by a second that has stood for"
        if stood <= PROBATION:
            return f"{off} less than a minute"
        needs = 0 if size > LEAP_MOST + 1 else LEAP_ROW if size > DOUBT_S else KEPT_RIGHT
        if not clock_right or stood >= needs:
            return ""
        return (
            f"{off} {stood:.0f} s, but the kernel held it for right when this run began (NTP): either it is wrong, or the "
            f"receiver's leap second count, or its sentences come a second late. Nothing is done before {needs} s; a trusted RTC "
            "or --trust-receiver (the service: trust_receiver = true) settles it"
        )

    @property
    def fix(self) -> bool | None:
        """What the receiver last said of its fix."""
        return self._fix.fix

    @property
    def delay(self) -> Delay | None:
        """The learned delay of the bursts; None before there is one. Below one second unless the label says better."""
        lags = self._naming.lags
        if not lags:
            return None
        support = lags.support()
        median = support.median if self.label is Label.OK else support.median % 1.0
        return Delay(round(median * NS), round(support.spread * NS), len(lags))

    def tai_of(self, n: int) -> TaiNs | None:
        """The instant of pulse `n` of the present run of the train; None without a label."""
        return TaiNs((n + self._naming.zero) * NS) if self._naming.label is Label.OK else None

    def second_of(self, n: int) -> UtcTime | None:
        """The UTC second of pulse `n` of the present run of the train; None without a label."""
        tai = self.tai_of(n)
        return None if tai is None else self._leap.utc(tai)

    def second_at(self, at: RawNs) -> tuple[UtcTime, TaiNs] | tuple[None, None]:
        """What time it is, by the last pulse and the raw clock since, at the rate of the pulses; None without a label."""
        if self._naming.label is not Label.OK:
            return None, None
        n, since_ns = self._raster.since(at)
        tai = TaiNs((n + self._naming.zero) * NS + since_ns)
        return self._leap.utc(tai), tai

    # ---- events --------------------------------------------------------------------------------------------------------------

    def on_pulse(self, pulse: Pulse) -> list[LabelChange | Rejected]:
        """A pulse of the train, in order."""
        naming = self._naming
        out = naming.restart(pulse.at) if self._raster.add(pulse) else []
        apart, before = pulse.edge.shown - pulse.at, self._apart
        self._apart = (pulse.at, apart)
        # The system clock jumped forward, or went on while the machine slept, the raw clock stood still and no pulse was counted.
        if naming.label is Label.OK and apart - before[1] > ASLEEP_NS + SLEW * (pulse.at - before[0]):
            out += naming.check(pulse.at, apart - before[1])
        self._sources.on_shown(pulse.n, pulse.at, pulse.edge.shown)
        if naming.label is Label.OK:
            if pulse.n % 16 == 0 and naming.sure:
                self._sources.confirm(naming.zero, bool(naming.assumption))
        elif self._waiting and self._raster.ready:
            waiting = list(self._waiting)
            self._waiting.clear()
            for burst_at, tai_s in waiting:
                out += naming.vote(burst_at, tai_s)
        return out

    def on_epoch(self, epoch: Epoch) -> list[LabelChange | Rejected]:
        """An epoch of the receiver, in order."""
        usable = self._fix.take(epoch)
        if usable is None:
            return []
        if usable.reason:
            self._dates.interrupt()
            return [Rejected(epoch.at, "pairing", usable.reason)]
        second, at = usable.second, epoch.at
        if second.ns_of_day % NS:  # 5 and 10 Hz receivers name other times too
            self._broken += 1
            return []
        voted = (usable.burst_at, second)
        if voted == self._voted:
            return []
        self._voted = voted
        self._whole += 1
        dated, reason = self._dates.judge(second, at, self._sources.rtc_day)
        out: list[LabelChange | Rejected] = [Rejected(at, "pairing", reason)] if reason else []
        self._undated = dated is None
        if dated is None:
            return out
        self._fix.sustain(at)
        if self._fix.hold_ns > 0:
            out.append(Rejected(at, "pairing", "leap-unverified"))
        if dated.day != self._day:
            self._day, self._day_tai = dated.day, dated.day * DAY_S + self._leap.at(dated).tai_minus_utc_s
        tai_s = self._day_tai + dated.ns_of_day // NS
        if not self._raster.ready:
            self._waiting.append((usable.burst_at, tai_s))
            return out
        self._naming.corrected_weeks = self._dates.corrected_weeks
        return out + self._naming.vote(usable.burst_at, tai_s)

    def on_rejected(self, rejected: Rejected) -> None:
        """What the parser refused: an empty date or time in RMC or ZDA is a receiver that does not know it yet."""
        self._fix.refused(rejected)

    def on_rtc(self, reading: RtcReading) -> list[LabelChange | Rejected]:
        """An RTC reading; it judges the label that rests on an assumption so far."""
        self._sources.on_rtc(reading)
        return self._naming.hear(reading.at)

    def on_device_lost(self, lost: DeviceLost) -> list[LabelChange | Rejected]:
        """A receiver that went away may come back cold; the label goes on with the pulses, if they do."""
        if not lost.source.lower().startswith(("rtc", "pps", "i2c", "temp")):
            self._fix.power_lost()
        return []

    def on_step(self, step: ClockStep) -> list[LabelChange | Rejected]:
        """The system clock was stepped: nothing to the label, but that clock is no witness any more."""
        self._sources.on_step()
        if step.by == "gpstime":  # by the pulses of this very label: no sleep of the machine
            self._apart = (step.at, self._apart[1] + step.step_ns)
        return []
