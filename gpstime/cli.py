"""The command line: finds the command, turns errors into one sentence and an exit code. What a command does is in app and report.

Exit codes: 0 done; 1 the command ran and did not get what it was asked for; 2 usage or set-up is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import gpstime
from gpstime.errors import GpstimeError

COMMANDS = {
    "chrony": ("gpstime.report.chrony", "lines for chrony.conf that fit what was measured, and what chronyc's flags mean"),
    "config": ("gpstime.report.config", "the service's configuration in force, and every error in it"),
    "devices": ("gpstime.report.devices", "what this board has, and what to change in which file"),
    "discipline": ("gpstime.report.discipline", "steer a clock by the pulse: a dry run, unless --steer is said"),
    "export": ("gpstime.app.export", "a run of the record as an open capture"),
    "holdover": (
        "gpstime.report.holdover",
        "a drill, the pulse being masked and measured all the while; and how often the bounds held so far",
    ),
    "import": ("gpstime.app.bring", "open captures into a record"),
    "lab": ("gpstime.report.lab", "slew and step side by side; the loop that steers a clock, on traces"),
    "measure": ("gpstime.report.measure", "how far off is the crystal, in ppm, with a 95 %% interval"),
    "nmea": ("gpstime.app.nmea", "every epoch and every rejection of a raw receiver capture"),
    "replay": ("gpstime.report.replay", "a run of the record again: is it what the run itself found, and when was it"),
    "rtc": ("gpstime.report.rtc", "a clock chip: what it shows, how far off it is, its trim, setting it"),
    "run": ("gpstime.app.daemon", "the service: watch pulse and receiver until told to stop"),
    "sim": ("gpstime.app.sim", "write a capture of a simulated board"),
    "status": ("gpstime.report.status", "how the running service stands"),
    "temperature": ("gpstime.report.temperature", "what the temperature does to the crystal, and chrony's tempcomp for it"),
}
"""name: (module with `add_arguments(parser)` and `command(args) -> int`, one line of help); imported only when needed"""


class _Help(argparse.HelpFormatter):
    """As wide as the terminal; argparse itself loads shutil and three compressors to ask how wide that is."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
        except (OSError, ValueError):
            columns = 0
        super().__init__(prog, width=(columns or 80) - 2)


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser, complete for the command `wanted` only: importing all commands to print a list would cost their start-up."""
    parser = argparse.ArgumentParser(
        prog="gpstime", description="How wrong is this clock?", allow_abbrev=False, formatter_class=_Help
    )
    parser.add_argument("--version", action="version", version=f"gpstime {gpstime.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, line) in COMMANDS.items():
        about = (line[0].upper() + line[1:] + ".").replace("%%", "%")
        sub = commands.add_parser(name, help=line, description=about, allow_abbrev=False, formatter_class=_Help)
        if name == wanted:
            importlib.import_module(module).add_arguments(sub)
    return parser


def _complain(command: str, message: object) -> None:
    sentence = " ".join(str(message).split()) or "failed"
    print(f"gpstime {command}: {sentence}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. argparse's own SystemExit (0 for help, 2 for usage) passes through."""
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        # a file name or a device's text may hold what the terminal can't show; that is no reason to end
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    command = next((a for a in argv if a in COMMANDS), "")
    try:
        args = _parser(command).parse_args(argv)
        code: int = importlib.import_module(COMMANDS[command][0]).command(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has seen enough; keep the interpreter's own flush at exit quiet too
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        _complain(command, "interrupted")
        return 130
    except (GpstimeError, OSError) as e:
        _complain(command, e)
        return 2
    except MemoryError:
        _complain(command, "out of memory")
        return 2
    return code
