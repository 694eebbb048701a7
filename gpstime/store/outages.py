"""Holdovers that are over, in a small file beside the record: how long each was, what was forecast, and how far off the clock was.

`holdover.jsonl`, one object a line (see `appended`). The service's bounds are judged by it over years and restarts. Gaps of less
than SHORTEST_S are not kept: nothing is forecast in so short a time, and a loose antenna would wear the card.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpstime.errors import CaptureUnreadable
from gpstime.store.appended import append, entries

NAME = "holdover.jsonl"
SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Over:
    """`utc` when the pulse was back (true time, ISO 8601; "" where nobody knew), after `lasted_s`. The clock was `off_ns` off and
    the bound said +-`bound_ns` (biases left out of both). The forecast: within `limit_ns` for `lasts_s` (None: there was none).
    `seen_s`: so far ahead forecasts had been scored when it began. `by`: service, discipline, drill. `run`: of the record.
    """

    utc: str
    lasted_s: float
    off_ns: float
    bound_ns: float
    limit_ns: float | None = None
    lasts_s: float | None = None
    seen_s: float | None = None
    by: str = ""
    run: int | None = None

    @property
    def held(self) -> bool:
        return abs(self.off_ns) <= self.bound_ns

    @property
    def forecast_held(self) -> bool | None:
        """Whether it was within the limit, as forecast; None where the forecast said nothing about so long."""
        if self.limit_ns is None or self.lasts_s is None or self.lasted_s > self.lasts_s:
            return None
        return abs(self.off_ns) <= self.limit_ns


class Outages:
    """Those of `folder`, oldest first; None keeps them in memory only. `skipped` counts lines that are none."""

    def __init__(self, folder: str | Path | None) -> None:
        self.path = None if folder is None else Path(folder) / NAME
        self.over: list[Over] = []
        self.skipped = 0
        if self.path is None:
            return
        try:
            found = entries(self.path)
        except OSError as e:
            raise CaptureUnreadable(f"{self.path}: the scores of holdovers can't be read ({e.strerror or e})") from None
        for line in found:
            over = _over(line)
            if over is None:
                self.skipped += 1
            else:
                self.over.append(over)

    def add(self, over: Over) -> str:
        """Keep it, on disk if it was not too short; what the disk has against that ("": nothing)."""
        self.over.append(over)
        if self.path is None or over.lasted_s < SHORTEST_S:
            return ""
        try:
            append(self.path, {key: value for key, value in asdict(over).items() if value is not None})
        except OSError as e:
            return f"{self.path}: the score of a holdover can't be kept ({e.strerror or e})"
        return ""


def _over(line: dict[str, Any] | None) -> Over | None:
    if line is None:
        return None
    lasted, off, bound = (_number(line.get(key)) for key in ("lasted_s", "off_ns", "bound_ns"))
    if lasted is None or off is None or bound is None:
        return None
    limit, lasts, seen = (_number(line.get(key)) for key in ("limit_ns", "lasts_s", "seen_s"))
    utc, by, run = line.get("utc"), line.get("by"), line.get("run")
    return Over(
        utc if isinstance(utc, str) else "",
        lasted,
        off,
        bound,
        limit,
        lasts,
        seen,
        by if isinstance(by, str) else "",
        run if type(run) is int else None,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
