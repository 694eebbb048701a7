"""The values that flow: events (what the world says), findings (what we believe), adjustments (what we ask of the clock).

One sign, said once, here: *offset = ours - true* (positive: our clock is ahead); a positive *frequency error* means that our clock
gains; *corrections are added to the clock*, so correction = -error.  y = dx per true second.  Frequencies are in ppb, instants in
integer ns, estimates in floats; units live in the names.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpstime.times import RawNs, TaiNs, UnixNs, UtcTime

# ---- events: each carries `at`, the raw clock when it happened --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PpsEdge:
    """One edge of the pulse. `at` is the raw clock at the edge, `shown` our clock (the one under test) at the same edge.

    `native` names the kernel clock that stamped it and `stamp` is that stamp untouched; `err_ns` is the half-width of what the
    derived stamps may be off; `era` counts steps of the system clock as far as the world knows them.
    """

    at: RawNs
    shown: UnixNs
    edge: Literal["assert", "clear"] = "assert"
    seq: int = 0
    stamped_by: str = "kernel"
    native: str | None = None
    stamp: int | None = None
    err_ns: int = 0
    era: int = 0


@dataclass(frozen=True, slots=True)
class SerialBytes:
    """Bytes from the receiver; `at` is when the first of them arrived. Raw, so that a replay exercises the parser too."""

    at: RawNs
    data: bytes
    port: str = ""


@dataclass(frozen=True, slots=True)
class RtcReading:
    """What an RTC showed at `at`; `edge`: `at` is the rollover of its seconds, known to +-`err_ns`; `trusted`: it never stopped."""

    at: RawNs
    shown: UtcTime
    resolution_ns: int = 1_000_000_000
    err_ns: int = 0
    edge: bool = False
    trusted: bool = False
    temperature_c: float | None = None
    aging: int | None = None
    chip: str = ""


@dataclass(frozen=True, slots=True)
class SqwEdge:
    """An edge of an RTC's 1 Hz output."""

    at: RawNs
    edge: Literal["assert", "clear"] = "assert"
    seq: int = 0
    stamped_by: str = "kernel"


@dataclass(frozen=True, slots=True)
class Tick:
    """The clocks read together; betrays a step (shown - mono jumps) or a slew that somebody else made."""

    at: RawNs
    shown: UnixNs
    mono_ns: int | None = None
    err_ns: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What was really done to the system clock: the frequency correction now in force, a step just made, or both; by whom.

    With neither it says who steers the clock from now on, as far as that can be seen (empty: nobody any more). With `refused`
    nothing was done, and that says why (NOT_PERMITTED: the kernel's EPERM, with the remedy).
    """

    at: RawNs
    freq_ppb: float | None = None
    step_ns: int = 0
    era: int = 0
    by: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Temperature:
    at: RawNs
    sensor: str
    celsius: float


@dataclass(frozen=True, slots=True)
class DeviceLost:
    at: RawNs
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceFound:
    at: RawNs
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Anything a person should read."""

    at: RawNs
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was made of the receiver's bytes when they came: a record keeps this for good, and the bytes themselves for a while.

    `at` is that of `found`. Stands in for the bytes: a world gives one or the other, never both.
    """

    at: RawNs
    found: Epoch | Rejected


Event: TypeAlias = (
    PpsEdge | SerialBytes | RtcReading | SqwEdge | Tick | Applied | Temperature | DeviceLost | DeviceFound | Note | Heard
)


# ---- findings ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Epoch:
    """One sentence that names a time.

    `valid` is the receiver's own word: RMC with status A and a real mode, nothing more (plausibility is the pairing's business).
    `fix` is what this sentence says of a fix, if it says anything (GGA quality, GNS and GLL mode, RMC status); ZDA says nothing.
    `dated` is False where the date was carried over from another sentence (GGA, GNS, GLL).
    `at` is the arrival of the chunk that held the sentence's first byte, `burst_at` that of the first byte of its burst.
    """

    at: RawNs
    burst_at: RawNs
    second: UtcTime
    valid: bool
    sentence: str
    dated: bool = True
    fix: bool | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that was not used; `reason` is a short stable word-with-dashes, counted in reports; `raw` at most 128 bytes."""

    at: RawNs
    source: str
    reason: str
    raw: bytes = b""


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
    """No pulse any more: the clock is within `limit_ns` for `lasts_s` from the last one on (95 %), if nothing is done to it."""

    at: RawNs
    limit_ns: float
    lasts_s: float


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
    """

    as_of: RawNs
    void_after: RawNs
    bound_ns: float
    growth_ppb: float
    status: BoundStatus
    parts: Mapping[str, float]

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


# ---- adjustments ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slew:
    """Absolute frequency correction, in force for `lasting_s`; afterwards the world falls back to the bare drift.

    One that lasts for ever (inf) is the bare drift from now on.
    """

    freq_ppb: float
    lasting_s: float


@dataclass(frozen=True, slots=True)
class Step:
    delta_ns: int


Adjustment: TypeAlias = Slew | Step
