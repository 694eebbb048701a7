"""A fingerprint of what the engine found, so that a replay can say whether it found the same.

Instants, seconds and words go in; estimates (floats) do not, because their last digit may differ between two kinds of machine.
"""

from __future__ import annotations

import zlib

from gpstime.model import ClockStep, Event, Finding, LabelChange, Offset, Rejected

THINKING = frozenset(("pps", "pairing"))
"""Sources of a `Rejected` that the engine itself rejects; all others are what was made of bytes."""


class Digest:
    """`count` findings so far, and their running CRC-32."""

    def __init__(self) -> None:
        self.count = 0
        self.crc = 0

    def add(self, value: Event | Finding) -> None:
        """Take a finding into the fingerprint; all other values pass by."""
        if isinstance(value, Offset):
            text = f"o{value.at} {value.n} {value.second} {value.offset_ns} {value.kind.value}"
        elif isinstance(value, Rejected):
            if value.source not in THINKING:
                return
            text = f"r{value.at} {value.reason}"
        elif isinstance(value, LabelChange):
            text = f"l{value.at} {value.new.value} {value.withdrawn}"
        elif isinstance(value, ClockStep):
            text = f"s{value.at} {value.step_ns}"
        else:
            return
        self.count += 1
        self.crc = zlib.crc32(text.encode(), self.crc)
