"""What the benches share: memory and CPU of a process, and the lines of the table that `make bench` prints at its end."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "GPSTIME_BENCH_FIGURES"
"""Names the file to which lines of the table are added; without it a bench prints only what it prints."""


def say(what: str, ours: str, limit: str = "", beside: str = "", ok: bool = True) -> None:
    """A line of the table: a figure of ours, its limit, and what gpsd (or what `limit` speaks of) has."""
    if path := os.environ.get(FILE):
        with open(path, "a", encoding="utf-8") as file:
            print(json.dumps([what, ours, limit, beside, ok]), file=file)


def table(path: Path) -> str:
    """The lines that were said, below each other."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    rows = [("", "gpstime", "limit", "gpsd", "")] + [(*line[:4], "" if line[4] else "MISSED") for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    out = []
    for what, *cells, missed in rows:
        padded = [f"{cell:>{width}}" for cell, width in zip(cells, widths[1:4], strict=True)]
        out.append("  ".join([f"{what:{widths[0]}}", *padded, missed]).rstrip())
    return "\n".join(out)


def exact_cpu_s(pid: int) -> float:
    """Of all threads, by the scheduler's own count of ns; finer than ticks."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident_mb(pid: int | str = "self", what: str = "VmRSS") -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what + ":"))
    return int(line.split()[1]) / 1024
