"""The status of a measurement: one word and a sentence.

The status words, in the order in which they are decided (the first that fits):

`unreadable`   no capture: missing, forbidden, empty, or no line of it is one
`no-pulses`    not one pulse edge
`wrong-rate`   the pulses do not come once a second, so that nothing says what a second is
`short`        too few pulses for a frequency
`timer-fault`  a Raspberry Pi beyond 200 ppm, or that jumped by more than 100 ppm: no crystal does that (lost ticks, a broken timer)
`steered`      `t` follows the corrections of the `set` lines: the frequency is the servo's, not the crystal's
`no-fix`       the receiver never said that it has a fix: a frequency, but nobody vouches for these pulses
`ok`           the frequency error of the raw clock
"""

from __future__ import annotations

from gpstime.app.durations import say_duration
from gpstime.app.watch import Watch
from gpstime.core.engine import Engine
from gpstime.model import Drift

IMPLAUSIBLE_PPB = 200_000.0
"""No Pi's crystal is this far off: Pis in the field show 0.3 to 43 ppm, and 405 ppm for one that is broken."""


def judge(engine: Engine, watch: Watch, drift: Drift | None, board: object, steered_by: str) -> tuple[str, str]:
    """Status and why; `board` is what the capture's head says, which may be anything or nothing."""
    if not watch.edges:
        return "no-pulses", "there is not one pulse edge: nothing to measure the clock against"
    rate = engine.train.rate_hz
    if drift is None and rate is not None and rate > 1:
        why = f"the pulse comes {rate:g} times a second, so that nothing says which edge is the second"
        return "wrong-rate", f"{why}: set the receiver's time pulse to 1 Hz"
    if drift is None:
        return "short", _short(engine, watch)
    fault = _timer_fault(watch, drift, board)
    if fault:
        return "timer-fault", fault
    if watch.raw_is_steered:
        why = f"{steered_by or 'somebody'} steers the very clock that stamped the pulses (t follows the `set` lines)"
        return "steered", f"{why}: this frequency is what the servo leaves over, not the drift of the crystal"
    if engine.vouched is False:
        return "no-fix", (
            "the receiver never said that it has a fix: its pulses wander by parts per million then, so nobody vouches for this "
            "frequency; look to the antenna"
        )
    return "ok", "; ".join([f"{drift.n} pulses over {say_duration(drift.span_s)}", *_remarks(watch, drift, rate, steered_by)])


def _short(engine: Engine, watch: Watch) -> str:
    rejected = engine.rejected.total()
    if not watch.used:
        return f"none of the {watch.edges} edges fits a train of one pulse per second ({rejected} rejected)"
    return f"{watch.used} usable pulses are too few for a frequency with an interval: record a minute at least"


def _timer_fault(watch: Watch, drift: Drift, board: object) -> str:
    if not (isinstance(board, str) and "raspberry pi" in board.lower()):
        return ""
    if watch.jumps:
        return (
            f"a timer fault, not drift: the raw clock's rate jumped ({watch.jumps} times, by up to "
            f"{watch.largest_jump_ppb / 1000:.0f} ppm), which no crystal does; a timer that loses ticks (a low ARM clock) does"
        )
    worst = max((drift.freq_ppb, drift.mean_ppb), key=abs)
    if abs(worst) > IMPLAUSIBLE_PPB:
        return (
            f"a timer fault, not drift: {worst / 1000:+.0f} ppm on a Raspberry Pi, whose crystal can't be off by more than "
            f"{IMPLAUSIBLE_PPB / 1000:.0f} ppm; look for lost ticks (low ARM clock) or a wrong timer frequency"
        )
    return ""


def _remarks(watch: Watch, drift: Drift, rate: float | None, steered_by: str) -> list[str]:
    found = []
    if watch.corrections or steered_by:
        found.append(
            f"{steered_by or 'somebody'} steers the system clock meanwhile, which leaves the raw clock measured here untouched"
        )
    if abs(drift.freq_ppb) > IMPLAUSIBLE_PPB:
        found.append("far beyond any crystal: a resonator, or a timer with a wrong idea of its frequency")
    if rate is not None and rate != 1:
        found.append(f"one pulse in {round(1 / rate)} s" if rate < 1 else f"at the end the pulse comes {rate:g} times a second")
    return found
