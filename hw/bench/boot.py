#!/usr/bin/env python3
"""Boot the virtual Pi, run one command in it, hand its output and its exit code over.

    hw/bench/boot.py [--travel] [--timeout S] [--keep DIR] -- COMMAND ARGUMENT…

Real time by default. `--travel`: the kernel's clock is simulated and sleeps are skipped, so that an hour passes in seconds and
nothing but the devices' own latency stands between a pulse and its stamp: accuracy is judged there and only there. The command
runs as root of the guest in the current folder; the file system is the host's, read-only; /tmp and /run are memory; /run/out is a
folder of the host, which `--keep` names (what the command leaves there stays).

Exit code: the command's; 2 for a set-up that is wrong; 3 when the guest died or did not end in time.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "TERM", "COLUMNS", "CI")
MEMORY_MB = 512


def built() -> Path:
    """The folder with kernel, modules and device tree; `SystemExit` with the remedy if there is none."""
    where = subprocess.run([HERE / "build.sh", "--where"], capture_output=True, text=True, check=False)
    if where.returncode:
        sys.stderr.write(where.stderr or "virtual Pi: not built yet; build it: make virtual-pi\n")
        raise SystemExit(2)
    return Path(where.stdout.strip())


def boot(command: list[str], *, travel: bool, timeout_s: float, keep: Path | None, environment: dict[str, str]) -> int:
    """Boot, run, print what it said as it says it; the command's exit code, or 3."""
    kernel = built()
    out = keep or Path(tempfile.mkdtemp(prefix="virtual-pi."))
    out.mkdir(parents=True, exist_ok=True)
    for name in ("exit-code", "said", "dmesg", "console"):
        (out / name).unlink(missing_ok=True)
    values = {k: os.environ[k] for k in PASSED_ON if k in os.environ} | {
        "GPSTIME_BOARD": "travel" if travel else "real",
        "VPI_DIR": str(kernel),
        **environment,
    }
    (out / "environment").write_text("".join(f"{k}={shlex.quote(v)}\n" for k, v in values.items()))
    (out / "command").write_text("exec " + shlex.join(command) + "\n")
    (out / "said").touch()
    arguments = [
        str(kernel / "linux"), f"mem={MEMORY_MB}M", f"dtb={kernel / 'vpi.dtb'}", "rootfstype=hostfs", "rootflags=/", "ro",
        f"init={HERE / 'guest' / 'init.sh'}", "con=null", "con0=null,fd:1", "quiet", "loglevel=3", "panic=-1",
        f"VPI_DIR={kernel}", f"VPI_OUT={out}", f"VPI_CWD={os.getcwd()}",
        *(["time-travel=inf-cpu"] if travel else []),
    ]  # fmt: skip
    with (out / "console").open("wb") as console, tempfile.TemporaryDirectory(dir=place_for_memory(out)) as scratch:
        guest = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "TMPDIR": scratch},
        )  # fmt: skip
        ended = threading.Event()
        shown = threading.Thread(target=show, args=(out / "said", ended))
        shown.start()
        try:
            guest.wait(timeout_s)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"virtual Pi: not done after {timeout_s:.0f} s, stopped\n")
        finally:
            if guest.poll() is None:
                os.killpg(guest.pid, 9)  # its own session: the guest's processes and nothing else
                guest.wait()
            ended.set()
            shown.join()
    try:
        code = int((out / "exit-code").read_text())
    except (OSError, ValueError):
        sys.stderr.write("virtual Pi: the guest gave no exit code; its console said:\n")
        sys.stderr.write("".join((out / "console").read_text(errors="replace").splitlines(keepends=True)[-20:]))
        code = 3
    if keep is None:
        shutil.rmtree(out, ignore_errors=True)
    return code


def place_for_memory(otherwise: Path) -> Path:
    """Where the kernel keeps its memory, which is a file that it executes: in memory, if there is room (a container has 64 MB)."""
    shm = Path("/dev/shm")
    if not os.access(shm, os.W_OK):
        return otherwise
    about = os.statvfs(shm)
    fits = about.f_bavail * about.f_frsize > (MEMORY_MB + 64) << 20
    return shm if fits and not about.f_flag & os.ST_NOEXEC else otherwise


def show(path: Path, ended: threading.Event) -> None:
    """Print what the guest's command writes, while it writes it."""
    with path.open("rb") as said:
        while True:
            last = ended.is_set()
            if portion := said.read():
                sys.stdout.buffer.write(portion)
                sys.stdout.buffer.flush()
            elif last:
                return
            else:
                time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description="Boot the virtual Pi and run one command in it.")
    parser.add_argument("--travel", action="store_true", help="simulated time: sleeps are skipped")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="give up after so many seconds (default: 600)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="the guest's /run/out, kept; else a temporary folder")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable for the command")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the guest ends with us
    environment = dict(pair.split("=", 1) for pair in args.set)
    keep = args.keep.resolve() if args.keep else None
    return boot(args.command, travel=args.travel, timeout_s=args.timeout, keep=keep, environment=environment)


if __name__ == "__main__":
    sys.exit(main())
