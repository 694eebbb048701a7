"""A simulated board as a World: events merged on one true-time axis, a virtual clock, the truth beside it.

Every true second is prepared as a whole (crystal, pulse, burst, readings), its items are sorted by true time and turned into events
one by one as they are asked for: what the system clock shows is computed at that moment, so an adjustment acts on all after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import itemgetter

import gpstime
from gpstime.model import Adjustment, Applied, Event, PpsEdge, SerialBytes, Slew
from gpstime.sim.calendar import Calendar
from gpstime.sim.clock import SimClock, board
from gpstime.sim.disturb import Action, Disturbances
from gpstime.sim.faults import Fault
from gpstime.sim.line import Line
from gpstime.sim.oscillator import Crystal
from gpstime.sim.personalities import personality
from gpstime.sim.pulse import REACH_NS, Edge, PulseTrain
from gpstime.sim.receiver import LOCKED, Receiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.streams import stream
from gpstime.sim.truth import Truth
from gpstime.times import NS, RawNs

Item = tuple[int, Edge | bytes | Action]
_true_time: Callable[[Item], int] = itemgetter(0)


class SimWorld:
    """Fits `ports.World`. `truth` grows with the run; `head` is for a capture; `scenario` is the checked one."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = sc = scenario.checked()
        assert sc.start is not None
        faults = tuple(f for f in sc.faults if isinstance(f, Fault))
        by_name = {f.name: f for f in faults}
        self._board = board(sc.board)
        who = personality(sc.personality)
        self.calendar = Calendar(sc.start, sc.leap)
        self.truth = Truth(self.calendar)
        self._crystal = Crystal(sc.oscillator, sc.seed)
        bias = self._board.irq_bias_ns if sc.pps_bias_ns is None else sc.pps_bias_ns
        width = round(who.pulse_width_ms * 1e6)
        self._pulses = PulseTrain(sc.pps_noise, sc.pps_noise_ns, bias, width, sc.both_edges, sc.seed, faults)
        self._receiver = Receiver(
            who,
            self.calendar,
            sc.seed,
            faults,
            delay_ms=sc.delay_ms,
            jitter_ms=sc.jitter_ms,
            baud=sc.baud,
            sentences=sc.sentences,
        )
        self._line = Line(self._receiver.baud, sc.read_ms, sc.seed, faults)
        self._factory_baud = who.baud if who.baud != self._receiver.baud else None
        self._raw0 = self._raw = RawNs(stream(sc.seed, "board/uptime").randrange(20 * NS, 1000 * NS))
        offset = sc.system_offset_s + (by_name["system-offset"].number("offset") if "system-offset" in by_name else 0.0)
        self.clock = SimClock(self._raw0, self.calendar.unix_ns(0) + round(offset * 1e9), sc.correction_ppb)
        self._disturb = Disturbances(sc, self.calendar, self.clock, self._crystal, by_name)
        self._bare_ppb = sc.correction_ppb
        self._refused = "adjust-refused" in by_name
        self._slews = 0
        self._asked: list[Item] = []
        self._now_ns = 0
        self._seq = {"assert": 0, "clear": 0}
        self._first_clear: PpsEdge | None = None
        self._started = False
        self.head: dict[str, object] = {
            "board": self._board.name,
            "host": "simulated",
            "started_utc": self.calendar.utc(0).iso(),
            "tool": f"gpstime {gpstime.__version__}",
            "about": sc.about,
        }

    @property
    def raw_start(self) -> RawNs:
        """The raw clock at the start of the run, before its counter's grain."""
        return self._raw0

    @property
    def now(self) -> RawNs:
        """The virtual clock: the raw clock at the last event."""
        return self._raw

    @property
    def offset_now_ns(self) -> int:
        """The truth: by how much the system clock is ahead, at the last event."""
        return self.clock.shown(self._raw) - self.calendar.unix_ns(self._now_ns)

    def events(self) -> Iterator[Event]:
        """Everything that happens in `duration_s` true seconds, in order."""
        assert not self._started, "a simulated run happens once: make a new SimWorld"
        self._started = True
        crystal, disturb, receiver, pulses, line = self._crystal, self._disturb, self._receiver, self._pulses, self._line
        quantise, raw0, moody, busy = self._board.quantise, self._raw0, receiver.moody, disturb.busy
        last = self.scenario.duration_s - 1
        pending: list[Item] = []
        before = 0.0
        for k in range(last + 1):
            crystal.advance(disturb.crystal_ppb(k) if busy else 0.0)
            x, slope = crystal.x, crystal.step_ns * 1e-9
            self.truth.second(x, crystal.slow_ppb)
            mood = receiver.mood(k) if moody else LOCKED
            items: list[Item] = pending
            edges = pulses.at(k, mood)
            bursts = receiver.say(k, mood)
            if not (busy and disturb.drops(k)):
                for e in edges:
                    items.append((e.at, e))
                for start, burst in bursts:
                    items += line.send(k, start, burst, self._factory_baud if mood.factory else None)
            items += disturb.actions(k)
            if self._asked:
                floor = k * NS - REACH_NS
                items += [(max(t, floor), what) for t, what in self._asked]
                self._asked.clear()
            items.sort(key=_true_time)
            second, end = k * NS, (k + 1) * NS - (REACH_NS if k < last else 0)
            pending = []
            for item in items:
                t, what = item
                if t >= end:
                    pending.append(item)
                    continue
                if busy and disturb.asleep(t):
                    continue
                into = t - second
                at = quantise(raw0 + t + round(x + into * (slope if into >= 0 else before)))
                self._raw, self._now_ns = at, t
                if type(what) is bytes:
                    yield SerialBytes(at, what, disturb.port(t))
                elif type(what) is Edge:
                    yield self._stamped(what, at)
                else:
                    event = what(at, t)  # type: ignore[operator]
                    if event is not None:
                        yield event
            before = slope

    def _stamped(self, edge: Edge, at: RawNs) -> PpsEdge:
        if edge.kind == "frozen":
            assert self._first_clear is not None
            return self._first_clear
        which = edge.edge
        self._seq[which] = seq = self._seq[which] + 1
        self.truth.edge(at, edge.kind, edge.k)
        event = PpsEdge(at, self.clock.shown(at), which, seq, "kernel", None, None, edge.err_ns, self.clock.era)
        if which == "clear" and self._first_clear is None:
            self._first_clear = event
        return event

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Act on the system clock, now. A slew that nobody renews ends after `lasting_s`, to the next whole second.

        What is left then is the last slew that lasts for ever (the bare drift), or the correction that the board began with.
        """
        if self._refused:
            why = "NOT_PERMITTED: the simulated kernel refuses to let the clock be steered (EPERM)"
            return Applied(self._raw, None, 0, self.clock.era, "", why)
        if isinstance(adjustment, Slew):
            applied = self.clock.set_frequency(self._raw, adjustment.freq_ppb)
            self._slews += 1
            mine = self._slews
            if math.isinf(adjustment.lasting_s):
                self._bare_ppb = applied
                return Applied(self._raw, applied, 0, self.clock.era, "gpstime")

            def fall_back(at: RawNs, t: int) -> Event | None:
                if mine != self._slews:
                    return None
                return Applied(at, self.clock.set_frequency(at, self._bare_ppb), 0, self.clock.era, "fallback")

            self._asked.append((self._now_ns + round(adjustment.lasting_s * 1e9), fall_back))
            return Applied(self._raw, applied, 0, self.clock.era, "gpstime")
        self.clock.step(adjustment.delta_ns)
        return Applied(self._raw, None, adjustment.delta_ns, self.clock.era, "gpstime")

    def close(self) -> None:
        """Nothing is held."""
