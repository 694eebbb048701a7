"""Findings: what we believe. Sign, units and the types of instants are said in `model`, through which all this is imported."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gpstime.events import Epoch, Rejected
from gpstime.times import RawNs, TaiNs, UnixNs, UtcTime


class Kind(enum.Enum):
    OK = "ok"
    OUTLIER = "outlier"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Offset:
    """One pulse that counts: number `n` of its train (true seconds since the first pulse), its second if known, our clock's offset.

    `offset_ns` is `shown` minus true (None without a label); `sigma_ns` the pulse noise as estimated now.
    """

    at: RawNs
    n: int
    second: UtcTime | None
    tai: TaiNs | None
    offset_ns: int | None
    sigma_ns: float
    kind: Kind
    source: str
    era: int


@dataclass(frozen=True, slots=True)
class Drift:
    """The frequency error of the raw clock (positive: it gains), now and as the mean over the run, each with its 95 % interval.

    `n` pulses used over `span_s` true seconds.  `white_pm_ns`, `white_fm`, `walk_fm` are the noise levels found: pulse noise (ns),
    white frequency noise (fractional, at 1 s), random walk of frequency (fractional, per root second).
    """

    at: RawNs
    freq_ppb: float
    freq_lo_ppb: float
    freq_hi_ppb: float
    mean_ppb: float
    mean_lo_ppb: float
    mean_hi_ppb: float
    n: int
    span_s: float
    white_pm_ns: float
    white_fm: float
    walk_fm: float


class Label(enum.Enum):
    """Whether the pulses have a second: the words of `gpstime measure --json`."""

    OK = "ok"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LabelChange:
    """The mode of the pairing changed, and why in a sentence for people.

    `withdrawn`: something contradicted the label, so the seconds named so far are in doubt too: do not go on reporting them.
    """

    at: RawNs
    old: Label
    new: Label
    why: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The system clock was stepped by `step_ns` (positive: forward) between the previous reading and `at`."""

    at: RawNs
    step_ns: int
    by: str


@dataclass(frozen=True, slots=True)
class RtcOffset:
    """An RTC's second `shown` began at `at`: `offset_ns` is RTC minus true time (None without a label), to +-`err_ns`.

    `against`: what true time is taken from, gps or system (the system clock, where there are no pulses). `kind` missing: neither.
    """

    at: RawNs
    shown: UtcTime
    offset_ns: int | None
    err_ns: int
    kind: Kind
    against: str
    chip: str


@dataclass(frozen=True, slots=True)
class RtcBreak:
    """Between `after` and `at` something happened to an RTC that is no drift: its frequency is not measured across it.

    `reason` is a stable word: set, kernel-rewrite, rate-change, temperature-jump, trim-changed, power-lost, reference. `why` is a
    sentence for people; `jump_ns` by how much its phase jumped forward, if it did. `via`: bus or sqw.
    """

    after: RawNs
    at: RawNs
    reason: str
    why: str
    jump_ns: int | None
    via: str
    chip: str


@dataclass(frozen=True, slots=True)
class RtcDrift:
    """The frequency error of an RTC in the present unbroken stretch (see `Drift`), from edges `via` bus or sqw."""

    at: RawNs
    drift: Drift
    against: str
    via: str
    chip: str


class Mode(enum.Enum):
    """How a disciplined clock stands; the words of `gpstime discipline --json`. All ways between them are in `core.modes`."""

    ACQUIRING = "acquiring"
    TRACKING = "tracking"
    HOLDOVER = "holdover"
    FREE_RUNNING = "free-running"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True)
class ModeChange:
    """The mode of the discipline changed, and why in a sentence for people."""

    at: RawNs
    old: Mode
    new: Mode
    why: str


@dataclass(frozen=True, slots=True)
class StepAnnounced:
    """The clock is about to be stepped by `delta_ns`: it showed `before` at `at`, and should have shown `after`. Comes first."""

    at: RawNs
    delta_ns: int
    before: UnixNs
    after: UnixNs
    why: str


@dataclass(frozen=True, slots=True)
class SlewAnnounced:
    """An offset that is slewed away in more than a few seconds: at `rate_ppb` (added to the bare drift) in about `arrives_s`."""

    at: RawNs
    offset_ns: float
    rate_ppb: float
    arrives_s: float


@dataclass(frozen=True, slots=True)
class HoldoverBegan:
    """No pulse any more: the clock is within `limit_ns` for `lasts_s` from the last one on (95 %), if nothing is done to it.

    `seen_s`: so far ahead forecasts have been scored while pulses came; beyond it nothing slower is assumed.
    """

    at: RawNs
    limit_ns: float
    lasts_s: float
    seen_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HoldoverScored:
    """The pulse is back after `lasted_s`: the clock was `off_ns` off, and the bound said +-`bound_ns` (biases left out of both).

    `held` of `outages` so far were within their bound.
    """

    at: RawNs
    lasted_s: float
    off_ns: float
    bound_ns: float
    held: int
    outages: int


class BoundStatus(enum.Enum):
    """What an error bound rests on: the words of ClockBound."""

    SYNCHRONIZED = "synchronized"
    FREE_RUNNING = "free-running"
    DISRUPTED = "disrupted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """The system clock is within +-`bound_ns` of true time at `as_of` (95 %), and until `void_after` within that plus `growth_ppb`
    times the time since. `parts`: the ledger, name to ns (see `core.bound`); empty where nothing is known (`bound_ns` inf).

    `extrapolated`: no pulse has come for longer than forecasts have been scored ahead, so that what moves the crystal more slowly
    (the day's temperature) may not be in the bound.
    """

    as_of: RawNs
    void_after: RawNs
    bound_ns: float
    growth_ppb: float
    status: BoundStatus
    parts: Mapping[str, float]
    extrapolated: bool = False

    @property
    def at(self) -> RawNs:
        return self.as_of

    def at_time(self, now: RawNs) -> float:
        """The half-width (ns) at `now`; inf once it is void."""
        return self.bound_ns + self.growth_ppb * (now - self.as_of) * 1e-9 if now <= self.void_after else float("inf")


Finding: TypeAlias = (
    Epoch
    | Rejected
    | Offset
    | Drift
    | LabelChange
    | ClockStep
    | RtcOffset
    | RtcBreak
    | RtcDrift
    | ModeChange
    | StepAnnounced
    | SlewAnnounced
    | HoldoverBegan
    | HoldoverScored
    | ErrorBound
)
