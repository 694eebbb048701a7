"""What is known of a kind of sentence (`GNRMC`), and what its fields may say of mode and fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gpstime.times import UtcTime

REAL_MODES = frozenset((b"A", b"D", b"F", b"R", b"P"))
"""Modes that rest on satellites: autonomous, differential, RTK float and fixed, precise; not none, estimated, manual, simulated."""

GGA_FIX = {b"0": False, b"6": False, b"7": False, b"8": False, b"": None}
"""GGA quality: 0 none, 6 dead reckoning, 7 typed in, 8 simulator; an empty field says nothing; all others rest on satellites."""

MAX_KINDS = 256
"""Addresses remembered; a line that pretends to be ever new kinds of sentences must not fill the memory."""

Said: TypeAlias = tuple[UtcTime, bool, bool, bool | None] | str
"""What a sentence's fields say: (second, valid, dated, fix), or the reason why they say nothing ("": there was nothing to say)."""
Parser: TypeAlias = Callable[[list[bytes]], Said]


class Kind:
    """What is known of one address (`GNRMC`): how often it came, and who reads it."""

    __slots__ = ("address", "count", "name", "parser")

    def __init__(self, address: str, name: str, parser: Parser | None) -> None:
        self.address = address
        self.name = name
        self.parser = parser
        self.count = 0
