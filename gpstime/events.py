"""Events: what the world says, each with `at`, the raw clock when it happened; and what is made of a receiver's bytes on the spot.

Sign, units and the types of instants are said in `model`, through which all this is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpstime.times import RawNs, UnixNs, UtcTime


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
