"""A simulated bench as `gpstime rtc` opens it, for tests that also look at the truth."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gpstime.app.rtc_sim import SimBench
from gpstime.cli import _parser
from gpstime.sim.chips_truth import ChipTruth
from gpstime.times import NS


def options(action: str, *words: str) -> argparse.Namespace:
    """The options of `gpstime rtc ACTION --world sim ...`; one sentence a second is enough and the fastest."""
    return _parser("rtc").parse_args(["rtc", action, "--world", "sim", "--sentences", "RMC", *words])


def bench(chip: str, *words: str, action: str = "show") -> SimBench:
    return SimBench(options(action, "--chip", chip, *words))


def truth(b: SimBench) -> ChipTruth:
    """The chip now."""
    return b.fake.truth_at(b.time.true_ns(b.time.now()))


def truly_ahead_ns(b: SimBench) -> int:
    """The chip minus true time, now."""
    shows = truth(b).shows
    assert shows is not None
    return shows.unix - b.true_unix


def phase_ns(ahead_ns: int) -> int:
    """Without whole seconds."""
    return (ahead_ns + NS // 2) % NS - NS // 2


Opener = Callable[..., SimBench]
