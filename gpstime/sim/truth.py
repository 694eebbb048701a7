"""What really happened in a simulated run: every pulse's true second and the crystal's true frequency."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from gpstime.sim.calendar import Calendar
from gpstime.times import RawNs, TaiNs, UtcTime


@dataclass(frozen=True, slots=True)
class TruePulse:
    """A stamped edge. Of `kind` plain it is the pulse of true second `k`; the other kinds are in `sim.pulse.Edge`."""

    at: RawNs
    kind: str
    k: int
    utc: UtcTime
    tai: TaiNs


class Truth:
    """Grows while the run goes on: 16 bytes a second and 17 a pulse."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._x, self._slow = array("d"), array("d")
        self._at, self._k, self._trailing = array("q"), array("q"), bytearray()
        self._where: dict[int, int] = {}
        self._indexed = 0
        self._others: dict[int, tuple[str, int]] = {}

    # ---- written by the world -----------------------------------------------------------------------------------------------

    def second(self, x_ns: float, slow_ppb: float) -> None:
        """Phase and slow frequency at the next true second."""
        self._x.append(x_ns)
        self._slow.append(slow_ppb)

    def edge(self, at: int, kind: str, k: int) -> None:
        """An edge with its raw stamp, as the event carries it."""
        if kind in ("plain", "trailing"):
            self._at.append(at)
            self._k.append(k)
            self._trailing.append(kind == "trailing")
        else:
            self._others[at] = (kind, k)

    # ---- asked by tests and reports -----------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Pulses that count seconds so far: plain ones, and trailing ones (stamped on the wrong edge, late by the width)."""
        return len(self._at)

    @property
    def first(self) -> TruePulse | None:
        return self._pulse(0) if self._at else None

    @property
    def last(self) -> TruePulse | None:
        return self._pulse(len(self._at) - 1) if self._at else None

    @property
    def seconds(self) -> int:
        """True seconds prepared so far: `x_ns` knows those before."""
        return len(self._x)

    def pulses(self) -> list[TruePulse]:
        """All pulses that count seconds, in order."""
        return [self._pulse(i) for i in range(len(self._at))]

    def find(self, at: int) -> TruePulse | None:
        """The edge with this very raw stamp, None if there was none."""
        while self._indexed < len(self._at):
            self._where[self._at[self._indexed]] = self._indexed
            self._indexed += 1
        i = self._where.get(at)
        if i is not None:
            return self._pulse(i)
        if at in self._others:
            kind, k = self._others[at]
            return TruePulse(RawNs(at), kind, k, self._calendar.utc(k), self._calendar.tai(k))
        return None

    def utc(self, k: int) -> UtcTime:
        """The name of true second k of the run."""
        return self._calendar.utc(k)

    def x_ns(self, k: int) -> float:
        """True phase of the raw clock at true second k (its start at 0 is arbitrary)."""
        return self._x[k]

    def current_ppb(self, at: int | None = None) -> float | None:
        """Slowly moving part of the frequency error at the pulse stamped `at` (None: the last): white frequency noise excluded."""
        pulse = self.last if at is None else self.find(at)
        return None if pulse is None else self._slow[pulse.k]

    def mean_ppb(self, first: int | None = None, last: int | None = None) -> float | None:
        """(x_last - x_first) / (t_last - t_first) of the true phase between two pulses given by stamp (None: the run's)."""
        a = self.first if first is None else self.find(first)
        b = self.last if last is None else self.find(last)
        if a is None or b is None or a.k == b.k:
            return None
        return (self._x[b.k] - self._x[a.k]) / (b.k - a.k)

    def span_s(self) -> int:
        """True seconds from the first pulse to the last."""
        return (self._k[-1] - self._k[0]) if self._at else 0

    def summary(self) -> dict[str, object]:
        """As `gpstime sim --json` prints it: freq_ppb, mean_freq_ppb, n, span_s, first_pulse, last_pulse."""
        first, last = self.first, self.last
        return {
            "freq_ppb": self.current_ppb(),
            "mean_freq_ppb": self.mean_ppb(),
            "n": self.n,
            "span_s": self.span_s(),
            "first_pulse": None if first is None else {"t": first.at, "utc": first.utc.iso()},
            "last_pulse": None if last is None else {"t": last.at, "utc": last.utc.iso()},
        }

    def _pulse(self, i: int) -> TruePulse:
        k = self._k[i]
        return TruePulse(
            RawNs(self._at[i]), "trailing" if self._trailing[i] else "plain", k, self._calendar.utc(k), self._calendar.tai(k)
        )
