"""Finding the leap-second table of this machine: the system's tz database, PyPI's, and the built-in list behind them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from gpstime.core.leap import Damaged, Edition, newest, parse_iers_list, parse_tz_leapseconds
from gpstime.times import LeapTable

_PARSERS = {"leap-seconds.list": parse_iers_list, "leapseconds": parse_tz_leapseconds}
_SYSTEM = Path("/usr/share/zoneinfo")
_TOO_LONG = 1 << 20
"""Bytes; the published files have about 10 kB."""


def load(folders: Iterable[Path] | None = None) -> LeapTable:
    """The newest leap-second table of these zoneinfo folders (default: the system's, then PyPI's tzdata) and the built-in list.

    `source` says where it comes from and what was not used and why.  Never raises for what the files contain or for their absence.
    """
    return newest(_editions(_default_folders() if folders is None else folders))


def _default_folders() -> list[Path]:
    found = importlib.util.find_spec("tzdata")
    return [_SYSTEM, *(Path(place) / "zoneinfo" for place in (found.submodule_search_locations or () if found else ()))]


def _editions(folders: Iterable[Path]) -> Iterator[Edition | Damaged]:
    for folder in folders:
        release = _release(folder)
        for name, parse in _PARSERS.items():
            path = folder / name
            text = _read(path)
            if isinstance(text, str):
                yield parse(text, str(path), release)
            elif text is not None:
                yield Damaged(str(path), text.strerror or str(text))


def _read(path: Path) -> str | OSError | None:
    """The text; None for a file that is not there; the error for one that cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(_TOO_LONG).decode("utf-8", "replace")
    except OSError as error:
        return error


def _release(folder: Path) -> str:
    """The tz release in this folder (`2026f`), as the first line of its `tzdata.zi` says; empty if it does not."""
    text = _read(folder / "tzdata.zi")
    words = text[:200].split() if isinstance(text, str) else []
    return words[2] if words[:2] == ["#", "version"] and len(words) > 2 and words[2].isalnum() else ""
