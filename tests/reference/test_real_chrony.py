"""What the real chronyd makes of our samples: a simulated board, played in real time over this machine's clock, through the engine
and the feeds into chrony's socket and NTP's shared memory.

The board's system clock is made to be this machine's, so that what chronyd finds in its own readings of that clock is the offset
that the simulation knows. How long it takes is bounded by pulses; a busy machine makes it longer, not wrong.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_chrony import Found, Paced, Running, find, realtime, removed_segment, running

from gpstime.app.chrony import SOCKET
from gpstime.app.feeds import Feeds
from gpstime.app.run import run
from gpstime.core.chrony_lines import Measured, shm_lines, sock_lines
from gpstime.core.chrony_sources import explain
from gpstime.core.chrony_table import parse
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.chrony_program import Version, installed, sources
from gpstime.drivers.chrony_sock import ChronySock
from gpstime.drivers.ntp_shm import NtpShm
from gpstime.drivers.time_width import bits_for
from gpstime.model import Event, Finding, PpsEdge
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, UtcTime

GOLDEN = Path(__file__).parents[1] / "core/chrony_golden"
PULSES = 200
"""At most this many in real time; some fifteen are needed."""
WARM_S = 60
LATE_NS, DOUBT_NS = 12_000, 20_000
"""The stamps are late by what nobody knows; what is known is the bound of it."""
OFFSET_S = -0.0371


@pytest.fixture(scope="module")
def chrony() -> Found:
    found = find()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def unit() -> Iterator[int]:
    number = 10_000 + os.getpid() % 50_000  # a segment of this run's own
    yield number
    removed_segment(number)


class Observer:
    """A sink: after each pulse it holds what chronyd says against the truth; raises StopIteration when there is enough."""

    def __init__(self, world: SimWorld, feeds: Feeds, chronyd: Running) -> None:
        self.world, self.feeds, self.chronyd = world, feeds, chronyd
        self.errors: list[tuple[float, float, float]] = []
        """By how much chronyd is surely off, its bound, and the part of the bound that is not `delay`; in seconds."""
        self.shm: list[tuple[float, float]] = []
        self.seen: list[list[list[str]]] = []

    def true_minus_system_s(self, shown: int) -> float:
        """What the simulation knows, where its system clock (and this machine's) shows `shown`."""
        truth, start = self.world.truth, self.world.calendar.unix_ns(0)
        ahead_ns = OFFSET_S * NS
        into_s = (shown - start - ahead_ns) / NS
        k = max(1, min(truth.seconds - 1, int(into_s)))
        x_ns = truth.x_ns(k) + (truth.x_ns(k) - truth.x_ns(k - 1)) * (into_s - k)
        return -(ahead_ns + x_ns) / NS

    def look(self) -> None:
        before = realtime()
        said = self.chronyd.ask("tracking", "sources")
        after = realtime()
        if said is None or len(said) < 3:
            return
        self.seen.append(said)
        tracking, *sources = said
        sock = next(row for row in sources if row[2] == "GPST")
        shm = next(row for row in sources if row[2] == "GPSH")
        if sock[1] != "*" or tracking[1] != "GPST" or int(sock[5], 8) < 0o77:
            return  # not selected, or fewer than six polls: still settling
        lo, hi = sorted((self.true_minus_system_s(before), self.true_minus_system_s(after)))
        # With -x nothing is corrected, so what chronyd would correct is what it takes (true - system) to be.
        correction = float(tracking[4])
        off = max(lo - correction, correction - hi, 0.0)
        root_delay, root_dispersion = float(tracking[10]), float(tracking[11])
        self.errors.append((off, root_delay / 2 + root_dispersion, root_dispersion))
        if int(shm[5], 8) & 1:
            self.shm.append((abs(float(shm[7])), float(shm[9])))


def lines(unit: int) -> str:
    measured = Measured(late_ns=0, doubt_ns=DOUBT_NS)
    sock = sock_lines((4, 3), measured, "{folder}/feed.sock", 64)[-1]
    shm = shm_lines((4, 3), measured, unit, 0o600)[-1].replace("GPST", "GPSH") + " noselect"
    # a sample for each poll and a poll each second, so that a test need not wait for hours of operation
    return f"{sock}\n{shm}".replace("poll 3", "poll 0 filter 1")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.conf")), ids=lambda path: path.stem)
def test_chronyd_reads_the_lines_for_its_version(chrony: Found, file: Path) -> None:
    """`chronyd -p` reads a configuration, prints it, and does nothing else; an option that it does not know is fatal.

    So the lines for a later version must be refused where they say what only that one knows: which is why there is one for each.
    """
    found, text = installed(str(chrony.chronyd)), file.read_text()
    done = subprocess.run(
        [chrony.chronyd, "-p", "-f", file], env=chrony.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    if "maxunreach" in text and found < Version(4, 8):
        assert done.returncode != 0
    else:
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [line for line in text.splitlines() if line.startswith("refclock")]


def test_the_profile_of_the_package_lets_the_socket_be_where_we_say(chrony: Found) -> None:
    """F-D02: AppArmor refuses other names, silently. And what gives the socket to our group names the same one."""
    profile = chrony.root / "etc/apparmor.d/usr.sbin.chronyd"
    if not profile.exists():
        pytest.skip("this package of chrony has no profile")
    assert "@{run}/chrony.*.sock rw," in profile.read_text()
    assert fnmatch.fnmatchcase(SOCKET, "/run/chrony.*.sock")
    given = (GOLDEN.parents[2] / "hw/chrony/gpstime.conf").read_text()
    assert [line.split()[-1] for line in given.splitlines() if line.startswith("ExecStartPost=")] == [SOCKET, SOCKET]


def test_chronyd_selects_our_source_and_agrees_with_the_truth_within_its_own_bound(chrony: Found, unit: int) -> None:
    bits = bits_for(str(chrony.chronyd))
    start = UtcTime.from_unix((realtime() - round(OFFSET_S * NS)) // NS * NS - WARM_S * NS)
    scenario = Scenario(
        seed=4, duration_s=WARM_S + PULSES + 300, start=start, pps_bias_ns=LATE_NS, system_offset_s=OFFSET_S, board="ideal"
    )
    world = SimWorld(scenario)
    engine = Engine(BUILT_IN.table)
    with running(chrony, lines(unit)) as chronyd:
        doors = [ChronySock(f"{chronyd.folder}/feed.sock", bits), NtpShm(unit, bits, 0o600)]
        said: list[str] = []
        feeds = Feeds(doors, lambda: world.now, said.append)
        feeds.attach(engine, BUILT_IN.table)
        observer = Observer(world, feeds, chronyd)
        pulses: list[int] = []

        def act(value: Event | Finding) -> None:
            if not isinstance(value, PpsEdge) or not paced.live:
                return
            observer.look()
            pulses.append(value.seq)
            if (len(observer.errors) >= 6 and len(observer.shm) >= 3) or len(pulses) >= PULSES:
                paced.over = True

        paced = Paced(world, world.clock.shown)
        run(paced, engine, [feeds, act])
        facts = feeds.facts()
        last = observer.seen[-1] if observer.seen else None
        assert len(observer.errors) >= 6, f"chronyd did not select our source: {last} {facts} {said} {chronyd.said()}"
        for off, bound, _ in observer.errors:
            assert off <= bound, (observer.errors, last)
        # The control: without the doubt in `delay` chronyd would claim what is not so, for no sample says how late the stamps are.
        assert any(off > dispersion for off, _, dispersion in observer.errors), observer.errors
        assert observer.shm, last
        for adjusted, error in observer.shm:
            assert adjusted <= error, (observer.shm, last)
        assert [fact["state"] for fact in facts] == ["feeding", "feeding"], facts

        # What our own command would say of it.
        assert installed(str(chrony.chronyd)).major >= 3
        explained, unreadable = parse(sources(str(chrony.chronyc), f"{chronyd.folder}/command"))
        assert not unreadable
        told = {source.name: row.why for source, row in zip(explained, explain(explained, 0.4, feeding=True), strict=True)}
        assert told["GPST"] == "chrony follows this one."
        assert "`noselect`" in told["GPSH"]
        for_people, unreadable = parse(chronyd.table())
        assert not unreadable
        assert [(s.mode, s.name, s.stratum, s.poll) for s in for_people] == [(s.mode, s.name, s.stratum, s.poll) for s in explained]
        assert all(s.offset_s is not None and s.measured_s is not None and s.error_s is not None for s in for_people)

        # It is killed (its socket stays), starts, stops (its socket goes), starts: each is a state, and the next sample arrives.
        sock, sample = doors[0], feeds.feeds[0].last
        assert sample is not None
        chronyd.stop(kill=True)
        assert sock.offer(sample).state == "refused"
        assert sock.look().state == "refused"
        chronyd.start()
        assert sock.offer(sample).state == "ok"
        chronyd.stop()
        assert sock.offer(sample).state == "absent"
        chronyd.start()
        assert sock.look().state == "ok"
    feeds.close()
