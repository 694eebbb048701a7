"""What a value of the configuration may be: the value that is used for what the file says, or ValueError with what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpstime.app.durations import parse_duration
from gpstime.errors import UsageError

BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
AUTO = "auto"

Check = Callable[[Any], Any]
"""The value that is used for what the file says; ValueError with what to write instead."""


def word(*words: str) -> Check:
    def check(v: Any) -> str:
        if not isinstance(v, str) or v not in words:
            raise ValueError(f"write one of {', '.join(map(repr, words))}")
        return v

    return check


def text(what: str) -> Check:
    def check(v: Any) -> str:
        if not isinstance(v, str) or not v.strip() or any(ord(c) < 32 for c in v):
            raise ValueError(f"write {what}, in quotation marks")
        return v

    return check


def port(v: Any) -> str:
    what = 'a device such as "/dev/serial0", or "socket://host:port"'
    found: str = text(what)(v)
    host, colon, number = found.removeprefix("socket://").rpartition(":")
    if "://" in found and not (found.startswith("socket://") and host and colon and number.isascii() and number.isdigit()):
        raise ValueError(f"write {what}, in quotation marks")
    return found


def gpsd_address(v: Any) -> str:
    from gpstime.drivers.gpsd import address  # few services have a gpsd

    found: str = text('"host:port" of gpsd')(v)
    try:
        address(found)
    except UsageError as e:
        raise ValueError(str(e)) from None
    return found


def path(v: Any) -> str:
    if not isinstance(v, str) or (v and not v.startswith("/")):
        raise ValueError('write an absolute path in quotation marks, or "" for none')
    return v


def number(low: float, high: float, unit: str) -> Check:
    def check(v: Any) -> float:
        if isinstance(v, bool) or not isinstance(v, (int, float)) or not low <= v <= high:
            raise ValueError(f"write a number of {unit} from {low:g} to {high:g}")
        return float(v)

    return check


def whole(low: int, high: int, unit: str) -> Check:
    def check(v: Any) -> int:
        if type(v) is not int or not low <= v <= high:
            raise ValueError(f"write a whole number of {unit} from {low} to {high}")
        return v

    return check


def span(low_s: float, high_s: float) -> Check:
    def check(v: Any) -> float:
        try:
            if isinstance(v, bool):
                raise UsageError
            seconds = v if isinstance(v, (int, float)) else parse_duration(v) if isinstance(v, str) else -1.0
        except UsageError:
            seconds = -1.0
        if not low_s <= seconds <= high_s:
            raise ValueError(f'write a time from {low_s:g} to {high_s:g} seconds, as a number or like "90s", "10m", "1h"')
        return float(seconds)

    return check


def flag(v: Any) -> bool:
    if not isinstance(v, bool):
        raise ValueError("write true or false")
    return v


def auto_or(check: Check) -> Check:
    return _word_or(AUTO, check)


def none_or(check: Check) -> Check:
    return _word_or("none", check)


def always_or(check: Check) -> Check:
    return _word_or("always", check)


def _word_or(word: str, check: Check) -> Check:
    """The word as it stands, or what `check` makes of anything else."""

    def either(v: Any) -> Any:
        if v == word:
            return v
        try:
            return check(v)
        except ValueError as e:
            raise ValueError(f'{e}, or "{word}"') from None

    return either


def rights(v: Any) -> str:
    if v != AUTO and not (isinstance(v, str) and len(v) == 4 and v[0] == "0" and all(c in "0246" for c in v[1:])):
        raise ValueError('write rights to read and write such as "0660" in quotation marks, or "auto"')
    return str(v)


def bits(v: Any) -> int:
    if type(v) is not int or v not in (32, 64):
        raise ValueError("write 32 or 64")
    return v


def baud(v: Any) -> int:
    if type(v) is not int or v not in BAUDS:
        raise ValueError(f"write one of {', '.join(map(str, BAUDS))}")
    return v


def orders(v: Any) -> tuple[str, ...]:
    from gpstime.core.orders import MOST, order  # few configurations have any

    if not isinstance(v, list) or len(v) > MOST or not all(isinstance(text, str) for text in v):
        raise ValueError(f'write a list of at most {MOST} texts like "$PMTK220,1000 -> $PMTK001,220,3"')
    for text in v:
        order(text)
    return tuple(v)


def rtc_chip(v: Any) -> str:
    """The name of a clock chip as the drivers have it; ValueError with the known ones."""
    if v in ("none", "kernel"):
        return str(v)
    from gpstime.drivers.rtc import chip_named  # only who has a chip pays for knowing them

    if not isinstance(v, str):
        raise ValueError('write a chip such as "ds3231", "kernel", or "none"')
    try:
        return chip_named(v)
    except UsageError as e:
        raise UsageError(f'{e}, "kernel" (through its driver) or "none"') from None
