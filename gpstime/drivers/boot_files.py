"""What the firmware was told at boot: the lines of config.txt that count for this board, and the kernel's command line.

config.txt has moved: Raspberry Pi OS 12 reads /boot/firmware/config.txt and leaves a file of the old name that nobody reads (P8).
Section filters like [pi4] are followed as far as the model decides them; a line below a filter that depends on anything else (a
serial number, a monitor) counts as not there.  Only read, never written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLACES = ("boot/firmware", "boot")
"""Newest first; the first that has a config.txt is the one that counts."""


@dataclass(frozen=True, slots=True)
class BootLine:
    """A line of config.txt in force: where it stands and what it says."""

    file: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class BootFiles:
    """`config` and `cmdline`: the files that count, as named on the board, empty if there is none.  `stale`: lines in the other
    config.txt, which nobody reads."""

    config: str
    cmdline: str
    lines: tuple[BootLine, ...]
    arguments: tuple[str, ...]
    stale: tuple[BootLine, ...]

    def find(self, pattern: str) -> BootLine | None:
        """The last line in force that matches, which is the one that the firmware keeps."""
        return next((line for line in reversed(self.lines) if re.match(pattern, line.text)), None)

    def overlay(self, name: str) -> BootLine | None:
        return self.find(rf"(dtoverlay|device_tree_overlay)={name}(?:-overlay(?:\.dtb)?)?(?:,|$)")

    def stale_overlay(self, name: str) -> BootLine | None:
        return next((line for line in self.stale if re.match(rf"dtoverlay={name}(?:,|$)", line.text)), None)


def read_boot_files(root: Path, model: str) -> BootFiles:
    """The boot files of the board whose file system is at `root`.  Never raises: what can't be read is not there."""
    folders = [root / place for place in PLACES if (root / place / "config.txt").is_file()]
    if not folders:
        return BootFiles("", "", (), _cmdline(root, None), ())
    counts = folders[0]
    lines = tuple(_in_force(root, counts / "config.txt", model))
    # one file under two names (a link, or the old mount point) is not stale
    others = [f for f in folders[1:] if not _same(f / "config.txt", counts / "config.txt")]
    stale = tuple(line for folder in others for line in _in_force(root, folder / "config.txt", model))
    cmdline = counts / "cmdline.txt"
    return BootFiles(
        _shown(root, counts / "config.txt"),
        _shown(root, cmdline) if cmdline.is_file() else "",
        lines,
        _cmdline(root, cmdline),
        stale,
    )


def applies(section: str, model: str) -> bool:
    """Whether a [section] of config.txt counts for the board of this model name; False where the model doesn't decide it."""
    name = section.strip().lower()
    if name == "all":
        return True
    words = model.lower()
    compute = re.search(r"compute module (\d)", words)
    plain = re.search(r"raspberry pi (\d+)\b", words)
    zero = "zero" in words
    if compute:
        own = {f"cm{compute[1]}", f"pi{compute[1]}"}
    elif zero:
        own = {"pi02", "pi3"} if "zero 2" in words else {"pi0", "pi1"} | ({"pi0w"} if "zero w" in words else set())
    elif "raspberry pi 400" in words or "raspberry pi 500" in words:
        own = {"pi400", "pi4"} if "400" in words else {"pi500", "pi5"}
    elif plain:
        own = {f"pi{plain[1]}"} | ({"pi3+"} if plain[1] == "3" and " plus" in words else set())
    else:
        own = {"pi1"} if "raspberry pi model" in words else set()
    return name in own


def _in_force(root: Path, path: Path, model: str, depth: int = 0) -> Iterator[BootLine]:
    on = True
    for number, raw in enumerate(_text(path).splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if filtered := re.fullmatch(r"\[(.*)\]", line):
            on = applies(filtered[1], model)
        elif on and (other := re.fullmatch(r"include\s+(\S+)", line)) and depth < 3:
            yield from _in_force(root, path.parent / other[1], model, depth + 1)
        elif on and line:
            yield BootLine(_shown(root, path), number, line)


def _cmdline(root: Path, path: Path | None) -> tuple[str, ...]:
    """cmdline.txt if there is one (it is what a person edits), else the running kernel's."""
    return tuple((_text(path) if path and path.is_file() else _text(root / "proc/cmdline")).split())


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _shown(root: Path, path: Path) -> str:
    return "/" + path.relative_to(root).as_posix()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[: 1 << 18]
    except OSError:
        return ""
