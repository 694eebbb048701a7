"""What time it is after a power cut, from a clock chip that went on, and the bound that its history justifies.

    true = shown - (ahead at the last comparison + ppm * time since)
    bound = doubt of that comparison + doubt of the reading
            + (half interval of the ppm + what temperature and ageing may do) * time since

Nothing here asks the sky: the bound stands as long as nobody else set the chip since, which the chip itself can't tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.times import NS, UnixNs, UtcTime

LOST = "the chip lost power or its oscillator stopped since it was set: its time is no time. Set it once GPS is there"
LONGEST_S = 3 * 366 * 86_400
"""Further back no comparison is trusted: a crystal's ageing is known for years, its battery's health is not."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the chip's history says: at its second `shown` it was `ahead_ns` ahead, to +-`ahead_err_ns`.

    It gains `ppm` (between `lo_ppm` and `hi_ppm`) with `trim` in its register; `wander_ppm` is what temperature and ageing may add
    either way.
    """

    shown: UtcTime
    ahead_ns: int
    ahead_err_ns: int
    ppm: float
    lo_ppm: float
    hi_ppm: float
    trim: int | None
    wander_ppm: float


@dataclass(frozen=True, slots=True)
class BootTime:
    """True time `unix` at the reading, surely to +-`bound_ns`, which grows by `growth_ppb`; `why` says what it rests on."""

    unix: UnixNs
    bound_ns: int
    growth_ppb: float
    ahead_ns: int
    elapsed_s: int
    why: str


def boot_time(
    shown: UtcTime, err_ns: int, trusted: bool, trim: int | None, known: Known | None, not_before: UtcTime | None = None
) -> BootTime | str:
    """The time that a chip which shows `shown` (to +-`err_ns`) gives, or a sentence that says why it gives none."""
    if not trusted:
        return LOST
    if not_before is not None and shown < not_before:
        return f"the chip shows {shown.iso()}, before {not_before.iso()}, which is past: it was set wrong"
    if known is None:
        return "nothing is known of this chip: neither when it was right nor its ppm. Compare it once while GPS is there"
    elapsed_ns = shown.unix - known.shown.unix
    if elapsed_ns < 0:
        return f"the chip shows {shown.iso()}, before its last comparison ({known.shown.iso()}): somebody set it, or it lost power"
    if elapsed_ns > LONGEST_S * NS:
        return f"the last comparison ({known.shown.iso()}) is more than three years back: it justifies nothing"
    if trim != known.trim:
        return f"its trim register holds {_said(trim)}, but its ppm was measured with {_said(known.trim)}: measure it again"
    elapsed_s = elapsed_ns // NS
    gained_ns = round(elapsed_s * known.ppm * 1e3 / (1 + known.ppm * 1e-6))  # ppm is per true second, elapsed_s the chip's own
    doubt_ppm = max(known.hi_ppm - known.ppm, known.ppm - known.lo_ppm) + known.wander_ppm
    bound = known.ahead_err_ns + round(elapsed_s * doubt_ppm * 1e3) + err_ns + 1
    ahead = known.ahead_ns + gained_ns
    why = (
        f"compared {known.shown.iso()} to ±{known.ahead_err_ns / 1e6:.3g} ms; {known.ppm:+.3f} ppm since, "
        f"±{doubt_ppm:.3g} ppm with temperature and ageing; and nobody else set the chip since"
    )
    return BootTime(UnixNs(shown.unix - ahead), bound, doubt_ppm * 1e3, ahead, elapsed_s, why)


def _said(trim: int | None) -> str:
    return "nothing known" if trim is None else str(trim)
