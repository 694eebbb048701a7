"""`gpstime rtc`: its actions and their options. What an action does is in app, what it says in `rtc_words`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from gpstime.app.durations import parse_duration, say_duration
from gpstime.app.rtc_bench import Bench
from gpstime.errors import RtcRefused, UsageError
from gpstime.report import rtc_trim_words as rates
from gpstime.report import rtc_words as words

ACTIONS = {
    "show": "what the chip says: its time and how far to trust it, its flags, its trim register, its history",
    "compare": "how far its second is from the true one, and its ppm since it was last compared",
    "measure": "its ppm, and the board's, over some hours",
    "trim": "which value of its trim register is best; --apply writes it, --verify looks what it did, --undo takes it back",
    "set": "set it, so that its second begins with the true one",
    "boot": "what time it is without GPS, with a bound; --apply sets the system clock",
}
HOURS_S = 4 * 3600.0
_KNOWN = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s*(?:\+-|±)\s*(\d+(?:\.\d+)?))?(?:\s*ppm)?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, about in ACTIONS.items():
        action = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".", allow_abbrev=False)
        _common(action)
        if name in ("measure", "trim"):
            action.add_argument(
                "--for", dest="lasts_s", type=_duration, default=HOURS_S, metavar="TIME", help="at least this long (default 4h)"
            )
        if name == "trim":
            action.add_argument(
                "--known", type=_known, metavar="PPM+-PM", help="its error, instead of the last measurement: 3.8+-0.1"
            )
            action.add_argument("--all", action="store_true", help="what every value of the register would leave")
            does = action.add_mutually_exclusive_group()
            does.add_argument("--apply", action="store_true", help="write the proposed value")
            does.add_argument("--verify", action="store_true", help="measure what the last write did")
            does.add_argument("--undo", action="store_true", help="put back what the last write replaced")
        if name == "boot":
            action.add_argument("--apply", action="store_true", help="set the system clock, if this is better than what it shows")


def _common(action: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments

    add = action.add_argument
    add("--chip", metavar="NAME", help="ds3231, pcf8523, ..., or kernel (default: the configuration's, else looked for on the bus)")
    add("--bus", type=int, metavar="N", help="the I2C bus /dev/i2c-N (default: the configuration's, 1)")
    add("--address", type=_address, metavar="0xNN", help="its address (default: the chip's usual one)")
    add(
        "--state",
        metavar="FOLDER",
        help="where its history is kept (default: beside the service's record; a simulated chip: nowhere)",
    )
    add(
        "--world",
        choices=("live", "sim"),
        default="live",
        help="sim: a simulated chip on a simulated board (default: this machine)",
    )
    add("--config", metavar="FILE", help="this machine's devices (default: /etc/gpstime.toml, if there)")
    add("--json", action="store_true", help="one JSON object")
    add_board_arguments(action.add_argument_group("the simulated board (--world sim)"))


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def _address(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no I2C address: write it like 0x68") from None


def _known(text: str) -> tuple[float, float]:
    match = _KNOWN.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no error in ppm with its doubt: write 3.8+-0.1")
    return float(match[1]), float(match[2] or 0.0)


def open_bench(args: argparse.Namespace) -> Bench:
    """The chip that the options mean; GpstimeError where it can't be."""
    if args.world == "sim":
        from gpstime.app.rtc_sim import SimBench

        return SimBench(args)
    from gpstime.app.rtc_live import LiveBench

    return LiveBench(args)


def command(args: argparse.Namespace) -> int:
    """0; 1 if the chip did not give or take what was asked (what that is: docs/json.md); errors of set-up come as GpstimeError."""
    bench = open_bench(args)
    if not bench.about and (args.action == "measure" or getattr(args, "verify", False)):
        print(f"following the chip for {say_duration(args.lasts_s)}; Ctrl-C ends it with what was seen by then", file=sys.stderr)
    try:
        found, text, code = _RUN[args.action](bench, args)
    except RtcRefused as e:
        why = " ".join(str(e).split())
        found, text, code = {"status": "refused", "why": why}, f"refused: {why}", 1
    finally:
        bench.close()
    head = {"action": args.action, "chip": bench.chip.name, "simulated": bool(bench.about)}
    if args.json:
        print(json.dumps(head | found))
    else:
        print((bench.about + "\n" if bench.about else "") + text)
    return code


Said = tuple[dict[str, Any], str, int]


def _show(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app.rtc_show import show

    shown = show(bench)
    return words.show_object(shown), words.show_text(shown), 0 if shown.status.trusted else 1


def _refused(e: Exception) -> Said:
    why = " ".join(str(e).split())
    return {"status": "no-second", "why": why}, f"refused: {why}", 1


def _compare(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app.rtc_compare import compare
    from gpstime.app.rtc_second import NoSecond

    try:
        c = compare(bench)
    except NoSecond as e:
        return _refused(e)
    return words.compare_object(c), words.compare_text(c), 0 if c.trusted else 1


def _set(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app.rtc_second import NoSecond
    from gpstime.app.rtc_set import set_chip

    try:
        done = set_chip(bench)
    except NoSecond as e:
        return _refused(e)
    return words.set_object(done), words.set_text(done), 0 if done.within else 1


def _measure(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app.rtc_measure import measure_chip

    m = measure_chip(bench, args.lasts_s)
    return rates.measure_object(m), rates.measure_text(m), 0 if m.ppm is not None else 1


def _boot(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app.rtc_boot import boot

    b = boot(bench, args.apply)
    return words.boot_object(b), words.boot_text(b), 0 if b.found is not None else 1


def _trim(bench: Bench, args: argparse.Namespace) -> Said:
    from gpstime.app import rtc_trim as trim

    if args.undo:
        undone = trim.undo(bench)
        return rates.written_object(undone, "undone"), rates.written_text(undone, "undone"), 0 if undone.taken else 1
    if args.verify:
        verified = trim.verify(bench, args.lasts_s)
        if isinstance(verified, str):
            return {"status": "unclear", "why": verified}, f"unclear: {verified}", 1
        bad = verified.verdict is not None and verified.verdict.word == "farther"
        return rates.verified_object(verified), rates.verified_text(verified), 1 if bad else 0
    said = None
    if args.known is not None:
        ppm, pm = args.known
        trim.spec_of(bench)
        held = bench.chip.read_trim()
        assert held is not None
        said = trim.Known(ppm, ppm - pm, ppm + pm, held, "said")
    proposal = trim.propose(bench, said)
    found, text = rates.proposal_object(proposal, args.apply), rates.proposal_text(proposal, args.all)
    if not args.apply:
        more = "  nothing was written: --apply writes it" if proposal.plan.worth else "  nothing was written"
        return found, f"{text}\n{more}", 0
    if not proposal.plan.worth:
        return found, f"{text}\n  nothing was written", 0
    written = trim.apply(bench, proposal)
    return (
        found | rates.written_object(written, "written"),
        f"{text}\n{rates.written_text(written, 'written')}",
        (0 if written.taken else 1),
    )


_RUN: dict[str, Callable[[Bench, argparse.Namespace], Said]] = {
    "show": _show,
    "compare": _compare,
    "measure": _measure,
    "trim": _trim,
    "set": _set,
    "boot": _boot,
}
