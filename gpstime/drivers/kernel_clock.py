"""The system clock, steered through clock_adjtime so that whatever happens to this program only the bare drift stays in force.

The frequency is the crystal's bare drift and nothing else: `freq`, and `tick` where that is not enough. Phase is carried by means
that the kernel ends by itself: whole microseconds by adjtime (ADJ_OFFSET_SINGLESHOT), used up within the clock's next second; the
rest by the PLL's offset with the frequency held (STA_FREQHOLD, constant 0), of which the kernel takes a quarter each second. Both
are renewed after each pulse. So a program that is killed in the middle of a slew leaves at most one second's phase and 1.5 us to
be carried, and then a clock that runs at its drift. No watchdog, no second process.

The price: a phase asked for now is carried from the clock's next second on (`Policy.next_second` tells the loop).

The kernel notices that a second of its clock ended at its next tick, up to 10 ms late (HZ=100), and where a processor idles without
a tick (NO_HZ) at the next interrupt, maybe seconds later. Until then the rate of the second before stays in force, and an adjtime
takes the place of one that has not begun; of seconds that are noticed together all but the last are lost. So who steers for long
calls `beat` just after each second of the clock: a write of the frequency, even the same, makes the kernel look (since Linux 4.18).
A phase that is asked for before that, or late in a second, waits for the beat. So all begin and end alike. Without beats a phase
is given to the kernel at once, and an idle one carries it up to three times or not at all.

STA_UNSYNC stays set, so that the kernel does not copy this clock into the RTC every 11 minutes (P19); `maxerror` is kept up beside
it, which is what other programs read. The C library's function and layout are chosen in `adjtimex`: its adjtimex is clock_adjtime
on CLOCK_REALTIME. Everything is read back: the kernel cuts a frequency beyond 500 ppm without a word.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Callable
from typing import Any

from gpstime.drivers.adjtimex import STA_DEL, STA_INS, STA_PLL, STA_UNSYNC, TICK_US, Call, kernel_call
from gpstime.drivers.steering_flag import Flag
from gpstime.model import Applied, Slew, Step
from gpstime.ports import Clocks, Together
from gpstime.times import NS, RawNs

ADJ_OFFSET, ADJ_FREQUENCY, ADJ_MAXERROR, ADJ_ESTERROR, ADJ_STATUS, ADJ_TIMECONST = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
ADJ_TAI, ADJ_SETOFFSET, ADJ_NANO, ADJ_TICK = 0x80, 0x100, 0x2000, 0x4000
ADJ_SINGLESHOT = 0x8001
"""linux/timex.h."""
KEPT = ADJ_FREQUENCY | ADJ_TICK | ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST
"""What has to be as we want it whenever something is asked of the clock."""
STA_FREQHOLD = 0x80
FREQ_PPB = 500_000.0
"""What `freq` holds."""
TICK_PPB = 1e5
"""One us of `tick` at USER_HZ 100."""
MOST_TICKS = 1000
"""10 %: the kernel refuses more."""
MOST_US = 500
"""What adjtime carries in a second."""
SHARE = 4
"""The PLL at constant 0 carries a quarter of its offset in a second."""
LONGEST_US = 16_000_000
"""The kernel's largest `maxerror`: nothing is known."""
BEAT_NS = 12_000_000
"""When `beat` is due in each second of the clock: the longest tick is 10 ms, and some room."""
FROM_NS, UNTIL_NS = 11_000_000, NS // 2
"""Here in a second a phase goes to the kernel at once; else it waits: so it is carried when the loop expects it, be the clock a bit
ahead of the pulse or behind."""
CARRIED_NS = 2_500_000_000
"""So long after it was given to the kernel a phase has been carried, and beats are for nothing."""
NOT_PERMITTED = (
    "NOT_PERMITTED: the kernel lets nobody steer its clock without CAP_SYS_TIME: run with sudo, or give the unit "
    "CapabilityBoundingSet=CAP_SYS_TIME and AmbientCapabilities=CAP_SYS_TIME (in a container: --cap-add SYS_TIME)"
)


class KernelClock:
    """Fits `ports.SteeredClock`. `era`: how many steps of the clock were seen so far, by whoever counts them.

    `beats`: somebody calls `beat` each second, from another thread maybe.
    `on_frequency` is told each frequency that was really set (ppb), `on_stranger` each that we find in force and did not set (ours
    is set again while we are asked to carry phase). `flag`: shown while the clock is steered, for other gpstimes to see.
    """

    max_freq_ppb = FREQ_PPB
    beat_ns = BEAT_NS

    def __init__(
        self,
        clocks: Clocks,
        call: Call | None = None,
        timex_type: Callable[[], Any] | None = None,
        era: Callable[[], int] | None = None,
        on_frequency: Callable[[float], None] = lambda ppb: None,
        on_stranger: Callable[[float], None] = lambda ppb: None,
        beats: bool = False,
        flag: Flag | None = None,
    ) -> None:
        if call is None or timex_type is None:
            call, timex_type = kernel_call()
        self._clocks, self._call, self._timex = clocks, call, timex_type
        self._steps = 0
        self._era = era or (lambda: self._steps)
        self._on_frequency, self._on_stranger = on_frequency, on_stranger
        self._beats, self._flag = beats, flag
        self._lock = threading.Lock()
        self._engaged = False
        self._set: tuple[int, int] | None = None
        self._leap = 0
        self._waiting: tuple[int, int] | None = None
        self._given: tuple[RawNs, int] | None = None

    def read(self) -> Together:
        return self._clocks.read()

    # ---- steering --------------------------------------------------------------------------------------------------------------

    def slew(self, slew: Slew, at: RawNs) -> Applied:
        """The bare drift for ever, or a phase (the frequency beyond the bare drift, for a second) from the next second on."""
        with self._lock:
            try:
                if math.isinf(slew.lasting_s):
                    return Applied(at, self._frequency(slew.freq_ppb), 0, self._era(), "gpstime")
                bare_ppb = self._now_ppb(self._look())
                ns = slew.freq_ppb - bare_ppb
                us = max(-MOST_US, min(MOST_US, round(ns / 1000)))
                rest = round(max(-500.0, min(500.0, ns - 1000 * us)) * SHARE)
                now = self._clocks.read() if self._beats else None
                if now is None or FROM_NS <= now.real % NS < UNTIL_NS:
                    rest = self._give(us, rest, now)
                else:
                    self._waiting = us, rest
                return Applied(at, bare_ppb + 1000.0 * us + rest / SHARE, 0, self._era(), "gpstime")
            except OSError as e:
                return self._refused(at, e)

    def beat(self) -> Applied | None:
        """A second of the clock began some ms ago: let the kernel notice it, and give it what waits. None, or what it refused."""
        with self._lock:
            now, given = self._clocks.read(), self._given
            if self._waiting is None and (given is None or now.raw - given[0] > CARRIED_NS):
                return None
            try:
                self._look()
                if self._waiting is not None:
                    self._give(*self._waiting, now)
                elif given is not None and given[1] != now.real // NS:
                    self._ask(ADJ_OFFSET, offset=0)  # the PLL has taken its quarter, and would go on
            except OSError as e:
                return self._refused(now.raw, e)
        return None

    def step(self, step: Step, at: RawNs) -> Applied:
        """At once, by ADJ_SETOFFSET: relative, so that no time is lost between reading the clock and setting it.

        It ends every slew: the kernel forgets them, and the frequency in the same call makes it forget the rate of one too.
        """
        seconds, ns = divmod(step.delta_ns, NS)
        with self._lock:
            self._waiting = self._given = None
            try:
                self._look(ADJ_SETOFFSET, time_s=seconds, time_us=ns)
            except OSError as e:
                return self._refused(at, e)
        era = self._era() + 1
        self._steps += 1
        return Applied(at, None, step.delta_ns, era, "gpstime")

    def declare(self, bound_ns: float, tai_minus_utc_s: int | None, leap: int) -> None:
        """Also when nothing is known: an infinite bound is the kernel's largest. Nothing before the clock was steered once, and
        nothing of a clock whose frequency somebody else has changed."""
        us = LONGEST_US if not bound_ns < LONGEST_US * 1000 else math.ceil(bound_ns / 1000)
        with self._lock:
            if not self._engaged:
                return
            self._leap = leap
            try:
                if not self._ours():
                    return
                now = self._ask(ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS, maxerror=us, esterror=us, status=self._status())
                if tai_minus_utc_s is not None and now.tai != tai_minus_utc_s:
                    self._ask(ADJ_TAI, constant=tai_minus_utc_s)
            except OSError:
                pass  # what is steered says so

    def release(self) -> None:
        with self._lock:
            if not self._engaged:
                return
            self._engaged, self._waiting, self._given = False, None, None
            if self._flag is not None:
                self._flag.strike()
            try:
                if not self._ours():
                    return
                self._ask(ADJ_SINGLESHOT, offset=0)
                self._ask(ADJ_OFFSET, offset=0)
                self._ask(ADJ_STATUS, status=STA_UNSYNC)  # without STA_PLL the kernel forgets leap flags and time constant too
            except OSError:
                pass  # the slews end by themselves

    # ---- calls -----------------------------------------------------------------------------------------------------------------

    def _status(self) -> int:
        leap = STA_INS if self._leap > 0 else STA_DEL if self._leap < 0 else 0
        return STA_PLL | STA_FREQHOLD | STA_UNSYNC | leap

    def _ours(self) -> bool:
        """Whether the frequency that we set is still in force."""
        found = self._ask(0)
        return self._set == (found.freq, found.tick)

    def _look(self, modes: int = 0, **fields: int) -> Any:
        """The kernel brings its time up to date, and runs as we want it to, whoever changed that: the frequency, and a PLL that
        carries phase and learns nothing. (It takes the time constant after the ns mode, in which alone it is taken as it is.)"""
        found = self._ask(0)
        if self._set is None:
            self._set = found.freq, found.tick
        elif self._set != (found.freq, found.tick):
            self._on_stranger(self._now_ppb(found))
        freq, tick = self._set
        took = self._ask(modes | KEPT, freq=freq, tick=tick, status=self._status(), constant=0, **fields)
        self._engage()
        return took

    def _engage(self) -> None:
        self._engaged = True
        if self._flag is not None:
            self._flag.show()

    def _frequency(self, ppb: float) -> float:
        """What was really set (the kernel's grain is 0.015 ppb)."""
        ticks = 0 if abs(ppb) <= FREQ_PPB else max(-MOST_TICKS, min(MOST_TICKS, round(ppb / TICK_PPB)))
        freq = round((ppb - ticks * TICK_PPB) * 65_536 / 1000)
        took = self._ask(KEPT, freq=freq, tick=TICK_US + ticks, status=self._status(), constant=0)
        self._engage()
        self._set = took.freq, took.tick
        set_ppb = self._now_ppb(took)
        self._on_frequency(set_ppb)
        return set_ppb

    @staticmethod
    def _now_ppb(timex: Any) -> float:
        return float(timex.freq * 1000 / 65_536 + (timex.tick - TICK_US) * TICK_PPB)

    def _give(self, us: int, rest: int, now: Together | None) -> int:
        """For the clock's next second; what an earlier call left to be carried is replaced. What the PLL took (ns)."""
        self._ask(ADJ_SINGLESHOT, offset=us)
        took = self._ask(ADJ_OFFSET, offset=rest)
        self._waiting = None
        self._given = None if now is None else (now.raw, now.real // NS)
        return int(took.offset)

    def _ask(self, modes: int, **fields: int) -> Any:
        timex = self._timex()
        timex.modes = modes
        for name, value in fields.items():
            setattr(timex, name, value)
        self._call(timex)
        return timex

    def _refused(self, at: RawNs, error: OSError) -> Applied:
        self._engaged, self._waiting, self._given = False, None, None
        why = NOT_PERMITTED if error.errno == errno.EPERM else f"REFUSED: the kernel does not take this: {error.strerror or error}"
        return Applied(at, None, 0, self._era(), "", why)
