"""A scenario of the simulated world, played on the virtual board: the same seed, stamped by a kernel that we did not write.

The simulation's raw clock becomes the guest's (shifted, not stretched: the crystal's error is in the spacing of what is played),
and the guest's system clock is set to what the simulated one would show. Played are pulses and bytes, an unplugged port, and steps
of the system clock by others; faults of the counter itself (a slow timer, sleep) and of the stamps (a stretched bracket) are not.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, replace

from board import NS, PARAMETERS, Board, Deed, raw_ns

from gpstime.model import DeviceFound, DeviceLost, Event, PpsEdge, SerialBytes
from gpstime.sim.faults import Fault
from gpstime.sim.personalities import personality
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import UtcTime

AHEAD_NS = 3 * NS
"""Between setting up and the first event: in real time, the player needs a moment."""


@dataclass
class Played:
    """What was simulated, what is played, and by how much raw times differ (guest less simulation)."""

    world: SimWorld
    events: list[Event]
    shift_ns: int
    playing: subprocess.Popen[str]

    def true_ns(self, raw: int) -> int:
        """True POSIX time in ns when the guest's raw clock shows `raw`: between two seconds as the simulated crystal has them."""
        truth, begin = self.world.truth, self.world.raw_start + self.shift_ns
        k = max(0, min((raw - begin) // NS, truth.seconds - 2))
        at = [begin + j * NS + truth.x_ns(j) for j in (k, k + 1)]
        return truth.utc(k).unix + round((raw - at[0]) / (at[1] - at[0]) * NS)


def streams(board: Board, world: SimWorld, events: list[Event], line: int | str, inverted: bool) -> list[list[Deed]]:
    """Pulses, bytes, the port's coming and going, and steps of the clock, as deeds on the board at the simulation's raw times."""
    edges = [e.at for e in events if isinstance(e, PpsEdge) and e.edge == "assert"]
    width_s = personality(world.scenario.personality).pulse_width_ms / 1000
    said = ((e.at, e.data) for e in events if isinstance(e, SerialBytes))
    plugged = PARAMETERS.format("vpi_tty", "plugged")
    steps = [f for f in world.scenario.faults if isinstance(f, Fault) and f.name == "system-step"]
    return [
        list(board.pulses(edges, width_s, line, inverted)),
        list(board.says(said)),
        [(e.at, plugged, str(int(isinstance(e, DeviceFound)))) for e in events if isinstance(e, (DeviceLost, DeviceFound))],
        [
            (world.raw_start + round(f.at_s * NS + world.truth.x_ns(int(f.at_s))), "clock", str(round(f.number("step") * NS)))
            for f in sorted(steps, key=lambda f: f.at_s)
        ],
    ]


def play(board: Board, scenario: Scenario, line: int | str = 18, inverted: bool = False) -> Played:
    """Simulate it, set the guest's clock, begin to play. The scenario starts at the guest's present time unless it says when."""
    start = scenario.start or UtcTime.from_unix(time.time_ns() // NS * NS + 60 * NS)
    world = SimWorld(replace(scenario, start=start))
    events = list(world.events())
    deeds = streams(board, world, events, line, inverted)
    first = next(e for e in events if isinstance(e, PpsEdge))
    shift_ns = raw_ns() + AHEAD_NS - events[0].at
    time.clock_settime_ns(time.CLOCK_REALTIME, first.shown - (first.at + shift_ns - raw_ns()))
    moved = (((at + shift_ns, path, text) for at, path, text in stream) for stream in deeds)
    return Played(world, events, shift_ns, board.play(*moved))
