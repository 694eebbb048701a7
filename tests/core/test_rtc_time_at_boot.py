"""The time that a battery clock gives at boot: inside its bound whatever the crystal did within what is known of it; else none."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gpstime.core.rtc_boot import BootTime, Known, boot_time
from gpstime.times import NS, UtcTime

THEN = UtcTime.civil(2026, 3, 1, 12)
KNOWN = Known(THEN, 250_000, 300_000, 100.9, 100.8, 101.1, 0, 25.0)


def shown_after(true_s: float, gains_ppm: float, ahead_ns: int) -> UtcTime:
    return UtcTime.from_unix(THEN.unix + ahead_ns + round(true_s * NS * (1 + gains_ppm * 1e-6)))


def test_the_truth_is_inside_the_bound() -> None:
    rng = random.Random(4)
    for _ in range(2000):
        true_s = rng.uniform(0, 90 * 86_400)
        ppm = rng.uniform(KNOWN.lo_ppm - KNOWN.wander_ppm, KNOWN.hi_ppm + KNOWN.wander_ppm)
        ahead0 = KNOWN.ahead_ns + rng.randint(-KNOWN.ahead_err_ns, KNOWN.ahead_err_ns)
        err = rng.choice((200_000, NS // 2))
        # the comparison was made when the chip showed THEN: true time was THEN - ahead0
        true = UtcTime.from_unix(THEN.unix - ahead0 + round(true_s * NS))
        shown = UtcTime.from_unix(shown_after(true_s, ppm, 0).unix + rng.randint(-err, err))
        found = boot_time(shown, err, True, 0, KNOWN)
        assert isinstance(found, BootTime)
        assert abs(found.unix - true.unix) <= found.bound_ns


def test_uncorrected_it_would_be_far_outside() -> None:
    """The twin: without its ppm a chip that gains 100.9 ppm is 61 s ahead after a week, and the bound says 15 s."""
    shown = shown_after(7 * 86_400, 100.9, 250_000)
    found = boot_time(shown, 0, True, 0, KNOWN)
    assert isinstance(found, BootTime)
    assert abs(found.unix - (THEN.unix + 7 * 86_400 * NS)) < 2_000_000
    assert found.ahead_ns == pytest.approx(61.02e9, rel=1e-3)
    assert shown.unix - (THEN.unix + 7 * 86_400 * NS) > found.bound_ns
    assert found.growth_ppb == pytest.approx(25_200)
    assert "nobody else set the chip since" in found.why


def test_the_bound_grows_with_time_and_doubt() -> None:
    bounds = []
    for hours in (0, 1, 24, 720):
        found = boot_time(shown_after(hours * 3600, 100.9, 0), 1000, True, 0, KNOWN)
        assert isinstance(found, BootTime)
        bounds.append(found.bound_ns)
    assert bounds == sorted(bounds)
    assert bounds[0] == 300_000 + 1000 + 1
    wider = boot_time(shown_after(86_400, 100.9, 0), 1000, True, 0, replace(KNOWN, hi_ppm=111.1))
    assert isinstance(wider, BootTime)
    assert wider.bound_ns > bounds[2]


@pytest.mark.parametrize(
    ("shown", "trusted", "trim", "known", "says"),
    [
        (shown_after(60, 0, 0), False, 0, KNOWN, "lost power"),
        (shown_after(60, 0, 0), True, 0, None, "nothing is known"),
        (shown_after(-60, 0, 0), True, 0, KNOWN, "before its last comparison"),
        (shown_after(60, 0, 0), True, 4, KNOWN, "trim register holds 4, but its ppm was measured with 0"),
        (shown_after(60, 0, 0), True, None, KNOWN, "nothing known"),
        (UtcTime.civil(2036, 1, 1), True, 0, KNOWN, "three years"),
        (UtcTime.civil(2000, 1, 1), True, 0, KNOWN, "before 2026"),
    ],
)
def test_no_time(shown: UtcTime, trusted: bool, trim: int | None, known: Known | None, says: str) -> None:
    found = boot_time(shown, 0, trusted, trim, known, UtcTime.civil(2026, 1, 1))
    assert isinstance(found, str)
    assert says in found
