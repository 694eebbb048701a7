"""The verified second that a clock chip is set to and compared with: which raw instant began which second of true time.

It comes from pulses that have a label (status ok), never from a guess.  It is carried on by the crystal's measured frequency for a
short while only, so that a set is done within seconds of the last pulse that was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gpstime.app.run import run
from gpstime.app.watch import Watch
from gpstime.core.engine import Engine
from gpstime.errors import GpstimeError
from gpstime.model import Adjustment, Applied, Event, Label, Offset, RtcReading
from gpstime.ports import Timebase, World
from gpstime.times import NS, LeapTable, RawNs, UtcTime

PULSES = 20
"""Labelled pulses in a row before a second counts as verified, on top of what the pairing asks for."""
GOOD_FOR_S = 120.0
"""How long it is carried on: within that no crystal leaves its measured frequency by enough to matter to a millisecond."""
CRYSTAL_PPB = 1_500.0
"""By how much the crystal may leave its measured frequency meanwhile (10 C at 0.15 ppm per degree)."""
NEAR_LEAP_S = 600
ASKED, STALE_S = 5, 3
"""Pulses that a running service is asked for, and how old its last one may be."""


class NoSecond(GpstimeError):
    """There is no verified second, and why."""


@dataclass(frozen=True, slots=True)
class TrueSecond:
    """Raw instant `at` was the start of `second`; the raw clock gains `freq_ppb`. `source` says whose word it is."""

    at: RawNs
    second: UtcTime
    freq_ppb: float
    err_ns: int
    source: str

    def unix(self, raw: int) -> tuple[int, int]:
        """(true POSIX ns at a raw instant, half-width)."""
        elapsed = raw - self.at
        true = elapsed - round(elapsed * self.freq_ppb * 1e-9 / (1 + self.freq_ppb * 1e-9))
        return self.second.unix + true, self.err_ns + round(abs(elapsed) * CRYSTAL_PPB * 1e-9)

    def raw(self, unix: int) -> RawNs:
        """The raw instant of a true time."""
        true = unix - self.second.unix
        return RawNs(self.at + true + round(true * self.freq_ppb * 1e-9))

    def void(self, raw: int) -> bool:
        """Too long ago to be carried on."""
        return abs(raw - self.at) > GOOD_FOR_S * NS


class _Until:
    """A world that ends when enough was seen. No clock chip is a witness for the second that it is to be set to."""

    def __init__(self, world: World, enough: Callable[[], bool]) -> None:
        self._world, self._enough = world, enough

    def events(self) -> Iterator[Event]:
        for event in self._world.events():
            if not isinstance(event, RtcReading):
                yield event
            if self._enough():
                return

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self._world.adjust(adjustment)

    def close(self) -> None:
        self._world.close()


def verified_second(
    world: World, leap: LeapTable, *, not_before: UtcTime | None = None, source: str = "GPS", limit_s: float = 900.0
) -> TrueSecond:
    """Look at `world` until its pulses are labelled; NoSecond if they are not within `limit_s` (raw seconds) or the world ends.

    The world is closed afterwards: its devices are free again.
    """
    engine = Engine(leap, not_before)
    watch = Watch(None)
    began: list[int] = []
    row: list[Offset] = []

    def look(value: object) -> None:
        if isinstance(value, Offset):
            if value.second is None:
                row.clear()
            else:
                row.append(value)
                del row[:-PULSES]
            if not began:
                began.append(value.at)

    def enough() -> bool:
        late = bool(began) and watch.last_at - began[0] > limit_s * NS
        return late or (len(row) == PULSES and engine.drift.estimate(watch.last_at) is not None)

    try:
        run(_Until(world, enough), engine, [watch, look])
    finally:
        world.close()
    found = engine.drift.estimate(watch.last_at)
    if not row or len(row) < PULSES or found is None or engine.pairing.label is not Label.OK:
        why = engine.pairing.why or "no pulse came"
        raise NoSecond(f"there is no verified second (label {engine.pairing.label.value}): {why}")
    last = row[-1]
    assert last.second is not None
    second = last.second
    left_s = (86_400 * NS - second.ns_of_day) / NS
    if leap.leap_at_end_of(second.day) and left_s < NEAR_LEAP_S:
        raise NoSecond("a leap second comes within minutes: a clock chip has no second 60; wait until it is over")
    # the middle of the last pulses against the frequency: one late stamp must not move the second
    slope = 1 + found.freq_ppb * 1e-9
    apart = sorted(round((last.n - o.n) * NS * slope) - (last.at - o.at) for o in row)
    at = last.at + apart[len(apart) // 2]
    err = round(5 * max(o.sigma_ns for o in row)) + 1000
    return TrueSecond(RawNs(at), second, found.freq_ppb, err, source)


def second_of_service(ask: Callable[[], dict[str, object]], time: Timebase) -> TrueSecond:
    """The second that the running service vouches for: several of its pulses, so that one late stamp does not move it.

    `ask` gives its status. NoSecond where its last pulse has no label, in its own words.
    """
    pulses: list[tuple[int, UtcTime]] = []
    freq_ppb = 0.0
    for _ in range(2 * ASKED):
        told = ask()
        at, utc, freq = told.get("last_labelled_t"), told.get("last_labelled"), told.get("freq_ppb")
        if told.get("label") != "ok" or not isinstance(at, int) or not isinstance(utc, str) or not isinstance(freq, (int, float)):
            raise NoSecond(f"the service has no verified second (label {told.get('label')}): {told.get('why')}")
        if time.now() - at > STALE_S * NS:
            raise NoSecond(f"the service's last labelled pulse is {(time.now() - at) / NS:.0f} s old: {told.get('why')}")
        if not pulses or pulses[-1][0] != at:
            pulses.append((at, UtcTime.parse(utc)))
        freq_ppb = float(freq)
        if len(pulses) == ASKED:
            break
        time.sleep(1.0)
    if len(pulses) < ASKED:
        raise NoSecond("the service's pulses do not go on: gpstime status says why")
    last, second = pulses[-1]
    slope = 1 + freq_ppb * 1e-9
    apart = sorted(at - last + round((second.unix - utc.unix) * slope) for at, utc in pulses)
    middle = apart[len(apart) // 2]
    if apart[-1] - apart[0] > NS // 1000:
        raise NoSecond("the service's pulses are stamped too loosely for this: they scatter by more than 1 ms")
    return TrueSecond(RawNs(last + middle), second, freq_ppb, 2 * (apart[-1] - apart[0]) + 1000, "the service's GPS")
