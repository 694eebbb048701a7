"""`gpstime devices`: the board's inventory with its pulses watched, and the same for programs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gpstime.app.advice import advice
from gpstime.drivers.inventory import Inventory, lateness, pulses, seen_ticking, take_inventory
from gpstime.ports import Timebase

_LOOK_S = 0.25


def look(root: Path, timebase: Timebase, watch_s: float) -> Inventory:
    """The inventory, with every pulse watched until it has come once more, at most for `watch_s` (0: nothing is watched)."""
    found = take_inventory(root)
    before = found.pulses
    if not before or watch_s <= 0:
        return found
    until = timebase.now() + round(watch_s * 1e9)
    while True:
        timebase.sleep(_LOOK_S)
        seen = seen_ticking(before, tuple(pulses(root)))
        if all(p.ticking for p in seen) or timebase.now() >= until:
            return replace(found, pulses=seen)


def as_object(found: Inventory) -> dict[str, Any]:
    """The object of `gpstime devices --json` (docs/json.md)."""
    return {
        "model": found.model or None,
        "kernel": found.kernel or None,
        "config": found.boot.config or None,
        "header_port": found.header_port or None,
        "serial": [
            {
                "path": p.path,
                "what": p.what,
                "driver": p.driver,
                "link": p.link or None,
                "allowed": p.allowed,
                "holders": [{"pid": h.pid, "command": h.command, "sure": h.sure} for h in p.holders],
            }
            for p in found.serial
        ],
        "pulses": [
            {
                "path": p.path,
                "name": p.kernel.name,
                "kind": p.kernel.kind,
                "gpio": p.kernel.pin,
                "allowed": p.allowed,
                "ticking": p.ticking,
                "late_ns": late.late_ns if late else None,
                "doubt_ns": late.doubt_ns if late else None,
            }
            for p in found.pulses
            for late in (lateness(found.model, p),)
        ],
        "chips": [asdict(c) for c in found.chips],
        "i2c": [{"path": b.path, "name": b.name, "devices": list(b.devices)} for b in found.i2c],
        "rtcs": list(found.rtcs),
        "clocksource": found.clocksource or None,
        "counter": found.counter or None,
        "celsius": found.condition.celsius,
        "governor": found.condition.governor or None,
        "steerers": [asdict(s) for s in found.steerers],
        "advice": [{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(a).items()} for a in advice(found)],
    }
