"""What the service can be told: sections and keys with their defaults, what each may be, and one line about it.

The dataclasses are the schema: a field's default is the key's default, its metadata hold the check and the line for people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gpstime.app.checks import (
    AUTO as AUTO,
)
from gpstime.app.checks import (
    Check,
    always_or,
    auto_or,
    baud,
    bits,
    flag,
    gpsd_address,
    none_or,
    number,
    orders,
    path,
    port,
    rights,
    span,
    text,
    whole,
    word,
)
from gpstime.app.checks import rtc_chip as rtc_chip


def _key(default: Any, check: Check, about: str) -> Any:
    return field(default=default, metadata={"check": check, "about": about})


# ---- the schema ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receiver:
    source: str = _key("serial", word("serial", "gpsd", "none"), "where sentences come from")
    port: str = _key(AUTO, port, "the receiver's port")
    baud: int | str = _key(AUTO, auto_or(baud), "its rate; auto listens and looks which one makes sentences")
    share: bool = _key(False, flag, "read a port that somebody else holds too (both lose bytes)")
    send: tuple[str, ...] = _key((), orders, 'sent at every open, with the answer expected: ["$PMTK220,1000 -> $PMTK001,220,3"]')
    gpsd: str = _key("localhost:2947", gpsd_address, "used when source is gpsd")


@dataclass(frozen=True, slots=True)
class Pulse:
    backend: str = _key(
        AUTO,
        word(AUTO, "kernel", "gpiod", "rpi-gpio", "none"),
        "what stamps the pulse; auto takes the first that works: kernel, gpiod, rpi-gpio",
    )
    device: str = _key(AUTO, text('a name such as "pps@12.-1" or "/dev/pps0"'), "kernel: which pulse, by its name in sysfs")
    chip: str = _key(AUTO, text('a label such as "pinctrl-bcm2711"'), "gpiod: the chip's label")
    line: int = _key(18, whole(0, 1023, "a GPIO line"), "gpiod, rpi-gpio: the line that the pulse is wired to")
    edge: str = _key(AUTO, word(AUTO, "assert", "clear"), "the edge that marks the second; auto finds out")
    bias_us: float | str = _key(
        AUTO, auto_or(number(-1e5, 1e5, "microseconds")), "by how much stamps are late; auto takes what is known of the board"
    )
    bias_err_us: float | str = _key(
        AUTO,
        auto_or(number(0, 1e5, "microseconds")),
        "give or take how much; auto: what is known of the board, if bias_us is auto",
    )


@dataclass(frozen=True, slots=True)
class Clocks:
    tick_s: float = _key(10.0, span(1, 3600), "how often all clocks are read together: finds steps and who steers")
    board_s: float = _key(60.0, span(1, 86_400), "how often temperature, throttling and governor are read")


@dataclass(frozen=True, slots=True)
class Rtc:
    chip: str = _key("none", rtc_chip, 'a clock chip to measure, such as "ds3231"; "kernel": whatever the kernel\'s driver has')
    bus: int = _key(1, whole(0, 99, "the bus, as in /dev/i2c-1"), "the I2C bus that it is on")
    address: int | str = _key(AUTO, auto_or(whole(0x08, 0x77, "an I2C address")), "its address, where it is not the usual one")
    node: str = _key("/dev/rtc0", path, 'with chip = "kernel": which one')
    every_s: float = _key(60.0, span(4, 3600), "how often the begin of one of its seconds is looked for")
    sqw: str = _key(
        "none", word("none", "kernel", "gpiod", "rpi-gpio"), "what stamps its 1 Hz output, where that is wired to a GPIO"
    )
    sqw_device: str = _key(AUTO, text('a name such as "pps@1b.-1"'), "kernel: which pulse it is, by its name in sysfs")
    sqw_chip: str = _key(AUTO, text('a label such as "pinctrl-bcm2711"'), "gpiod: the GPIO chip's label")
    sqw_line: int = _key(23, whole(0, 1023, "a GPIO line"), "gpiod, rpi-gpio: the line that it is wired to")
    sqw_edge: str = _key("clear", word("assert", "clear"), "the edge that begins the second (most chips: the falling one)")


@dataclass(frozen=True, slots=True)
class Record:
    folder: str = _key("/var/lib/gpstime", path, 'where the record is kept ("": none)')
    commit_s: float = _key(60.0, span(1, 3600), "how often it is written to the card: what a power cut may cost")
    raw_mb: int = _key(0, whole(0, 100_000, "megabytes"), "a ring of the receiver's raw bytes of this size (0: none)")


@dataclass(frozen=True, slots=True)
class Feeds:
    """Whom the service tells the time. `time_t` is of the program that is fed."""

    sock: str = _key(
        "", path, 'chrony\'s `refclock SOCK` there is given each labelled pulse ("": none); "/run/chrony.gpstime.sock"'
    )
    shm: int | str = _key("none", none_or(whole(0, 65_535, "an NTP unit")), "NTP's shared memory of this unit is given the same")
    shm_mode: str = _key(AUTO, rights, 'the rights of a segment made here, such as "0660"; auto: 0600 for units 0 and 1, else 0666')
    time_t: int | str = _key(
        AUTO, auto_or(bits), "bits of time_t in who is fed: 32 or 64; auto looks at chronyd and at this system"
    )


@dataclass(frozen=True, slots=True)
class Discipline:
    """Whether the service steers the system clock, and what it may do to it (docs/discipline.md)."""

    steer: bool = _key(False, flag, "steer the system clock by the pulse; takes CAP_SYS_TIME")
    takeover: bool = _key(False, flag, "steer although another program is seen to steer")
    trust_receiver: bool = _key(False, flag, "step at once although the clock, which NTP held for right, is seconds off")
    first_step_ms: float = _key(1.0, number(0, 1e9, "milliseconds"), "the first update steps an offset beyond this (0: never)")
    step_ms: float = _key(128.0, number(0, 1e9, "milliseconds"), "later ones beyond this (0: never)")
    step_updates: int | str = _key("always", always_or(whole(0, 1_000_000, "updates")), "steps in so many first updates only")
    never_back: bool = _key(False, flag, "never step backwards: slew, however long it takes")
    panic_s: float = _key(1000.0, number(0, 1e9, "seconds"), "an unexplained offset beyond this is not believed (0: none)")
    stepout_s: float = _key(300.0, number(0, 1e6, "seconds"), "how long an offset that nothing explains must last")
    max_slew_ppm: float = _key(500.0, number(1, 500, "ppm"), "the largest correction, drift included")
    free_ms: float = _key(1.0, number(0.001, 1e6, "milliseconds"), "a holdover whose bound is beyond this is a free-running clock")


@dataclass(frozen=True, slots=True)
class Service:
    socket: str = _key("/run/gpstime/status.sock", path, 'gpstime status asks here; only the group may ("": none)')
    summary_s: float = _key(3600.0, span(10, 7 * 86_400), "how often the log has a line that sums up")


@dataclass(frozen=True, slots=True)
class Config:
    """What is in force. `lines`: "section.key" to the line of the file that says so; all else is a default."""

    receiver: Receiver = field(default_factory=Receiver)
    pulse: Pulse = field(default_factory=Pulse)
    clocks: Clocks = field(default_factory=Clocks)
    rtc: Rtc = field(default_factory=Rtc)
    record: Record = field(default_factory=Record)
    feeds: Feeds = field(default_factory=Feeds)
    discipline: Discipline = field(default_factory=Discipline)
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
    "feeds": Feeds,
    "discipline": Discipline,
    "service": Service,
}
