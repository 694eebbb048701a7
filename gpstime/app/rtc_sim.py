"""A simulated board with a simulated clock chip on a simulated bus, for `gpstime rtc ... --world sim`: the real driver runs on it.

One true-time axis: the pulses are those of `SimWorld`, the chip ticks in its true time, and the raw clock of both is its crystal.
With a state folder the chip goes on from one command to the next, as its battery would have it: its time, its trim register,
whether it is trusted, and the crystals of chip and board.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gpstime.app.board import scenario_from
from gpstime.app.rtc_bench import Followed
from gpstime.app.rtc_second import TrueSecond, verified_second
from gpstime.app.rtc_starts import Beside
from gpstime.app.rtc_world import RtcWorld, SimChip
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.drivers.rtc import chip_named
from gpstime.errors import DeviceError, UsageError
from gpstime.model import Adjustment, Applied, Event
from gpstime.sim.oscillator import static_ppm
from gpstime.sim.scenario import LEAPS, START
from gpstime.sim.world import SimWorld
from gpstime.store.rtc_history import History
from gpstime.times import NS, RawNs, UnixNs, UtcTime

LONGEST_S = 40 * 86_400
BETWEEN_S = 60
"""True time that passes between two commands."""
CHIP_PPM = 0.5
"""A simulated chip's own error where --rtc-ppm does not say it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What goes on from one command to the next; `ahead_ns` None: the chip has lost its time."""

    runs: int
    true_unix: int
    ahead_ns: int | None
    mean_ppm: float
    trim: int | None
    chip_ppm: float
    board_ppm: float


class _Resumed:
    """The one world of a command, looked at again and again: each time its events go on."""

    def __init__(self, events: Iterator[Event], world: SimWorld) -> None:
        self._events, self._world = events, world

    def events(self) -> Iterator[Event]:
        return (event for event in self._events)  # the iterator itself would be ended by whoever stops looking

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self._world.adjust(adjustment)

    def close(self) -> None:
        """The board goes on."""


class SimBench:
    """Fits `rtc_bench.Bench`. `fake` is the chip itself, for tests, which may also break it before they use it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.name = chip_named(args.chip or args.rtc or "ds3231")
        self._file = None if args.state is None else Path(args.state) / f"sim-{self.name}.json"
        kept = self._kept()
        scenario = scenario_from(argparse.Namespace(**vars(args) | {"duration_s": LONGEST_S}))
        board_ppm = kept.board_ppm if kept and args.ppm is None else static_ppm(scenario.oscillator, scenario.seed)
        self._ppm = args.rtc_ppm if args.rtc_ppm is not None else kept.chip_ppm if kept else CHIP_PPM
        self._runs, self._board_ppm = (kept.runs if kept else 0), board_ppm
        self._start, offset_s, trusted = scenario.start or START, float(args.rtc_offset), not args.rtc_untrusted
        if kept:
            self._start = UtcTime.from_unix((kept.true_unix // NS + BETWEEN_S) * NS)
            trusted = kept.ahead_ns is not None
            gained = (self._start.unix - kept.true_unix) * kept.mean_ppm * 1e-6
            offset_s += ((kept.ahead_ns or 0) + gained) / NS
        scenario = replace(
            scenario,
            start=self._start,
            rtc=None,
            seed=scenario.seed + self._runs,
            oscillator=replace(scenario.oscillator, ppm=board_ppm),
        )
        trim = kept.trim if kept else None
        self.board = RtcWorld(scenario.checked(), SimChip(self.name, self._ppm, offset_s, trusted, trim))
        self.world, self.fake, self.bus, self.time = self.board.world, self.board.fake, self.board.bus, self.board.time
        self.chip = self.board.chip
        self._events = iter(self.board.events())
        self.history = History(args.state, f"sim-{self.name}")
        self.about = (
            f"SIMULATED: a made-up {self.name} that gains {self._ppm:g} ppm by itself, on a made-up board; no device was touched."
        )

    # ---- what the commands ask ---------------------------------------------------------------------------------------------------

    def second(self) -> TrueSecond:
        self._catch_up()
        found = verified_second(_Resumed(self._events, self.world), LEAPS, source="simulated GPS")
        self.time.run_to(self.world.now)
        return found

    def follow(self, lasts_s: float) -> Followed:
        self._catch_up()
        beside, until = Beside(), self.time.now() + round(lasts_s * NS)

        def limited() -> Iterator[Event]:
            for event in self._events:
                yield event
                if event.at >= until:
                    return

        spec = self.chip.trim_spec
        engine = Engine(LEAPS, trim_of=lambda chip: spec)
        run(_Resumed(limited(), self.world), engine, [beside])
        self.time.run_to(self.world.now)
        return Followed(beside, engine)

    def _catch_up(self) -> None:
        """The board lived on while the chip was talked to."""
        for event in self._events:
            if event.at >= self.time.now():
                return

    def clock(self) -> tuple[RawNs, UnixNs, int]:
        now = self.time.now()
        return now, self.world.clock.shown(now), 100

    def set_clock(self, unix: UnixNs, at: RawNs) -> None:
        """The simulated board's own clock; this machine's is out of reach here."""
        self.world.clock.step(unix - self.world.clock.shown(at))

    def not_before(self) -> UtcTime | None:
        return None

    @property
    def true_unix(self) -> int:
        """For tests and for the file: what time it is."""
        return self._start.unix + self.time.true_ns(self.time.now())

    # ---- from one command to the next --------------------------------------------------------------------------------------------

    def _kept(self) -> _Kept | None:
        if self._file is None or not self._file.exists():
            return None
        try:
            found: dict[str, Any] = json.loads(self._file.read_text())
            return _Kept(**found)
        except (OSError, ValueError, TypeError) as e:
            raise UsageError(f"{self._file}: this is no simulated chip ({e}): remove it, or name another --state") from None

    def close(self) -> None:
        """Keep the chip for the next command."""
        if self._file is None:
            return
        try:
            trim = None if self.chip.trim_spec is None else self.chip.read_trim()
        except DeviceError:  # nobody answers, as some fault wants it
            trim = self.board.spec.trim
        now, truth = self.true_unix, self.fake.truth_at(self.time.true_now)
        ahead = truth.shows.unix - now if truth.shows is not None and truth.trusted else None
        kept = _Kept(self._runs + 1, now, ahead, truth.mean_ppm, trim, self._ppm, self._board_ppm)
        body = json.dumps(asdict(kept))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(body + "\n")
            os.replace(part, self._file)
        except OSError as e:
            raise DeviceError(f"{self._file}: can't be written ({e.strerror or e}): name another folder with --state") from None
