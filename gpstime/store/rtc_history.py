"""What happened to one clock chip, in a small file beside the record: what was measured, written, found and taken back.

One JSON object per line, appended and synced; a line that a power cut tore is left out, and the file stays readable in any editor.
The old value of a trim register is kept nowhere else: without this file there is no undo.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpstime.errors import DeviceError, UsageError

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
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as e:
            raise DeviceError(
                f"{self.path}: the chip's history can't be read ({e.strerror or e}): run as its owner, or name another folder with "
                f"--state FOLDER"
            ) from None
        for line in lines:
            entry = _entry(line)
            if entry is None:
                self.skipped += bool(line.strip())
            else:
                self.entries.append(entry)

    def add(self, what: str, utc: str, **figures: Any) -> Entry:
        """Append, and wait until the disk has it. DeviceError if it can't: then do nothing that would need an undo."""
        assert what in KINDS, what
        entry = Entry(what, utc, figures)
        if self.path is not None:
            body = json.dumps({"what": what, "utc": utc, **figures}, allow_nan=False) + "\n"
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # a torn line of before must not take this one with it
                torn = self.path.exists() and self.path.stat().st_size and not self.path.read_bytes().endswith(b"\n")
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
                try:
                    line = (b"\n" if torn else b"") + body.encode()
                    if os.write(fd, line) != len(line):
                        raise OSError("the disk is full")
                    os.fsync(fd)
                finally:
                    os.close(fd)
            except OSError as e:
                raise DeviceError(
                    f"{self.path}: the chip's history can't be written ({e.strerror or e}): name a folder with --state FOLDER"
                ) from None
        self.entries.append(entry)
        return entry

    def last(self, *kinds: str) -> Entry | None:
        """The latest entry of these kinds."""
        return next((e for e in reversed(self.entries) if e.what in kinds), None)


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("what") not in KINDS or not isinstance(found.get("utc"), str):
        return None
    return Entry(found.pop("what"), found.pop("utc"), found)
