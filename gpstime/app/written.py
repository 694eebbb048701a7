"""A capture to be written: plain, xz or zstd, as its name says."""

from __future__ import annotations

import contextlib
import lzma
import sys
from typing import TextIO

from gpstime.errors import UsageError


def written(name: str) -> contextlib.AbstractContextManager[TextIO]:
    """The file to write, compressed as its suffix says; `-` is stdout. OSError where it can't be written."""
    if name == "-":
        return contextlib.nullcontext(sys.stdout)
    if name.endswith(".xz"):
        return lzma.open(
            name, "wt", encoding="ascii", preset=1
        )  # a night in seconds; preset 6 saves a third and takes 20 times as long
    if name.endswith(".zst"):
        try:
            import zstandard
        except ImportError:
            raise UsageError(f"{name}: zstd needs a library: pip install gpstime-pi[zstd]; or write .jsonl or .jsonl.xz") from None
        opened: contextlib.AbstractContextManager[TextIO] = zstandard.open(name, "wt", encoding="ascii")
        return opened
    return open(name, "w", encoding="ascii")
