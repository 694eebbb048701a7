"""`gpstime status`: how the running service stands, from its socket."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from gpstime.app.config import load
from gpstime.app.durations import say_duration
from gpstime.app.lateness import say_lateness
from gpstime.app.status import ask_status
from gpstime.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the service's answer as one JSON object")
    parser.add_argument("--socket", metavar="PATH", help="the service's socket (default: what its configuration says)")
    parser.add_argument("--config", metavar="FILE", help="the service's configuration (default: its usual place)")


def _ppm(s: dict[str, Any]) -> str:
    if s.get("freq_ppb") is None:
        return "unknown"
    low, value, high = (s[key] / 1000 for key in ("freq_lo_ppb", "freq_ppb", "freq_hi_ppb"))
    return f"{value:+.4f} ppm (95 %: {low:+.4f} to {high:+.4f}); the clock {'gains' if value >= 0 else 'loses'}"


def _device(d: dict[str, Any]) -> str:
    ago = d.get("last_s_ago")
    last = "nothing came yet" if ago is None else f"last {say_duration(ago)} ago"
    lost = f", lost {d['losses']} times" if d.get("losses") else ""
    return f"{(d.get('reason') or 'none, or not opened yet').rstrip('.')}; {last}{lost}"


def _record(r: dict[str, Any]) -> str:
    if r["state"] != "ok":
        return f"{r['state']}: {r['why']}" + (f"; {r['dropped']} batches are lost" if r["dropped"] else "")
    ring = f", a ring of {r['ring_bytes'] / 1e6:.1f} MB" if r["ring_bytes"] else ""
    return f"run {r['run']}, {r['written_bytes'] / 1e6:.1f} MB written{ring}"


def _delay(receiver: dict[str, Any]) -> str:
    delay = receiver.get("delay")
    return f", {delay['median_ns'] / 1e6:.0f} ms after the pulse, give or take {delay['spread_ns'] / 1e6:.0f} ms" if delay else ""


def _feed(feed: dict[str, Any]) -> str:
    failed = f", {feed['failed']} could not be" if feed["failed"] else ""
    return f"{feed['state']}: {feed['why']}; {feed['sent']} samples sent{failed}"


def _holdovers(h: dict[str, Any]) -> str:
    if not h["outages"]:
        return "none scored yet"
    off, bound = h["last"]["off_ns"] / 1e3, h["last"]["bound_ns"] / 1e3
    last = f"the last, {say_duration(h['last']['lasted_s'])}, ended {off:+.1f} us off with a bound of {bound:.1f} us"
    doubt = "; fewer than 95 % should give by chance" if h["doubtful"] else ""
    return f"{h['held']} of {h['outages']} outages within their bound{doubt}; {last}"


def _rtc(r: dict[str, Any]) -> str:
    if r["freq_ppb"] is None:
        found = f"{r['chip']}: no frequency yet"
    else:
        lo, hi = r["freq_lo_ppb"] / 1000, r["freq_hi_ppb"] / 1000
        what = "the pulses" if r["against"] == "gps" else "the system clock"
        found = f"{r['chip']}: {r['freq_ppb'] / 1000:+.3f} ppm ({lo:+.3f} to {hi:+.3f}) against {what}"
    if r["offset_ns"] is not None:
        found += f"; {r['offset_ns'] / 1e9:+.4f} s (chip minus true)"
    return found + (f"; disturbed {r['breaks']} times, last: {r['last_break']}" if r["breaks"] else "")


def as_text(s: dict[str, Any]) -> str:
    """Several lines for people."""
    rows = [("status", f"{s.get('status')}: {s.get('why')}")]
    if "label" in s:
        rows += [
            ("running", f"{say_duration(s['running_s'])}; {s['tool']}"),
            ("frequency", _ppm(s)),
            ("pulses", f"{s['n']} used" + (f" over {say_duration(s['span_s'])}" if s["span_s"] else "")),
            ("second", f"{s['label']}; last labelled pulse {s['last_labelled'] or 'none'}"),
        ]
        if s.get("offset_ns") is not None:
            rows.append(("system clock", f"{s['offset_ns'] / 1e9:+.6f} s (ours minus true)"))
        rows.append(("pulse", _device(s["pulse"])))
        if isinstance(s.get("stamps"), dict) and s["stamps"].get("backend"):
            rows.append(("stamps", f"{say_lateness(s['stamps'])} ({s['stamps']['backend']})"))
        rows.append(("receiver", f"{_device(s['receiver'])}; {s['receiver']['sentences']} sentences{_delay(s['receiver'])}"))
        rejected = ", ".join(f"{n} {reason}" for reason, n in sorted(s["rejected"].items(), key=lambda item: -item[1]))
        rows.append(("rejected", rejected or "none"))
        by = f"; {s['steered_by']} steers it" if s.get("steered_by") else ""
        rows.append(("steps", f"{s['steps']} of the system clock{by}"))
        if rtc := s.get("rtc"):
            rows.append(("rtc", _rtc(rtc)))
        if kept := (s.get("discipline") or {}).get("holdovers"):
            rows.append(("holdovers", _holdovers(kept)))
        if record := s.get("record"):
            rows.append(("record", _record(record)))
        rows += [(f"feed {feed['kind']}", _feed(feed)) for feed in s.get("feeds") or ()]
        if s.get("temperature_c"):
            rows.append(("temperature", ", ".join(f"{name} {c:.1f} C" for name, c in s["temperature_c"].items())))
    lines = []
    for name, text in rows:
        first, *more = textwrap.wrap(str(text), 100, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"{name:<14}{first}", *(" " * 14 + line for line in more)]
    return "\n".join(lines)


def command(args: argparse.Namespace) -> int:
    """Exit code 0 while it measures, 1 if the service runs and something is missing, 2 if it does not run or may not be asked."""
    path = args.socket or load(args.config).service.socket
    if not path:
        raise UsageError('the service has no status socket: give [service] socket a path (it is "" in the configuration)')
    found = ask_status(path)
    print(json.dumps(found) if args.json else as_text(found))
    return 0 if found.get("status") == "measuring" else 1
