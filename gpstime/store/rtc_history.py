"""What happened to one clock chip, in a small file beside the record: what was measured, written, found and taken back.

The old value of a trim register is kept nowhere else: without this file there is no undo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpstime.errors import DeviceError, UsageError
from gpstime.store.appended import append, entries

KINDS = ("compared", "measured", "trimmed", "verified", "undone", "set")


@dataclass(frozen=True, slots=True)
class Entry:
    """`what` happened, `utc` when (true time, ISO 8601; "" where nobody knew), and the figures of it."""

    what: str
    utc: str
    figures: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """A figure, None where it is missing or no number."""
        value = self.figures.get(name)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def whole(self, name: str) -> int | None:
        value = self.figures.get(name)
        return value if type(value) is int else None


class History:
    """Of the chip `name` in `folder`; None keeps it in memory only. `skipped` counts lines that are no entry."""

    def __init__(self, folder: str | None, name: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]+", name):
            raise UsageError(f"{name!r} can't name a chip's history: letters, digits and - only")
        self.path = None if folder is None else Path(folder) / f"rtc-{name}.jsonl"
        self.entries: list[Entry] = []
        self.skipped = 0
        self._read()

    def _read(self) -> None:
        if self.path is None:
            return
        try:
            found = entries(self.path)
        except OSError as e:
            raise DeviceError(
                f"{self.path}: the chip's history can't be read ({e.strerror or e}): run as its owner, or name another folder with "
                f"--state FOLDER"
            ) from None
        for raw in found:
            entry = _entry(raw)
            if entry is None:
                self.skipped += 1
            else:
                self.entries.append(entry)

    def add(self, what: str, utc: str, **figures: Any) -> Entry:
        """Append, and wait until the disk has it. DeviceError if it can't: then do nothing that would need an undo."""
        assert what in KINDS, what
        entry = Entry(what, utc, figures)
        if self.path is not None:
            try:
                append(self.path, {"what": what, "utc": utc, **figures})
            except OSError as e:
                raise DeviceError(
                    f"{self.path}: the chip's history can't be written ({e.strerror or e}): name a folder with --state FOLDER"
                ) from None
        self.entries.append(entry)
        return entry

    def last(self, *kinds: str) -> Entry | None:
        """The latest entry of these kinds."""
        return next((e for e in reversed(self.entries) if e.what in kinds), None)


def _entry(found: dict[str, Any] | None) -> Entry | None:
    if found is None or found.get("what") not in KINDS or not isinstance(found.get("utc"), str):
        return None
    return Entry(found.pop("what"), found.pop("utc"), found)
