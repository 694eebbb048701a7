"""One object that stands for the virtual board: what a test may do to its lines, its serial port, its RTC and its neighbours.

Works inside the virtual Pi only (`hw/bench/boot.py`). Times are in ns on CLOCK_MONOTONIC_RAW, the board's crystal.
"""

from __future__ import annotations

import glob
import heapq
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterable, Iterator
from pathlib import Path

NS = 1_000_000_000
PORT = "/dev/ttyAMA0"
FAR_END = "/dev/ttyAMA1"
PLAYER = Path(__file__).with_name("player.py")
PPS_DRIVER = Path("/sys/bus/platform/drivers/pps-gpio")
PARAMETERS = "/sys/module/{}/parameters/{}"
I2C_BUS = 1
RTC_ADDRESS = 0x68
NEVER = 1 << 62

CARRIER_DETECT = "carrier-detect"
"""In place of a GPIO line's number: the modem line of the serial port."""

Deed = tuple[int, str, str]
"""When (raw ns), which file, what to write into it: `hex:` before bytes. For `clock` it is a step of the system clock in ns."""


def raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


class Board:
    """The wiring. Everything that it starts ends with `close`."""

    def __init__(self) -> None:
        self.tools = Path(os.environ["VPI_DIR"]) / "tools"
        self.travels = os.environ.get("GPSTIME_BOARD") == "travel"
        self._far_end = os.open(FAR_END, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._far_end)
        self._started: list[subprocess.Popen[str]] = []
        # what a test before left of chronyd's or our own steering; adjtime's mode leaves all others out, so it is a call of its own
        for words in (("-f", "0", "-t", "10000"), ("-o", "0")):
            subprocess.run(["busybox", "adjtimex", *words], check=True, stdout=subprocess.DEVNULL)

    # ---- lines and bytes -----------------------------------------------------------------------------------------------------

    def pull_of(self, line: int) -> str:
        """The file by which a line is pulled up and down."""
        return glob.glob(f"/sys/devices/platform/gpio-sim*/gpiochip*/sim_gpio{line}/pull")[0]

    def levels(self, line: int | str) -> tuple[str, str, str]:
        """The file of a line, what to write into it for low, and what for high."""
        if line == CARRIER_DETECT:
            return PARAMETERS.format("vpi_tty", "dcd"), "0", "1"
        assert isinstance(line, int)
        return self.pull_of(line), "pull-down", "pull-up"

    def pull(self, line: int | str, up: bool) -> None:
        """Put a line up or down, at once; and wait a bit, for its interrupt is run when nobody computes."""
        file, *levels = self.levels(line)
        Path(file).write_text(levels[up])
        time.sleep(0.001)

    def pulses(self, at: Iterable[int], width_s: float = 0.1, line: int | str = 18, inverted: bool = False) -> Iterator[Deed]:
        """Pulses that begin at these times, in order. One that begins within the one before (a bounce) ends that half-way."""
        pull, *levels = self.levels(line)
        end, begin = levels[::-1] if inverted else levels
        for t, following in itertools.pairwise([*at, NEVER]):
            yield t, pull, begin
            yield min(t + round(width_s * NS), (t + following) // 2), pull, end

    def says(self, portions: Iterable[tuple[int, bytes]]) -> Iterator[Deed]:
        """Bytes that arrive at the serial port at these times, each portion at once."""
        for t, data in portions:
            yield t, FAR_END, "hex:" + data.hex()

    def at_baud(self, bursts: Iterable[tuple[int, bytes]], baud: int, portion: int = 16) -> Iterator[tuple[int, bytes]]:
        """Bursts that begin at these times, in portions as a UART's FIFO hands them over at this rate."""
        for t, data in bursts:
            for k in range(0, len(data), portion):
                part = data[k : k + portion]
                yield t + (k + len(part)) * 10 * NS // baud, part

    def play(self, *streams: Iterable[Deed]) -> subprocess.Popen[str]:
        """Begin to do all this, each stream being in order; the process that does it (`played` waits for its end)."""
        with tempfile.TemporaryFile("w+") as deeds:
            deeds.writelines(f"{at} {path} {text}\n" for at, path, text in heapq.merge(*streams))
            deeds.seek(0)
            playing = subprocess.Popen([sys.executable, PLAYER], stdin=deeds, stdout=subprocess.PIPE, text=True)
        self._started.append(playing)
        return playing

    def played(self, playing: subprocess.Popen[str]) -> tuple[int, int]:
        """Wait for its end: how many deeds were done, and how late the latest was, in ns."""
        said, _ = playing.communicate()
        word, n, late = said.split()
        assert (word, playing.returncode) == ("done", 0), said
        return int(n), int(late)

    # ---- devices ---------------------------------------------------------------------------------------------------------------

    def set(self, module: str, parameter: str, value: object) -> None:
        """A parameter of one of the kernel's models (kernel/modules says what each does)."""
        Path(PARAMETERS.format(module, parameter)).write_text(f"{value}\n")

    def baud(self, rate: int) -> None:
        """The rate at which the receiver sends; a reader at another rate hears rubbish. 0: any."""
        self.set("vpi_tty", "baud", rate)

    def plug_serial(self, there: bool) -> None:
        """Unplug the serial port, with a hang-up for whoever has it open, or bring it back; the receiver talks on meanwhile."""
        self.set("vpi_tty", "plugged", int(there))

    def plug_pps(self, there: bool) -> None:
        """Take the kernel's pulse device away, or bring it back."""
        if (PPS_DRIVER / "pps@12").exists() != there:
            (PPS_DRIVER / ("bind" if there else "unbind")).write_text("pps@12")

    def rtc(self, **parameters: object) -> None:
        """Of the DS3231: drift_ppb (positive gains on the raw clock), temp_q (quarter degrees), nak (its address answers nobody),
        stopped (the oscillator stands, OSF is set), baud (of the bus, bits a second)."""
        for name, value in parameters.items():
            self.set("vpi_ds3231", name, int(value) if isinstance(value, bool) else value)

    def hold_rtc(self, held: bool) -> None:
        """Let the kernel's own driver have the RTC (/dev/rtc0), or take it away again."""
        device = Path(f"/sys/bus/i2c/devices/i2c-{I2C_BUS}")
        if held:
            (device / "new_device").write_text(f"ds3231 {RTC_ADDRESS:#x}\n")
        else:
            (device / "delete_device").write_text(f"{RTC_ADDRESS:#x}\n")

    # ---- neighbours ------------------------------------------------------------------------------------------------------------

    def start(self, command: list[str], log: Path) -> subprocess.Popen[str]:
        """Start a program that ends with the board."""
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, env=self.library_path())
        self._started.append(process)
        return process

    def time_carrier_detect(self, log: Path) -> subprocess.Popen[str]:
        """Have the kernel time the serial port's carrier-detect line: a second pulse device, for as long as this process lives."""
        there = len(glob.glob("/dev/pps*"))
        attached = self.start(["ldattach", "-d", "PPS", PORT], log)
        while attached.poll() is None and len(glob.glob("/dev/pps*")) == there:
            time.sleep(0.01)
        return attached

    def library_path(self) -> dict[str, str]:
        """An environment in which the daemons of Debian's packages find the libraries unpacked beside them."""
        found = glob.glob(str(self.tools / "usr/lib/*-linux-gnu"))
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(found)}

    def chronyd(self, configuration: str, log: Path) -> subprocess.Popen[str]:
        """Start the real chronyd, from Debian's package; it may steer this machine's clock: it is the guest's."""
        Path("/run/chrony").mkdir(mode=0o750, exist_ok=True)
        conf = Path("/run/chrony/chrony.conf")
        conf.write_text(
            f"{configuration}\ncmdport 0\nbindcmdaddress /run/chrony/chronyd.sock\npidfile /run/chrony/chronyd.pid\nuser root\n"
        )
        return self.start([str(self.tools / "usr/sbin/chronyd"), "-d", "-f", str(conf)], log)

    def chronyc(self, *words: str) -> str:
        """What chronyc says to this, about the chronyd started above."""
        done = subprocess.run(
            [self.tools / "usr/bin/chronyc", "-h", "/run/chrony/chronyd.sock", "-n", *words],
            capture_output=True, text=True, check=False, env=self.library_path(),
        )  # fmt: skip
        return done.stdout + done.stderr

    def gpsd(self, log: Path, *devices: str) -> subprocess.Popen[str]:
        """Start the real gpsd on these devices, without waiting for clients, on its usual port (the guest's own loopback)."""
        return self.start([str(self.tools / "usr/sbin/gpsd"), "-N", "-n", "-D", "2", *devices], log)

    def close(self) -> None:
        """End all that was started, and put the lines down."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pull in glob.glob("/sys/devices/platform/gpio-sim*/gpiochip*/sim_gpio*/pull"):
            Path(pull).write_text("pull-down")  # a player that was ended within a pulse left its line up
        # and a test that failed half-way may have left something pulled out
        self.plug_pps(True)
        self.plug_serial(True)
        self.baud(0)
        self.set("vpi_tty", "dcd", 0)
        os.close(self._far_end)
