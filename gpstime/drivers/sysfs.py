"""Folders and files of sysfs, procfs and /dev: what is absent or unreadable is empty, nothing raises."""

from __future__ import annotations

import re
from pathlib import Path


def entries(folder: Path) -> list[Path]:
    """What is in a folder, with 2 before 10."""
    try:
        return sorted(
            folder.iterdir(), key=lambda p: [(not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in re.split(r"(\d+)", p.name)]
        )
    except OSError:
        return []


def text(path: Path) -> str:
    try:
        return path.read_bytes()[: 1 << 16].decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
