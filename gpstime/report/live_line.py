"""The line on a terminal that says, while a run goes on, how far it has come."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.report.figures import ppm


class LiveLine:
    """The live line on a terminal: one for each pulse at first, then one for each hundredth of the run (a minute at most), so that
    a replay is not slowed down by it."""

    def __init__(self) -> None:
        self._next = 0
        self._width = 0

    def __call__(self, offset: Any, engine: Any) -> None:
        n = offset.n
        if n < self._next:
            return
        self._next = n + max(1, min(60, n // 100))
        d = engine.drift.estimate(offset.at)
        frequency = "measuring" if d is None else ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb).partition(" (")[0]
        line = f"{say_duration(n)}: {frequency}; second {engine.pairing.label.value}; {engine.rejected.total()} rejected"
        line = line[: shutil.get_terminal_size().columns - 1]  # a line that wraps can't be overwritten
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)

    def clear(self) -> None:
        if self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)


def on_terminal() -> bool:
    return sys.stderr.isatty()
