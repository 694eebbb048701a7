"""`gpstime measure`: the command, its options, and its report for people and as JSON."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import textwrap
from typing import Any

from gpstime.app.durations import parse_duration, say_duration
from gpstime.app.measure import Measurement, measure, unreadable
from gpstime.errors import DeviceError, GpstimeError, UsageError
from gpstime.model import Drift, Label

LIVE = "live"
"""The world that is meant where none is named."""
HOUR_S, DAY_S = 3600.0, 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments

    parser.add_argument(
        "--world",
        action="append",
        metavar="live|sim|FILE",
        help="where pulses and sentences come from: this machine (the default), a simulated board, or a capture (- is stdin); "
        "may be given several times",
    )
    parser.add_argument(
        "--for", dest="limit_s", type=_duration, metavar="TIME", help="measure this long (true time): 90s, 10m, 1h, 2d"
    )
    parser.add_argument(
        "--source",
        choices=("serial", "gpsd", "none"),
        help="where this machine's sentences come from: the port, a gpsd that owns it, or nowhere (default: the configuration's)",
    )
    parser.add_argument("--noise", choices=("auto", "white"), default="auto", help="white: the crystal is declared not to wander")
    parser.add_argument("--json", action="store_true", help="one JSON object for each world, and nothing else on stdout")
    add_board_arguments(parser.add_argument_group("the simulated board (--world sim)"))


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


# ---- JSON ----------------------------------------------------------------------------------------------------------------------


def _number(v: float | None, digits: int = 4) -> float | None:
    return None if v is None or not math.isfinite(v) else round(v, digits)


def _below(v: float) -> float:
    """An interval is rounded outwards: what it contains it still contains."""
    return math.floor(v * 1e4) / 1e4


def _above(v: float) -> float:
    return math.ceil(v * 1e4) / 1e4


def _why(m: Measurement) -> str:
    """All that a reader of the object alone should know: the status, the label where it is not ok, the assumption made."""
    parts = (m.why, m.label_why if m.label is not Label.OK else "", m.assumption)
    return " ".join(part.rstrip(".") + "." for part in parts if part)


def as_object(m: Measurement) -> dict[str, Any]:
    """The JSON object; frequencies in ppb, positive when the clock gains; None is what is not known."""
    d = m.drift

    def labelled(pair: Any) -> Any:
        return None if pair is None else {"t": pair[0], "utc": pair[1].iso()}

    return {
        "file": m.file,
        "freq_ppb": None if d is None else _number(d.freq_ppb),
        "freq_lo_ppb": None if d is None else _below(d.freq_lo_ppb),
        "freq_hi_ppb": None if d is None else _above(d.freq_hi_ppb),
        "mean_freq_ppb": None if d is None else _number(d.mean_ppb),
        "mean_freq_lo_ppb": None if d is None else _below(d.mean_lo_ppb),
        "mean_freq_hi_ppb": None if d is None else _above(d.mean_hi_ppb),
        "n": None if m.status == "unreadable" else m.n,
        "span_s": _number(m.span_s, 3),
        "label": None if m.status == "unreadable" else m.label.value,
        "first_labelled": labelled(m.first_labelled),
        "last_labelled": labelled(m.last_labelled),
        "rejected": m.rejected,
        "steps": m.steps,
        "status": m.status,
        "why": _why(m),
        "assumption": m.assumption or None,
        "steered_by": m.steered_by or None,
        "board": m.head.get("board"),
        "simulated": m.simulated,
        "skipped": m.skipped,
        "pulse_noise_ns": None if d is None else _number(d.white_pm_ns),
        "white_fm": None if d is None else d.white_fm,
        "walk_fm": None if d is None else d.walk_fm,
        "walk_seen": None if d is None else m.walk_seen,
        "seconds_to_10_ppb": _number(m.seconds_to_target, 0),
    }


# ---- for people ----------------------------------------------------------------------------------------------------------------


def _places(half_ppm: float) -> int:
    """Decimals such that the half-width shows two digits."""
    return min(max(1 - math.floor(math.log10(half_ppm)), 0), 6) if half_ppm > 0 else 4


def ppm(freq: float, lo: float, hi: float) -> str:
    """`+2.314 ± 0.012 ppm (95 %: +2.302 … +2.326)` from ppb."""
    half = (hi - lo) / 2000
    p = _places(half)
    return f"{freq / 1000:+.{p}f} ± {half:.{p}f} ppm (95 %: {lo / 1000:+.{p}f} … {hi / 1000:+.{p}f})"


def say_time(seconds: float) -> str:
    """With three digits: 8.33 ms; from 100 s on in minutes, hours and days."""
    size = abs(seconds)
    if size >= 100:
        return ("-" if seconds < 0 else "") + say_duration(size)
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if size * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def cost(d: Drift, after_s: float) -> str:
    """What the clock will be off after `after_s` without correction, with what the interval and the walk make of it (95 %)."""
    half = (d.freq_hi_ppb - d.freq_lo_ppb) / 2 * 1e-9 * after_s
    walk = 1.96 * d.walk_fm * math.sqrt(after_s**3 / 3)  # the integral of a random walk of frequency
    return f"{say_time(abs(d.freq_ppb) * 1e-9 * after_s)} ± {say_time(math.hypot(half, walk))}"


def _per_day(ppb: float) -> str:
    """Signed seconds in a day, four digits, never as a power of ten."""
    seconds = ppb * 1e-9 * DAY_S
    places = 3 - math.floor(math.log10(abs(seconds))) if seconds else 3
    return f"{seconds:+.{min(max(places, 0), 9)}f}"


def _rate(ppb: float) -> str:
    return f"{ppb:.2g} ppb" if ppb < 99.5 else f"{ppb / 1000:.2g} ppm"


def _noise(m: Measurement, d: Drift) -> list[str]:
    """The levels found, in words: each with what it does to a measurement."""
    white = f"white frequency noise {d.white_fm:.1e} at 1 s" if d.white_fm > 0 else "no white frequency noise seen"
    hour = _rate(d.walk_fm * 1e9 * math.sqrt(HOUR_S))  # a random walk grows with the root of time
    if m.walk_seen:
        walk = f"the frequency wanders by about {hour} in an hour (random walk {d.walk_fm:.1e} per root second)"
    elif d.walk_fm > 0:
        walk = f"no wander of the frequency seen; up to {hour} in an hour can't be excluded yet"
    else:
        walk = "the frequency is taken not to wander (declared white)"
    return [f"pulse noise {say_time(d.white_pm_ns * 1e-9)}, {white}", walk]


def _to_target(m: Measurement) -> str:
    left = m.seconds_to_target
    if left is None:
        return ""
    if math.isinf(left):
        return "never: this crystal wanders more than that while it is being measured"
    return "reached" if left <= 0 else f"in about {say_duration(left)} more"


def _count(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: -item[1])) or "none"


def as_text(m: Measurement) -> str:
    """The report, several lines."""
    rows: list[tuple[str, str]] = []
    d = m.drift
    board, about = m.head.get("board"), m.head.get("about")
    if board or about:
        rows.append(("board", ", ".join(" ".join(str(v).split()) for v in (board, about) if v)))
    if d is None:
        rows.append(("frequency", "unknown"))
    else:
        rows.append(
            (
                "frequency",
                f"{ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb)} now; the clock {'gains' if d.freq_ppb >= 0 else 'loses'}",
            )
        )
        rows.append(("", f"{ppm(d.mean_ppb, d.mean_lo_ppb, d.mean_hi_ppb)} mean of the run"))
        rows.append(("", f"{_per_day(d.freq_ppb)} seconds per day"))
        if m.status != "steered":
            rows.append(("uncorrected", f"{cost(d, HOUR_S)} off after an hour, {cost(d, DAY_S)} after a day"))
        rows += zip(("noise", ""), _noise(m, d), strict=True)
        if _to_target(m):
            rows.append(("±0.01 ppm", _to_target(m)))
    if m.status != "unreadable":
        span = f" over {say_duration(m.span_s)}" if m.span_s else ""
        rows.append(("pulses", f"{m.n} used{span}" + (" (ended by Ctrl-C)" if m.interrupted else "")))
        rows.append(("second", f"{m.label.value}: {m.label_why}" if m.label_why else m.label.value))
        if m.last_labelled is not None:
            rows.append(("", f"last labelled pulse {m.last_labelled[1].iso()}"))
        if m.assumption:
            rows.append(("assumed", m.assumption))
        rows.append(("rejected", _count(m.rejected)))
        if m.skipped:
            rows.append(("lines", f"skipped: {_count(m.skipped)}"))
        rows.append(("steps", f"{m.steps or 0} of the system clock" + (f"; {m.steered_by} steers it" if m.steered_by else "")))
        rows += [("note", note) for note in m.notes]
    rows.append(("status", f"{m.status}: {m.why}"))
    lines = [m.file]
    for name, text in rows:
        first, *more = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"  {name:<12}{first}", *(" " * 14 + line for line in more)]
    return "\n".join(lines)


# ---- the command ---------------------------------------------------------------------------------------------------------------


class Live:
    """The live line on a terminal: one for each pulse at first, then one for each hundredth of the run (a minute at most), so that
    a replay is not slowed down by it."""

    def __init__(self) -> None:
        self._next = 0
        self._width = 0

    def __call__(self, offset: Any, engine: Any) -> None:
        n = offset.n
        if n < self._next:
            return
        self._next = n + max(1, min(60, n // 100))
        d = engine.drift.estimate(offset.at)
        frequency = "measuring" if d is None else ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb).partition(" (")[0]
        line = f"{say_duration(n)}: {frequency}; second {engine.pairing.label.value}; {engine.rejected.total()} rejected"
        line = line[: shutil.get_terminal_size().columns - 1]  # a line that wraps can't be overwritten
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)

    def clear(self) -> None:
        if self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)


def _on_terminal() -> bool:
    return sys.stderr.isatty()


def _one(name: str, args: argparse.Namespace) -> tuple[Measurement, int]:
    """The result of one world and the exit code that it asks for."""
    from gpstime.app.worlds import open_world
    from gpstime.drivers.leap_files import load

    try:
        opened = open_world(name, args)
    except UsageError:
        raise
    except DeviceError as e:
        other = "for a simulated board say --world sim, for a capture --world FILE; gpstime devices shows what this machine has"
        raise UsageError(f"this machine has no pulse to measure: {e} ({other})") from None
    except GpstimeError as e:
        return unreadable(name, e), 1
    live = Live() if _on_terminal() else None
    try:
        m = measure(
            opened.world,
            load(),
            name=name,
            not_before=opened.not_before,
            noise=args.noise,
            limit_s=args.limit_s,
            simulated=opened.simulated,
            progress=live,
            sinks=opened.sinks,
        )
    except GpstimeError as e:  # a disk that fails on the way
        return unreadable(name, e), 1
    finally:
        if live is not None:
            live.clear()
    return m, 0 if m.drift is not None else 1


def command(args: argparse.Namespace) -> int:
    """Exit code 0 if every world gave a frequency, 1 if one did not, be it that it could not be read at all."""
    worst = 0
    for name in args.world or [LIVE]:
        if name == "sim" and not args.json:
            print("SIMULATED: a made-up board, not a measurement of this machine.")
        m, code = _one(name, args)
        print(json.dumps(as_object(m)) if args.json else as_text(m), flush=True)
        if code:
            print(f"gpstime measure: {m.why if m.status == 'unreadable' else f'{name}: no frequency: {m.why}'}", file=sys.stderr)
        worst = max(worst, code)
        if m.interrupted:
            break
    return worst
