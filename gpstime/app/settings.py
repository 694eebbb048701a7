"""What the service can be told: sections and keys with their defaults, what each may be, and one line about it.

The dataclasses are the schema: a field's default is the key's default, its metadata hold the check and the line for people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gpstime.app.durations import parse_duration
from gpstime.errors import UsageError

BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
AUTO = "auto"

Check = Callable[[Any], Any]
"""The value that is used for what the file says; ValueError with what to write instead."""


def _key(default: Any, check: Check, about: str) -> Any:
    return field(default=default, metadata={"check": check, "about": about})


# ---- checks --------------------------------------------------------------------------------------------------------------------


def _word(*words: str) -> Check:
    def check(v: Any) -> str:
        if not isinstance(v, str) or v not in words:
            raise ValueError(f"write one of {', '.join(map(repr, words))}")
        return v

    return check


def _text(what: str) -> Check:
    def check(v: Any) -> str:
        if not isinstance(v, str) or not v.strip() or any(ord(c) < 32 for c in v):
            raise ValueError(f"write {what}, in quotation marks")
        return v

    return check


def _path(v: Any) -> str:
    if not isinstance(v, str) or (v and not v.startswith("/")):
        raise ValueError('write an absolute path in quotation marks, or "" for none')
    return v


def _number(low: float, high: float, unit: str) -> Check:
    def check(v: Any) -> float:
        if isinstance(v, bool) or not isinstance(v, (int, float)) or not low <= v <= high:
            raise ValueError(f"write a number of {unit} from {low:g} to {high:g}")
        return float(v)

    return check


def _whole(low: int, high: int, unit: str) -> Check:
    def check(v: Any) -> int:
        if type(v) is not int or not low <= v <= high:
            raise ValueError(f"write a whole number of {unit} from {low} to {high}")
        return v

    return check


def _span(low_s: float, high_s: float) -> Check:
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


def _flag(v: Any) -> bool:
    if not isinstance(v, bool):
        raise ValueError("write true or false")
    return v


def _auto_or(check: Check) -> Check:
    def either(v: Any) -> Any:
        if v == AUTO:
            return v
        try:
            return check(v)
        except ValueError as e:
            raise ValueError(f'{e}, or "auto"') from None

    return either


def _baud(v: Any) -> int:
    if type(v) is not int or v not in BAUDS:
        raise ValueError(f"write one of {', '.join(map(str, BAUDS))}")
    return v


def _orders(v: Any) -> tuple[str, ...]:
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
        raise ValueError(f'{e}, "kernel" (through its driver) or "none"') from None


# ---- the schema ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receiver:
    source: str = _key("serial", _word("serial", "gpsd", "none"), "where sentences come from")
    port: str = _key(AUTO, _text('a device such as "/dev/serial0", or "socket://host:port"'), "the receiver's port")
    baud: int | str = _key(AUTO, _auto_or(_baud), "its rate; auto listens and looks which one makes sentences")
    share: bool = _key(False, _flag, "read a port that somebody else holds too (both lose bytes)")
    send: tuple[str, ...] = _key((), _orders, 'sent at every open, with the answer expected: ["$PMTK220,1000 -> $PMTK001,220,3"]')
    gpsd: str = _key("localhost:2947", _text('"host:port" of gpsd'), "used when source is gpsd")


@dataclass(frozen=True, slots=True)
class Pulse:
    backend: str = _key(
        AUTO,
        _word(AUTO, "kernel", "gpiod", "rpi-gpio", "none"),
        "what stamps the pulse; auto takes the first that works: kernel, gpiod, rpi-gpio",
    )
    device: str = _key(AUTO, _text('a name such as "pps@12.-1" or "/dev/pps0"'), "kernel: which pulse, by its name in sysfs")
    chip: str = _key(AUTO, _text('a label such as "pinctrl-bcm2711"'), "gpiod: the chip's label")
    line: int = _key(18, _whole(0, 1023, "a GPIO line"), "gpiod, rpi-gpio: the line that the pulse is wired to")
    edge: str = _key(AUTO, _word(AUTO, "assert", "clear"), "the edge that marks the second; auto finds out")
    bias_us: float | str = _key(
        AUTO, _auto_or(_number(-1e5, 1e5, "microseconds")), "by how much stamps are late; auto takes what is known of the board"
    )
    bias_err_us: float | str = _key(
        AUTO,
        _auto_or(_number(0, 1e5, "microseconds")),
        "give or take how much; auto: what is known of the board, if bias_us is auto",
    )


@dataclass(frozen=True, slots=True)
class Clocks:
    tick_s: float = _key(10.0, _span(1, 3600), "how often all clocks are read together: finds steps and who steers")
    board_s: float = _key(60.0, _span(1, 86_400), "how often temperature, throttling and governor are read")


@dataclass(frozen=True, slots=True)
class Rtc:
    chip: str = _key("none", rtc_chip, 'a clock chip to measure, such as "ds3231"; "kernel": whatever the kernel\'s driver has')
    bus: int = _key(1, _whole(0, 99, "the bus, as in /dev/i2c-1"), "the I2C bus that it is on")
    address: int | str = _key(AUTO, _auto_or(_whole(0x08, 0x77, "an I2C address")), "its address, where it is not the usual one")
    node: str = _key("/dev/rtc0", _path, 'with chip = "kernel": which one')
    every_s: float = _key(60.0, _span(4, 3600), "how often the begin of one of its seconds is looked for")
    sqw: str = _key(
        "none", _word("none", "kernel", "gpiod", "rpi-gpio"), "what stamps its 1 Hz output, where that is wired to a GPIO"
    )
    sqw_device: str = _key(AUTO, _text('a name such as "pps@1b.-1"'), "kernel: which pulse it is, by its name in sysfs")
    sqw_chip: str = _key(AUTO, _text('a label such as "pinctrl-bcm2711"'), "gpiod: the GPIO chip's label")
    sqw_line: int = _key(23, _whole(0, 1023, "a GPIO line"), "gpiod, rpi-gpio: the line that it is wired to")
    sqw_edge: str = _key("clear", _word("assert", "clear"), "the edge that begins the second (most chips: the falling one)")


@dataclass(frozen=True, slots=True)
class Record:
    folder: str = _key("/var/lib/gpstime", _path, 'where the record is kept ("": none)')
    commit_s: float = _key(60.0, _span(1, 3600), "how often it is written to the card: what a power cut may cost")
    raw_mb: int = _key(0, _whole(0, 100_000, "megabytes"), "a ring of the receiver's raw bytes of this size (0: none)")


@dataclass(frozen=True, slots=True)
class Service:
    socket: str = _key("/run/gpstime/status.sock", _path, 'gpstime status asks here; only the group may ("": none)')
    summary_s: float = _key(3600.0, _span(10, 7 * 86_400), "how often the log has a line that sums up")


@dataclass(frozen=True, slots=True)
class Config:
    """What is in force. `lines`: "section.key" to the line of the file that says so; all else is a default."""

    receiver: Receiver = field(default_factory=Receiver)
    pulse: Pulse = field(default_factory=Pulse)
    clocks: Clocks = field(default_factory=Clocks)
    rtc: Rtc = field(default_factory=Rtc)
    record: Record = field(default_factory=Record)
    service: Service = field(default_factory=Service)
    file: str = ""
    lines: dict[str, int] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, str, Any, str, int | None]]:
        """(section, key, value, about, line of the file or None for a default), in order."""
        for section in SECTIONS:
            part = getattr(self, section)
            for f in dataclasses.fields(part):
                yield section, f.name, getattr(part, f.name), f.metadata["about"], self.lines.get(f"{section}.{f.name}")


SECTIONS: dict[str, type] = {
    "receiver": Receiver,
    "pulse": Pulse,
    "clocks": Clocks,
    "rtc": Rtc,
    "record": Record,
    "service": Service,
}
