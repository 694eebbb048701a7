"""What chrony's configuration says of reference clocks, wherever it is: read, never written.

chronyd reads the file that its option `-f` names, else the one that its build has: /etc/chrony/chrony.conf in Debian,
/etc/chrony.conf elsewhere. `include` (a pattern) and `confdir` (folders, of which *.conf are read) lead on. Directives are
written in any case; a line that begins with one of ! ; # % is a comment (chrony.conf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpstime.drivers.sysfs import entries, text

USUAL = ("etc/chrony/chrony.conf", "etc/chrony.conf", "usr/local/etc/chrony.conf")
DEFAULTS = ("etc/default/chrony", "etc/default/chronyd", "etc/sysconfig/chronyd", "etc/conf.d/chronyd")
"""Where services keep chronyd's options."""
LARGEST = 1 << 20
DEEPEST = 10
"""Of files that include each other, as in chronyd."""
_F = re.compile(r"(?:^|[\s\"'\0])-f[\s\0]*([^\s\"'\0]+)")


@dataclass(frozen=True, slots=True)
class Refclock:
    """`driver` PPS, SOCK, SHM or PHC; `parameter` as written; `device` the file in it (a PPS has options behind a colon)."""

    driver: str
    parameter: str
    file: str
    line: int
    text: str

    @property
    def device(self) -> str:
        return self.parameter.partition(":")[0]


def main_file(root: Path = Path("/")) -> str | None:
    """The file that chronyd reads first: as the running one was told, as its service is, or where builds have it; None: none."""
    for place in entries(root / "proc"):
        if place.name.isdigit() and text(place / "comm") == "chronyd" and (found := _F.search(text(place / "cmdline"))):
            return found[1]
    for name in DEFAULTS:
        for line in text(root / name).splitlines():
            if not line.lstrip().startswith("#") and (found := _F.search(line)):
                return found[1]
    return next((f"/{name}" for name in USUAL if (root / name).is_file()), None)


def refclocks(root: Path = Path("/"), file: str | None = None) -> list[Refclock]:
    """All of them, in the order in which chronyd reads them. `file`: the first one, if it is not to be looked for."""
    first = main_file(root) if file is None else file
    return [] if first is None else list(_in_file(root, first, 0))


def _in_file(root: Path, file: str, depth: int) -> Iterator[Refclock]:
    try:
        written = (root / file.lstrip("/")).read_bytes()[:LARGEST].decode("utf-8", "replace")
    except OSError:  # absent, or not for this user
        return
    for number, line in enumerate(written.splitlines(), 1):
        words = line.split()
        if not words or words[0][0] in "!;#%":
            continue
        directive, rest = words[0].lower(), words[1:]
        if directive == "refclock" and len(rest) >= 2:
            yield Refclock(rest[0], rest[1], file, number, " ".join(words))
        elif depth < DEEPEST:
            for name in _led_to(root, directive, rest):
                yield from _in_file(root, name, depth + 1)


def _led_to(root: Path, directive: str, rest: list[str]) -> Iterator[str]:
    """Files that an `include` or a `confdir` names, in chronyd's order."""
    found: list[Path] = []
    if directive == "include" and rest:
        found = sorted(root.glob(rest[0].lstrip("/")))
    elif directive == "confdir":
        by_name = {place.name: place for folder in reversed(rest) for place in entries(root / folder.lstrip("/"))}
        found = [by_name[name] for name in sorted(by_name) if name.endswith(".conf")]
    yield from (f"/{place.relative_to(root).as_posix()}" for place in found if place.is_file())
