"""The serial port on real ptys: stamps, portions, hang-up, another reader, a return under another name. Nothing sleeps."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import tty
from itertools import pairwise
from pathlib import Path

import pytest
import serial
from ports import LINE, SOON_S, Virtual, said, simulated

from gpstime.core.nmea import Nmea
from gpstime.drivers.gather import LONGEST_S, SHORTEST_S
from gpstime.drivers.holders import holders
from gpstime.drivers.serial_port import SerialPort
from gpstime.errors import DeviceBusy, DeviceForbidden, DeviceMissing, UsageError
from gpstime.model import Epoch, SerialBytes
from gpstime.sim.pty_receiver import PtyReceiver, heard
from gpstime.times import NS, RawNs

NOTHING = Path("/nonexistent")


def port_on(receiver: PtyReceiver, clock: Virtual, **options: object) -> SerialPort:
    return SerialPort(receiver.path, time=clock, gather_s=0, by_id=NOTHING, proc=NOTHING, **options)  # type: ignore[arg-type]


def test_bytes_are_stamped_when_the_first_is_there() -> None:
    clock = Virtual()
    receiver = PtyReceiver([(RawNs(1001 * NS), LINE)])
    port = port_on(receiver, clock)
    port.open()
    assert port.read(0) is None
    clock.at = 1001 * NS
    assert receiver.advance(RawNs(clock.at), settle=True) == len(LINE)
    assert port.read(SOON_S) == SerialBytes(RawNs(1001 * NS), LINE, os.path.basename(receiver.path))
    port.close()
    receiver.close()


def test_a_simulated_minute_through_a_pty_is_the_same_minute() -> None:
    """Value for value what the simulated world said: the port adds and loses nothing, stamps on the given clock."""
    world = [e for e in simulated(duration_s=60).events() if isinstance(e, SerialBytes)]
    clock = Virtual(world[0].at)
    receiver = PtyReceiver(heard(iter(world)))
    port = port_on(receiver, clock)
    port.open()
    got = []
    while (due := receiver.next_due) is not None:
        clock.at = due
        receiver.advance(due, settle=True)
        got.append(port.read(SOON_S))
    assert [(e.at, e.data) for e in got if e] == [(e.at, e.data) for e in world]
    assert receiver.dropped == 0
    port.close()
    receiver.close()


class Arriving(Virtual):
    """While the port lets bytes come together, more of them arrive."""

    receiver: PtyReceiver

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.receiver.advance(RawNs(self.at), settle=True)


def gathered(world: list[SerialBytes]) -> list[SerialBytes]:
    """What a port that lets bytes come together makes of these; all of them, whatever the portions."""
    clock = Arriving(world[0].at)
    receiver = clock.receiver = PtyReceiver(heard(iter(world)))
    port = SerialPort(receiver.path, 38400, time=clock, by_id=NOTHING, proc=NOTHING)
    port.open()
    got: list[SerialBytes] = []
    while (due := receiver.next_due) is not None:
        clock.at = max(clock.at, due)
        receiver.advance(RawNs(clock.at), settle=True)
        got.append(port.read(SOON_S))  # type: ignore[arg-type]
    assert b"".join(e.data for e in got) == b"".join(e.data for e in world)
    assert min(clock.slept) >= SHORTEST_S
    assert max(clock.slept) <= LONGEST_S
    port.close()
    receiver.close()
    return got


def begins(world: list[SerialBytes]) -> list[int]:
    """When bursts begin: after a silence of 15 ms, in portions of 1 ms."""
    return [world[0].at] + [b.at for a, b in pairwise(world) if b.at - a.at > 15_000_000]


def missed(world: list[SerialBytes]) -> tuple[int, list[SerialBytes]]:
    """How many bursts begin within a portion, and the portions."""
    got = gathered(world)
    return len(set(begins(world)) - {e.at for e in got}), got


def line_of(**options: object) -> list[SerialBytes]:
    return [e for e in simulated(baud=38400, read_ms=1.0, **options).events() if isinstance(e, SerialBytes)]


@pytest.mark.parametrize("delay_ms", [60, 400])
def test_portions_never_hold_two_bursts_and_are_few(delay_ms: float) -> None:
    world = line_of(duration_s=60, delay_ms=delay_ms)
    assert len(begins(world)) == 60
    lost, got = missed(world)
    assert lost == 0
    late = [e for e in got if e.at > world[0].at + 5 * NS]
    assert len(late) <= 2.5 * 55 < len(world) / 10


def test_ten_bursts_a_second_each_begin_a_portion() -> None:
    """F-N24: taken together, the one that names the whole second would seem up to half a second early."""
    world = line_of(duration_s=20, sentences=("RMC",), faults=("ten-hz",), jitter_ms=0.5)
    assert len(begins(world)) >= 199
    assert missed(world)[0] == 0


def test_a_receiver_switched_to_ten_bursts_a_second_is_followed_at_once() -> None:
    world = line_of(duration_s=20, sentences=("RMC",), jitter_ms=0.5)
    after = line_of(duration_s=20, sentences=("RMC",), jitter_ms=0.5, faults=("ten-hz",))
    begin = world[-1].at + NS - after[0].at
    world += [SerialBytes(RawNs(e.at + begin), e.data) for e in after]
    assert len(begins(world)) >= 219
    assert missed(world)[0] <= 5, "one portion of half a second"


# ---- hang-up and return (P5, F-N14) ------------------------------------------------------------------------------------------


def test_hang_up_in_the_middle_of_a_sentence_is_device_missing_with_a_sentence() -> None:
    clock = Virtual()
    receiver = PtyReceiver(said([LINE[:20]]))
    port = port_on(receiver, clock)
    port.open()
    receiver.advance(RawNs(NS), settle=True)
    assert port.read(SOON_S)
    receiver.hang_up()
    with pytest.raises(DeviceMissing, match="unplugged or hung up"):
        port.read(SOON_S)
    assert port.stolen == 0
    port.close()


def test_back_under_another_name(tmp_path: Path) -> None:
    """The receiver returns as another node; its by-id link leads there, though only the old node's name was given."""
    clock = Virtual()
    link = tmp_path / "usb-u-blox_AG_-_www.u-blox.com-if00"
    receiver = PtyReceiver(said([LINE, LINE]), link=link)
    old = receiver.path
    port = SerialPort(old, time=clock, gather_s=0, by_id=tmp_path, proc=NOTHING)
    port.open()
    receiver.advance(RawNs(NS), settle=True)
    assert port.read(SOON_S)
    receiver.hang_up()
    with pytest.raises(DeviceMissing):
        port.read(0)
    before = clock.at
    with pytest.raises(DeviceMissing):
        port.read(30.0)
    assert clock.at - before >= 30 * NS
    assert 4 <= len(clock.slept) <= 12, "it tries again with growing pauses"

    other, slave = pty.openpty()  # somebody else takes the number
    tty.setraw(slave)
    receiver.plug_in()
    assert receiver.path != old
    clock.at += 10 * NS
    assert port.read(0) is None
    receiver.advance(RawNs(2 * NS), settle=True)
    got = port.read(SOON_S)
    assert got is not None
    assert (got.data, got.port) == (LINE, os.path.basename(receiver.path))
    assert port.reconnects == 1
    assert port.notes() == [f"{old} is back as {receiver.path}; it was {old}."]
    port.close()
    receiver.close()
    os.close(other)
    os.close(slave)


def test_a_receiver_that_comes_20_s_late() -> None:
    """Started before the receiver is there: each read says what is missing, then it is there."""
    clock = Virtual()
    receiver = PtyReceiver(said([LINE]))
    receiver.hang_up()
    where = "/nonexistent/ttyACM0"
    port = SerialPort(where, time=clock, gather_s=0, by_id=NOTHING, proc=NOTHING)
    for _ in range(20):
        with pytest.raises(DeviceMissing, match="is not there"):
            port.read(1.0)
    receiver.plug_in()
    port.device = receiver.path
    clock.at += 6 * NS
    assert port.read(0) is None
    receiver.advance(RawNs(NS), settle=True)
    assert port.read(SOON_S)
    port.close()
    receiver.close()


# ---- somebody else reads it (P5, F-N15) --------------------------------------------------------------------------------------

OPENS = "import os, sys; fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('open', flush=True); sys.stdin.read()"


def other_process(path: str) -> subprocess.Popen[bytes]:
    """A process that has the port open, until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", OPENS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    return process


def test_a_held_port_is_refused_and_the_holder_named() -> None:
    receiver = PtyReceiver([])
    other = other_process(receiver.path)
    try:
        found = [h for h in holders(receiver.path) if h.pid == other.pid]
        assert [h.sure for h in found] == [True]
        port = SerialPort(receiver.path, by_id=NOTHING)
        with pytest.raises(DeviceBusy, match=rf"also open by \S+ \(pid {other.pid}\): stop it"):
            port.open()
        shared = SerialPort(receiver.path, by_id=NOTHING, share=True)
        shared.open()
        assert any(str(other.pid) in note for note in shared.notes())
        shared.close()
    finally:
        other.communicate()
    receiver.close()


def test_a_second_reader_that_takes_bytes_is_noticed_and_named() -> None:
    """Woken for bytes that are gone, with the node still there: not an unplugged receiver but a second reader."""
    clock = Virtual()
    receiver = PtyReceiver([])
    port = SerialPort(receiver.path, time=clock, by_id=NOTHING)
    port.open()
    thief = os.open(receiver.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def steal(_: float) -> None:
        assert select.select([thief], [], [], SOON_S)[0]
        os.read(thief, 4096)

    clock.sleep = steal  # type: ignore[method-assign]  # between the wake-up and the read, as a gathering port gives time to
    other = other_process(receiver.path)
    try:
        for _ in range(3):
            receiver.send(LINE)
            assert port.read(SOON_S) is None
        assert port.stolen == 3
        notes = port.notes()
        assert len(notes) == 1, "said once, not at every theft"
        assert f"(pid {other.pid})" in notes[0]
    finally:
        other.communicate()
    os.close(thief)
    port.close()
    receiver.close()


def test_our_lock_is_more_than_advice() -> None:
    """flock, which `exclusive=True` of pyserial sets, stops only those that ask; TIOCEXCL is seen by every open (but root's)."""
    receiver = PtyReceiver([])
    first = port_on(receiver, Virtual())
    first.open()
    second = port_on(receiver, Virtual())
    with pytest.raises(DeviceBusy):
        second.open()
    if os.getuid() == 0:
        assert "Device or resource busy" in opened_by_nobody(receiver.path)
    first.close()
    second.open()
    second.close()
    if os.getuid() == 0:  # the twin: without that lock the same open succeeds, and the bytes would be shared without a word
        flocked = serial.Serial(receiver.path, exclusive=True)
        assert opened_by_nobody(receiver.path) == ""
        flocked.close()
    receiver.close()


def opened_by_nobody(path: str) -> str:
    """What an open by a user without rights says; empty if it succeeded."""
    os.chmod(path, 0o666)
    program = f"import os; os.setgid(65534); os.setuid(65534); os.open({path!r}, os.O_RDWR | os.O_NOCTTY)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stderr


# ---- what is refused ---------------------------------------------------------------------------------------------------------


def test_what_is_in_the_way_is_said() -> None:
    with pytest.raises(UsageError, match="socket://"):
        SerialPort("rfc2217://host:1")
    port = SerialPort("/dev/null", by_id=NOTHING, proc=NOTHING)
    with pytest.raises(DeviceMissing, match="can't be opened as a serial port"):
        port.open()


def test_permission_denied_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("serial.serial_for_url", refuse)
    with pytest.raises(DeviceForbidden, match="usermod -aG dialout"):
        SerialPort("/dev/ttyAMA0", by_id=NOTHING, proc=NOTHING).open()


def test_a_socket_is_a_port_too_and_comes_back() -> None:
    """socket://: bytes, a closed connection as a lost device, and the next connection."""
    server = socket.create_server(("127.0.0.1", 0))
    clock = Virtual()
    port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}", time=clock, gather_s=0)
    port.open()
    peer, _ = server.accept()
    peer.sendall(LINE)
    got = port.read(SOON_S)
    assert got is not None
    assert got.data == LINE
    peer.close()
    with pytest.raises(DeviceMissing):
        port.read(SOON_S)
    clock.at += 10 * NS
    assert port.read(0) is None
    peer, _ = server.accept()
    peer.sendall(LINE)
    assert port.read(SOON_S) is not None
    assert port.reconnects == 1
    peer.close()
    server.close()
    port.close()


# ---- bad bytes (P4) ----------------------------------------------------------------------------------------------------------


MORE = ["mid-sentence", "cr-only", "chatter:rate=0.5", "binary-noise:share=0.5", "long-sentences", "login-console:every=5"]
"""F-N07, F-N11, F-N17, F-N28, F-N16: with them nothing that names a time is lost."""


@pytest.mark.parametrize("fault", ["bit-errors:rate=1e-3", "noise-bursts:rate=0.5", "truncated:rate=0.2", "glued:rate=0.2", *MORE])
def test_no_byte_stops_the_reader(fault: str) -> None:
    world = [e for e in simulated(duration_s=30, faults=(fault,)).events() if isinstance(e, SerialBytes)]
    clock = Virtual(world[0].at)
    receiver = PtyReceiver(heard(iter(world)))
    port = port_on(receiver, clock)
    port.open()
    nmea = Nmea()
    epochs = 0
    while (due := receiver.next_due) is not None:
        clock.at = due
        receiver.advance(due, settle=True)
        got = port.read(SOON_S)
        assert got is not None
        epochs += sum(isinstance(f, Epoch) for f in nmea.feed(got.data, got.at))
    assert epochs >= 30
    port.close()
    receiver.close()
