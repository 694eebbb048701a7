"""A pulse through RPi.GPIO, or through rpi-lgpio, which installs itself under the same name. The last resort.

Both call back from a thread of their own, and the stamp is taken there: in user space, tens to hundreds of microseconds after the
edge and milliseconds under load (F-P05). So only one edge is asked for (by the time Python looks, a short pulse is over and its
level says nothing), and each edge is labelled as stamped in user space. Never with a bounce time, which would delay it more.

lgpio's thread waits for the first pin to watch without looking whether it is there already (lgPthAlerts.c): now and then it sleeps
through the order and no edge ever comes (one start in ten on a loaded virtual Pi). A second order wakes it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import shutil
import tempfile
from queue import Empty, SimpleQueue
from typing import Any, Literal

from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import EdgeStamp, Timebase
from gpstime.times import NS

WAITING = 100
"""Edges that may wait to be taken; more are a noisy pin, and are counted as missed."""
UNHEARD_NS = 3 * NS
"""Without any edge for so long after the start, rpi-lgpio is given its order once more."""


def load() -> Any:
    """The module `RPi.GPIO`, whichever of the two it is; DeviceError that says what is in the way."""
    here = os.getcwd()
    if "LG_WD" not in os.environ and not os.access(".", os.W_OK):
        # lgpio makes a named pipe in the folder that it is started in, which for a service is /; this is its word for another
        os.environ["LG_WD"] = place = tempfile.mkdtemp(prefix="gpstime-lgpio.")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        module = importlib.import_module("RPi.GPIO")
        os.chdir(here)  # lgpio goes to LG_WD
        return module
    except ImportError as error:
        if "lgpio" in str(error):
            raise DeviceMissing(f"rpi-lgpio is installed without what it stands on ({error}): apt install python3-lgpio.") from None
        raise DeviceMissing(
            f"the Python module RPi.GPIO can't be imported ({error}): pip install 'gpstime-pi[rpi-lgpio]' (any board), or "
            "'gpstime-pi[rpi-gpio]' (up to Pi 4 with a kernel before 6.6). They exclude each other."
        ) from None
    except Exception as error:  # both look at the board while they are imported
        raise translated(error, "RPi.GPIO", None) from None


def flavour(module: Any) -> str:
    """Which of the two it is: rpi-lgpio is made of lgpio and shows it."""
    return "rpi-lgpio" if hasattr(module, "lgpio") else "RPi.GPIO"


def translated(error: Exception, which: str, line: int | None) -> DeviceError:
    """What the libraries' famous words mean, and what to do (P2, P11)."""
    words = str(error).strip("'\"")
    pin = 18 if line is None else line
    better = f'use backend = "kernel" (dtoverlay=pps-gpio,gpiopin={pin} in config.txt) or backend = "gpiod"'
    if "Cannot determine SOC peripheral base address" in words:
        return DeviceError(f"{which} cannot drive this board (a Raspberry Pi 5 with its RP1 chip: {words}): {better}.")
    if "Failed to add edge detection" in words:
        return DeviceError(
            f"{which} gets no edges of GPIO{pin} ({words}): it needs a kernel before 6.6 and a pin that no kernel driver holds; "
            f"{better}."
        )
    if "can only be run on a Raspberry Pi" in words:
        return DeviceError(f"{which} does not know this board ({words}): {better}.")
    if "No access to /dev/mem" in words or isinstance(error, PermissionError):
        return DeviceForbidden(f"{which}: permission denied ({words}). Join the group: sudo usermod -aG gpio $USER; or {better}.")
    if "busy" in words or "Conflicting edge detection" in words:
        return DeviceBusy(
            f"{which}: GPIO{pin} is in use ({words}): if the kernel's pulse driver has it, {better}; or free the pin."
        )
    if "not allocated" in words:
        return DeviceBusy(f"{which}: GPIO{pin} was taken away ({words}): {better}; or free the pin.")
    if "can not open gpiochip" in words:
        return DeviceForbidden(
            f"{which}: no GPIO chip could be opened ({words}): join the group gpio; on a Pi 5 whose chip is gpiochip0, "
            f"RPI_LGPIO_CHIP=0 in the environment; or {better}."
        )
    if "different mode has already been set" in words:
        return DeviceError(f"{which}: another part of this program counts pins as on the board ({words}): use one way only.")
    return DeviceError(f"{which}: GPIO{pin} can't be used ({type(error).__name__}: {words}): {better}.")


class PpsRpiGpio:
    """One pin (its BCM number). Fits `ports.PpsInput`. `missed`: edges that nobody took in time."""

    def __init__(
        self, line: int, *, edge: Literal["assert", "clear"] = "assert", time: Timebase | None = None, gpio: Any = None
    ) -> None:
        self._gpio = gpio = load() if gpio is None else gpio
        self.flavour = flavour(gpio)
        self.name = f"GPIO{line} through {self.flavour}"
        self.missed = 0
        self._edge = edge
        self._line, self._now = line, (time or MachineTime()).now
        self._edges: SimpleQueue[EdgeStamp] = SimpleQueue()
        self._seq = 0
        self._open = False
        late = "edges come tens to hundreds of microseconds late, and milliseconds under load"
        self._notes = [f"{self.name}: stamped in user space, so {late}; the kernel's pulse (dtoverlay=pps-gpio) is far better."]
        try:
            gpio.setwarnings(False)  # for them a pin in use is a warning on the terminal; what matters is refused below
            gpio.setmode(gpio.BCM)
            gpio.setup(line, gpio.IN)
            self._open = True
            self._watch()
        except Exception as error:  # RuntimeError, ValueError, lgpio.error: the two agree on no type
            self.close()
            raise translated(error, self.flavour, line) from None
        self._again_at = self._now() + UNHEARD_NS if self.flavour == "rpi-lgpio" else None

    def _watch(self) -> None:
        gpio = self._gpio
        gpio.add_event_detect(self._line, gpio.RISING if self._edge == "assert" else gpio.FALLING, callback=self._on_edge)

    def _on_edge(self, channel: int) -> None:
        """In the library's thread: the stamp first."""
        at = self._now()
        self._seq += 1
        if self._edges.qsize() >= WAITING:
            self.missed += 1
        else:
            self._edges.put(EdgeStamp("raw", at, self._edge, self._seq, "user"))

    def notes(self) -> list[str]:
        """Sentences for people since the last call."""
        said, self._notes = self._notes, []
        return said

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """See `ports.PpsInput`. These libraries never tell that a pin is gone."""
        if not self._open:
            raise DeviceMissing(f"{self.name} was closed.")
        try:
            return self._edges.get(timeout=timeout_s) if timeout_s > 0 else self._edges.get_nowait()
        except Empty:
            if self._again_at is not None and self._now() >= self._again_at:
                self._again_at = None
                if not self._seq:
                    self._watch_again()
            return None

    def _watch_again(self) -> None:
        try:
            self._gpio.remove_event_detect(self._line)
            self._watch()
        except Exception as error:
            raise translated(error, self.flavour, self._line) from None

    def close(self) -> None:
        was_open, self._open = self._open, False
        if was_open:
            with contextlib.suppress(Exception):
                self._gpio.remove_event_detect(self._line)
            with contextlib.suppress(Exception):
                self._gpio.cleanup(self._line)
