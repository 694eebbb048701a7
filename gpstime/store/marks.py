"""Lines of a capture that are no event: its head, the end of a batch, and what could not be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gpstime.model import Event
from gpstime.times import RawNs, UtcTime

FORMAT = 1
COUNTS = ("lines", "chunks", "unkept", "findings", "crc", "withdrawals", "held")
"""the numbers of a mark, by the names that they have in it and in its line"""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: what the capture says of itself. `fields` holds the keys as they stand, `k` and `format` left out."""

    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that was not used. Reasons: blank, not-utf8, not-json, too-long, truncated-line, unknown-kind, unknown-format,
    missing-key, bad-value."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The last line of a batch of a record: numbers that count from the start of its run.

    `at` the last event in it, `batch` its number, `lines` and `chunks` the kept lines and the serial chunks so far; `findings` and
    `crc` what the engine found (see `store.digest`); `anchor` the latest pulse of the batch that has a second, and that second;
    `withdrawals` how often the run took back all seconds that it had given. Because all of these count from the start of the run,
    the last mark alone says which anchors still stand, also where batches are missing.
    """

    at: RawNs
    batch: int
    lines: int = 0
    chunks: int = 0
    unkept: int = 0
    """rejected sentences beyond what a batch keeps of them (a wrong baud rate makes thousands)"""
    findings: int = 0
    crc: int = 0
    withdrawals: int = 0
    held: int = 0
    """1: the receiver's leap second count was not verified here"""
    anchor: tuple[RawNs, UtcTime] | None = None


Line: TypeAlias = Event | Head | Mark | Skipped


def anchors(marks: list[Mark]) -> list[tuple[RawNs, UtcTime]]:
    """The pulses of a run that have a second which nobody took back later; `marks` are in order, its last one among them."""
    return [mark.anchor for mark in marks if mark.anchor is not None and mark.withdrawals == marks[-1].withdrawals]
