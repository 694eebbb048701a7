"""Faults: what can be switched on in a simulated board, each with the magnitude that the field reports.

F numbers are those of the project's field study; a fault without a rate in the field has a chosen one.  A fault is active from
`at` for `for` seconds of true time and, where it has a `rate`, with that probability (per pulse, second, line or bit, as it says).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gpstime.errors import UsageError
from gpstime.sim.streams import seconds

FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind: where it strikes, what it does, its parameters with their defaults; `spans` names those that are time spans."""

    name: str
    where: str
    source: str
    says: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    spans: frozenset[str] = frozenset()
    at_s: float = 0.0
    for_s: float = FOREVER


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a scenario. Build it with `fault(...)` or `parse_fault(...)`, which check names and fill defaults in."""

    name: str
    at_s: float
    for_s: float
    values: Mapping[str, float | str]

    def on(self, k: float) -> bool:
        """True if active at true second k of the run."""
        return self.at_s <= k < self.at_s + self.for_s

    def number(self, key: str) -> float:
        value = self.values[key]
        assert isinstance(value, int | float)
        return float(value)

    def word(self, key: str) -> str:
        return str(self.values[key])

    def __str__(self) -> str:
        parts = [f"at={self.at_s:g}s"] if self.at_s else []
        parts += [f"for={self.for_s:g}s"] if self.for_s != FOREVER else []
        spans = FAULTS[self.name].spans
        parts += [f"{k}={v:g}s" if k in spans and isinstance(v, float) else f"{k}={v}" for k, v in self.values.items()]
        return f"{self.name}:{','.join(parts)}" if parts else self.name


def _kind(
    where: str, source: str, name: str, says: str, at_s: float = 0.0, for_s: float = FOREVER, **values: float | str
) -> FaultKind:
    """Spans are given with a trailing `_s`, which is not part of the parameter's name."""
    spans = frozenset(k.removesuffix("_s") for k in values if k.endswith("_s"))
    return FaultKind(name, where, source, says, {k.removesuffix("_s"): v for k, v in values.items()}, spans, at_s, for_s)


_P, _R, _B, _C, _X = "pulse", "receiver", "bytes", "clock", "RTC (--rtc CHIP)"
_KINDS = (
    _kind(
        _P,
        "F-P01, F-P08, F-P17",
        "latency-step",
        "every stamp later by `add` (another interrupt path, load, debounce)",
        300,
        add_s=10e-6,
    ),
    _kind(
        _P,
        "F-P09",
        "duplicate-pulse",
        "the interrupt comes a second time, up to `gap` later (at least 2 us)",
        rate=0.01,
        gap_s=10e-6,
    ),
    _kind(_P, "F-P10", "missing-pulse", "`run` pulses in a row are lost", rate=0.01, run=1),
    _kind(_P, "F-P11", "rogue-pulse", "a pulse too many, 0.1 to 0.99 s off, in `cluster` seconds in a row", rate=5e-5, cluster=1),
    _kind(
        _P,
        "F-P12",
        "wrong-edge",
        "the trailing edge is taken for the pulse: late by its `width` (0: as the receiver makes it)",
        width_s=0.0,
    ),
    _kind(_P, "F-P13", "pulse-before-fix", "pulses without a fix, wandering at `ppm` on the receiver's own crystal", ppm=5.0),
    _kind(_P, "F-P19", "frozen-clear", "clear edges whose stamp and number stay those of the first one"),
    _kind(_P, "F-P23", "pulse-rate", "`hz` pulses a second: 2, 10, 0.5", hz=2.0),
    _kind(
        _P, "F-P25", "stretched-bracket", "a stalled reader: the stamp is off by up to `err` and says so", rate=0.07, err_s=50e-6
    ),
    _kind(_R, "F-N06", "gga-first", "GGA leads the burst, RMC and ZDA end it"),
    _kind(
        _R,
        "F-N18",
        "cold-start",
        "no time, then the vendor's date (`date`: vendor, empty, DDMMYY, DDMMYYYY), void; then a fix",
        date="vendor",
    ),
    _kind(_R, "F-N19", "week-rollover", "the date is `weeks` weeks early, status A", weeks=1024),
    _kind(
        _R,
        "F-N20",
        "leap-default",
        "`ahead` s ahead until the leap count comes (as it happens: after a cold-start)",
        0,
        750,
        ahead=3,
    ),
    _kind(
        _R,
        "F-N21",
        "leap-second",
        "a leap second at `at`, named `style`: 60, repeat (:59 twice), late (1 s ahead for 60 s)",
        300,
        style="60",
        kernel=1,
    ),
    _kind(_R, "F-N23", "rtc-backed", "status V with a plausible time, `off` from the truth, then a fix", 0, 60, off_s=0.0),
    _kind(_R, "F-N24", "ten-hz", "`hz` epochs a second", hz=10),
    _kind(
        _R,
        "F-N25, F-P14",
        "lost-fix",
        "void; pulses go on for `pulse`; the receiver's crystal is `ppm` off",
        300,
        120,
        pulse_s=60.0,
        ppm=1.0,
    ),
    _kind(_R, "F-N26", "drop-second", "one whole second in `every` is missing", every_s=1800.0),
    _kind(_R, "F-N27", "power-cycle", "off for 2 s, then a warm start with the factory's baud rate and sentences", 300),
    _kind(_R, "F-N28", "long-sentences", "more digits than NMEA allows: sentences of 83 to 100 characters"),
    _kind(_R, "F-P15", "gpsdo", "messages void, pulses as good as ever", 300, 300),
    _kind(_B, "F-N01, F-N02", "late-sentences", "`delay` later than usual, with `jitter` more", 300, delay_s=0.2, jitter_s=0.02),
    _kind(_B, "F-N04", "delay-wander", "the delay wanders, up to `span` more than usual", span_s=2.0),
    _kind(
        _B, "F-N05", "backlog", "nothing is dropped when the burst is too long: the lag grows until `buffer` is full", buffer_s=4.0
    ),
    _kind(_B, "F-N07", "mid-sentence", "the port was opened in the middle of a sentence"),
    _kind(_B, "F-N08", "bit-errors", "bits flipped, each with probability `rate`", rate=1e-4),
    _kind(_B, "F-N08", "noise-bursts", "`length` bytes of 0xFF or 0x00", rate=0.01, length=32),
    _kind(_B, "F-N09", "xor-flip", "two flips in the time that cancel in the checksum (`rate` per line)", rate=1e-4),
    _kind(_B, "F-N10", "truncated", "a line loses its end and checksum (`rate` per line)", rate=1e-3),
    _kind(_B, "F-N11", "glued", "a line loses its CR LF (`rate` per line)", rate=1e-3),
    _kind(_B, "F-N11", "cr-only", "lines end with CR alone"),
    _kind(_B, "P1", "missing-sentences", "a line is not there (`rate` per line)", rate=0.1),
    _kind(_B, "F-N12", "wrong-baud", "the port listens at `baud`", baud=4800),
    _kind(_B, "F-N13", "baud-drift", "the mini-UART's clock is `ratio` of what it should be", 300, 60, ratio=1.6),
    _kind(_B, "F-N14", "unplug", "the port is lost and comes back under another name", 300, 10),
    _kind(_B, "F-N15", "second-reader", "somebody else reads `share` of the bytes", share=0.5),
    _kind(_B, "F-N16", "login-console", "a login prompt on the line", every_s=60.0),
    _kind(_B, "F-N17", "binary-noise", "UBX frames between the sentences, `share` of all bytes", share=0.2),
    _kind(_B, "F-N17", "chatter", "proprietary, text, AIS and unknown sentences (`rate` per second)", rate=0.1),
    _kind(_B, "P10", "nmea-silent", "no bytes at all", 300, 60),
    _kind(
        _C, "F-C05", "timer-slow", "the counter loses ticks: it runs at `ratio` (a CM4 at 250 MHz: 33 of 60 s)", 300, 60, ratio=0.55
    ),
    _kind(_C, "F-C06", "gross-frequency", "the counter is `ppm` off", ppm=405.0),
    _kind(_C, "F-C07", "system-step", "somebody steps the system clock by `step`", 300, step_s=1.0),
    _kind(
        _C,
        "F-C08",
        "chrony-slews",
        "chrony steers the clock every `every`; `declared` 0: nobody tells us",
        every_s=16.0,
        declared=1,
    ),
    _kind(_C, "F-C09", "adjust-refused", "adjtimex says EPERM: nothing is ever applied"),
    _kind(_C, "F-C10", "system-offset", "the system clock starts `offset` off (fake-hwclock: days)", offset_s=-259_200.0),
    _kind(_X, "F-R13", "rtc-rewrite", "the kernel writes its clock to the RTC every `every`", 300, every_s=660.0),
    _kind(_X, "P19", "rtc-set", "somebody sets the RTC, `ahead` of the system clock", 300, ahead_s=0.25),
    _kind(_X, "F-R02", "rtc-warm", "the RTC gets `by` C warmer within a minute", 300, by=10.0),
    _kind(_X, "F-R11", "rtc-errors", "each transfer fails with the probability `rate` (errno 121, 110, 5)", rate=0.01),
    _kind(_X, "F-R11, F-R16", "rtc-gone", "nobody answers at its address", 300, 60),
    _kind(_X, "F-R12", "rtc-held", "a driver of the kernel takes its address: EBUSY", 300, 60),
    _kind(_C, "F-C12", "suspend", "the machine sleeps: the raw clock stands still, nothing is seen", 300, 60),
)
FAULTS = {kind.name: kind for kind in _KINDS}
"""All faults by name."""


def fault(name: str, at: float | None = None, lasting: float | None = None, **values: float | str) -> Fault:
    """A checked fault; spans in seconds. UsageError names what is known."""
    kind = FAULTS.get(name)
    if kind is None:
        raise UsageError(f"unknown fault {name!r}; known: {', '.join(sorted(FAULTS))}")
    chosen = dict(kind.values)
    for key, value in values.items():
        if key not in chosen:
            known = ", ".join(["at", "for", *chosen])
            raise UsageError(f"fault {name} has no parameter {key!r}; it has: {known}")
        if isinstance(chosen[key], int | float) and not isinstance(value, int | float):
            raise UsageError(f"fault {name}: {key} must be a number, not {value!r}")
        if not isinstance(value, str) and not math.isfinite(value):
            raise UsageError(f"fault {name}: {key} must be finite")
        chosen[key] = value
    rate = chosen.get("rate", 0.0)
    if isinstance(rate, int | float) and not 0.0 <= rate <= 1.0:
        raise UsageError(f"fault {name}: rate is a probability, not {rate!r}")
    return Fault(name, kind.at_s if at is None else at, kind.for_s if lasting is None else lasting, chosen)


def parse_fault(text: str) -> Fault:
    """From `name` or `name:key=value,key=value`: `at` and `for` are time spans, as are the parameters that mean one."""
    name, _, rest = text.partition(":")
    kind = FAULTS.get(name)
    at, lasting, values = None, None, dict[str, float | str]()
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"fault {name}: {item!r} is not key=value")
        if key == "at":
            at = seconds(value)
        elif key == "for":
            lasting = seconds(value)
        elif kind is not None and key in kind.spans:
            values[key] = seconds(value)
        elif kind is not None and isinstance(kind.values.get(key), int | float):
            try:
                values[key] = float(value)
            except ValueError:
                raise UsageError(f"fault {name}: {key} must be a number, not {value!r}") from None
        else:
            values[key] = value
    return fault(name, at, lasting, **values)
