"""Made-up RPi.GPIO and rpi-lgpio: an instance of `FakeRpiGpio` stands in for the module `RPi.GPIO`.

Refuses what the real ones refuse, with their words (read in RPi.GPIO 0.7.1 and rpi-lgpio 0.6). Callbacks run when `arrive` is
called, `late_ns` after their edge on the clock given, in place of the library's own thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Literal

from gpstime.ports import Timebase
from gpstime.times import NS, RawNs


class LgpioError(Exception):
    """lgpio.error: its words come in quotation marks."""

    def __init__(self, words: str) -> None:
        super().__init__(words)

    def __str__(self) -> str:
        return repr(self.args[0])


class FakeRpiGpio:
    """`board`: pi4 or pi5; `kernel`: its version; `held`: pins of other drivers; `access`: may open /dev/gpiomem and gpiochips.

    `unheard`: so many orders to watch a pin that lgpio's thread sleeps through.
    """

    UNKNOWN, BOARD, BCM = -1, 10, 11
    OUT, IN, LOW, HIGH = 0, 1, 0, 1
    RISING, FALLING, BOTH = 31, 32, 33

    def __init__(
        self,
        time: Timebase,
        flavour: Literal["RPi.GPIO", "rpi-lgpio"] = "RPi.GPIO",
        *,
        board: str = "pi4",
        kernel: tuple[int, int] = (6, 1),
        held: Iterable[int] = (),
        access: bool = True,
        late_ns: int = 200_000,
        unheard: int = 0,
    ) -> None:
        self.VERSION = "0.7.1" if flavour == "RPi.GPIO" else "0.7.2"
        if flavour == "rpi-lgpio":
            self.lgpio = SimpleNamespace(error=LgpioError)
            if not access:  # opens its chip while it is imported
                raise LgpioError("can not open gpiochip")
        self.flavour, self._board, self._kernel = flavour, board, kernel
        self._held, self._access = set(held), access
        self._time, self.late_ns = time, late_ns
        self._unheard = unheard
        self._mode = self.UNKNOWN
        self._inputs: set[int] = set()
        self._watched: dict[int, tuple[int, Callable[[int], object] | None, int]] = {}
        self._edges: dict[int, deque[tuple[int, bool]]] = {}

    # ---- wiring ------------------------------------------------------------------------------------------------------------------

    def wire(self, pin: int, edges: Iterable[tuple[int, bool]]) -> None:
        """Edges (raw clock, rising) that will arrive at this pin."""
        self._edges.setdefault(pin, deque()).extend(edges)

    def arrive(self, upto: RawNs) -> None:
        """Time goes on to `upto`, and what happens meanwhile is called back at its instant."""
        for pin, edges in self._edges.items():
            edge, callback, bounce_ms = self._watched.get(pin, (0, None, 0))
            late = self.late_ns + bounce_ms * 1_000_000
            while edges and edges[0][0] + late <= upto:
                at, rising = edges.popleft()
                if callback is not None and edge in (self.BOTH, self.RISING if rising else self.FALLING):
                    self._time.sleep(max(0, at + late - self._time.now()) / NS)
                    callback(pin)
        self._time.sleep(max(0, upto - self._time.now()) / NS)

    # ---- the module --------------------------------------------------------------------------------------------------------------

    def setwarnings(self, on: bool) -> None:
        pass

    def setmode(self, mode: int) -> None:
        if self._mode not in (self.UNKNOWN, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def getmode(self) -> int | None:
        return None if self._mode == self.UNKNOWN else self._mode

    def _pin(self, channel: int) -> int:
        if self._mode == self.UNKNOWN:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        if not 0 <= channel < 54:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        return channel

    def setup(self, channel: int, direction: int) -> None:
        pin = self._pin(channel)
        if direction not in (self.IN, self.OUT):
            raise ValueError("An invalid direction was passed to setup()")
        if self.flavour == "rpi-lgpio":
            if pin in self._held:
                raise LgpioError("GPIO busy")
        elif self._board == "pi5":
            raise RuntimeError("Cannot determine SOC peripheral base address")
        elif not self._access:
            raise RuntimeError("No access to /dev/mem.  Try running as root!")
        if direction == self.IN:
            self._inputs.add(pin)

    def add_event_detect(
        self, channel: int, edge: int, callback: Callable[[int], object] | None = None, bouncetime: int | None = None
    ) -> None:
        pin = self._pin(channel)
        if pin not in self._inputs:
            raise RuntimeError("You must setup() the GPIO channel as an input first")
        if edge not in (self.RISING, self.FALLING, self.BOTH):
            raise ValueError("The edge must be set to RISING, FALLING or BOTH")
        if bouncetime is not None and bouncetime <= 0:
            raise ValueError("Bouncetime must be greater than 0")
        if pin in self._watched and self._watched[pin][0] != edge:
            raise RuntimeError("Conflicting edge detection already enabled for this GPIO channel")
        # kernels from 6.6 on number GPIOs from 512, where this library does not look
        if self.flavour == "RPi.GPIO" and (self._kernel >= (6, 6) or pin in self._held):
            raise RuntimeError("Failed to add edge detection")
        self._watched[pin] = (edge, None if self._unheard else callback, bouncetime or 0)
        self._unheard = max(0, self._unheard - 1)

    def remove_event_detect(self, channel: int) -> None:
        self._watched.pop(self._pin(channel), None)

    def cleanup(self, channel: int) -> None:
        self._inputs.discard(self._pin(channel))
        if not self._inputs:
            self._mode = self.UNKNOWN
