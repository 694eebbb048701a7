"""What `gpstime chrony` prints: lines for chrony.conf from what the service has measured, and what chronyc's flags mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpstime.app.settings import AUTO, Config
from gpstime.core.chrony_lines import (
    Measured,
    Version,
    lock_limit_s,
    needed_delay_s,
    pps_lines,
    shm_lines,
    sock_lines,
)
from gpstime.core.chrony_sources import Explained, explain
from gpstime.core.chrony_table import in_words, parse
from gpstime.drivers.chrony_conf import Refclock
from gpstime.errors import DeviceMissing, UsageError

SOCKET = "/run/chrony.gpstime.sock"
"""Debian's AppArmor profile of chronyd allows /run/chrony.*.sock."""
UNIT = 10
"""Beyond those of gpsd."""
GPSD_UNIT = 0
"""Where gpsd puts the time of its first receiver's sentences."""
WAYS = ("sock", "shm", "pps")


@dataclass(slots=True)
class Advice:
    """`lines` are for chrony.conf, `notes` for a person; `good` is False where what was measured can't work."""

    version: Version
    via: str
    measured: Measured
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    good: bool = True


def version_of(text: str) -> Version:
    """From what the user says; UsageError for what is no version."""
    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(?:[.\-].*)?", text.strip())
    if not found:
        raise UsageError(f"{text!r} is no version of chrony: write it like 4.3")
    return int(found[1]), int(found[2])


def measured_in(status: Mapping[str, Any]) -> Measured:
    """From the object of `gpstime status --json`."""
    stamps, receiver = status.get("stamps"), status.get("receiver")
    stamps = stamps if isinstance(stamps, Mapping) else {}
    delay = receiver.get("delay") if isinstance(receiver, Mapping) else None
    delay = delay if isinstance(delay, Mapping) else {}

    def whole(place: Mapping[str, Any], key: str) -> int | None:
        value = place.get(key)
        return value if type(value) is int else None

    return Measured(
        whole(stamps, "bias_ns"),
        whole(stamps, "bias_err_ns"),
        True,
        str(stamps.get("bias_why") or ""),
        whole(delay, "median_ns"),
        whole(delay, "spread_ns"),
        whole(delay, "n") or 0,
    )


def status_in(text: str, name: str) -> dict[str, Any]:
    """A status that was saved; UsageError where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not ("stamps" in found or "receiver" in found):
        raise UsageError(f"{name} is no answer of gpstime status --json: save one there, or leave --from out to ask the service")
    return found


def advise(via: str, version: Version, config: Config, measured: Measured, device: str, time_bits: int) -> Advice:
    """The lines for one way; DeviceMissing where what they need was not measured yet."""
    out = Advice(version, via, measured)
    file = config.file or "/etc/gpstime.toml"
    if via == "sock":
        path = config.feeds.sock or SOCKET
        out.lines = sock_lines(version, measured, path, time_bits)
        if not config.feeds.sock:
            out.notes.append(f'gpstime does not feed it yet: write sock = "{path}" below [feeds] in {file}, and restart it')
        out.notes.append("chronyd makes the socket for root only: hw/chrony/gpstime.conf gives it to the group gpstime")
        return out
    if via == "shm":
        unit = UNIT if config.feeds.shm == "none" else int(config.feeds.shm)
        mode = 0o666 if config.feeds.shm_mode == AUTO else int(config.feeds.shm_mode, 8)
        out.lines = shm_lines(version, measured, unit, mode)
        if config.feeds.shm == "none":
            out.notes.append(f"gpstime does not feed it yet: write shm = {unit} below [feeds] in {file}, and restart it")
        return out
    if measured.sentences_ns is None or measured.spread_ns is None:
        raise DeviceMissing("how late the sentences are is not measured yet: let gpstime run hear them for half an hour")
    out.measured = measured = _not_taken_off(measured)
    out.lines = pps_lines(version, measured, device, config.pulse.edge, GPSD_UNIT)
    spread_s, limit_s = measured.spread_ns / 1e9 if measured.spread_ns else 0.0, lock_limit_s(version)
    if 3 * spread_s > limit_s:
        out.good = False
        out.notes.append(
            f"with an offset too the sentences stray by {3 * spread_s:.3f} s, beyond the {limit_s:g} s that a lock allows: "
            "a higher baud rate or fewer sentences, or --via sock, which needs no lock"
        )
    out.notes.append("gpstime --via sock needs neither gpsd nor lock, and chronyd starts where the pulse's device is missing")
    return out


def there_already(clocks: Sequence[Refclock], via: str, config: Config, device: str) -> list[str]:
    """What lines that chrony's configuration has already mean for new ones, in sentences."""
    ours = {
        ("SOCK", config.feeds.sock or SOCKET),
        ("SHM", str(UNIT) if config.feeds.shm == "none" else config.feeds.shm),
    }
    new = {"sock": "SOCK", "shm": "SHM", "pps": "PPS"}[via]
    told = []
    for clock in clocks:
        where, what = f"{clock.file} line {clock.line}", (clock.driver, clock.device)
        if clock.driver == new and (what in ours or clock.device == device):
            told.append(f"{where} has such a line already: replace it, for chrony would have both ({clock.text})")
        elif clock.driver == "PPS" or what in ours:
            told.append(
                f"{where} gives chrony the same pulse in another way: no second opinion, and counted as one; keep one of them, or "
                f"write noselect behind one ({clock.text})"
            )
    return told


def _not_taken_off(measured: Measured) -> Measured:
    from dataclasses import replace

    return replace(measured, taken_off=False)


def explained(text: str, version: Version, feeds: object) -> tuple[list[Explained], list[str]]:
    """chronyc's sources in words, and the lines of it that are none. `feeds`: what the service says of them, if it does."""
    sources, unreadable = parse(text)
    feeding = None
    if isinstance(feeds, list):
        feeding = any(isinstance(f, Mapping) and f.get("state") == "feeding" for f in feeds)
    return explain(sources, lock_limit_s(version), feeding), unreadable


def as_object(
    advice: Advice | None, rows: list[Explained], notes: list[str], version: Version, clocks: Sequence[Refclock] = ()
) -> dict[str, object]:
    """What `gpstime chrony --json` prints."""
    measured = Measured() if advice is None else advice.measured
    return {
        "version": f"{version[0]}.{version[1]}",
        "via": None if advice is None else advice.via,
        "lines": [] if advice is None else advice.lines,
        "notes": notes,
        "late_ns": measured.late_ns,
        "doubt_ns": measured.doubt_ns,
        "delay_s": None if advice is None else needed_delay_s(measured.bound_ns),
        "sentences_ns": measured.sentences_ns,
        "spread_ns": measured.spread_ns,
        "n": measured.n,
        "lock_limit_s": lock_limit_s(version),
        "configured": [{"file": c.file, "line": c.line, "text": c.text} for c in clocks],
        "sources": [
            {
                "mode": row.source.mode,
                "state": row.source.state,
                "name": row.source.name,
                "stratum": row.source.stratum,
                "poll": row.source.poll,
                "reach": row.source.reach,
                "last_s": row.source.last_s,
                "offset_s": row.source.offset_s,
                "measured_s": row.source.measured_s,
                "error_s": row.source.error_s,
                "words": in_words(row.source),
                "why": row.why,
            }
            for row in rows
        ],
    }
