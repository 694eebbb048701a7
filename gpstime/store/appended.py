"""A small file that only grows: one JSON object per line, appended and synced, readable in any editor.

A line that a power cut tore is left out, and the next one does not suffer by it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def append(path: Path, entry: dict[str, Any]) -> None:
    """Append, and wait until the disk has it. OSError where it can't; the folder is made if need be."""
    body = json.dumps(entry, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    # a torn line of before must not take this one with it
    torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        line = (b"\n" if torn else b"") + body.encode()
        if os.write(fd, line) != len(line):
            raise OSError("the disk is full")
        os.fsync(fd)
    finally:
        os.close(fd)


def entries(path: Path) -> list[dict[str, Any] | None]:
    """What is in it, in order; None for a line that is no JSON object. Nothing without a file; OSError if it can't be read."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [_object(line) for line in lines if line.strip()]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
