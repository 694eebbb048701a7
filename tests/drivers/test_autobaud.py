"""Finding the rate and watching the line through a real tty whose speed really is set: the pty's receiver obeys its own rate."""

from __future__ import annotations

from pathlib import Path

import pytest
from ports import SOON_S, Virtual, simulated

from gpstime.core.baud import RATES
from gpstime.core.framing import Framer
from gpstime.drivers.autobaud import WatchedPort, find_baud
from gpstime.drivers.serial_port import SerialPort
from gpstime.errors import DeviceMissing
from gpstime.model import SerialBytes
from gpstime.sim.pty_receiver import PtyReceiver, heard, paced
from gpstime.times import NS, RawNs

NOTHING = Path("/nonexistent")


class TurnPort(SerialPort):
    """A real port on a pty, whose reads move a virtual clock and let the receiver speak meanwhile."""

    def __init__(self, receiver: PtyReceiver, clock: Virtual, baud: int = 9600, by_id: Path = NOTHING) -> None:
        super().__init__(receiver.path, baud, time=clock, gather_s=0, by_id=by_id, proc=NOTHING)
        self._receiver, self._clock = receiver, clock

    def read(self, timeout_s: float) -> SerialBytes | None:
        if self._port is None:
            return super().read(0)  # opening throws away what waits
        due, end = self._receiver.next_due, self._clock.at + round(timeout_s * NS)
        if due is None or due > end:
            self._clock.at = end
            return super().read(0)
        self._clock.at = max(self._clock.at, due)
        sent = self._receiver.advance(RawNs(self._clock.at), settle=True)
        return super().read(SOON_S if sent and self._receiver.plugged else 0)


def on_the_line(baud: int, duration_s: int = 40, **options: object) -> list[tuple[RawNs, bytes]]:
    """What a receiver of this rate says, in portions of 20 ms."""
    return list(heard(simulated(duration_s=duration_s, baud=baud, **options).events()))


@pytest.mark.parametrize("baud", RATES)
def test_each_rate_is_found_on_a_tty(baud: int) -> None:
    said = on_the_line(baud, sentences=("RMC", "GGA"))
    clock = Virtual(said[0][0])
    receiver = PtyReceiver(said, baud)
    port = TurnPort(receiver, clock)
    search = find_baud(port)
    assert search.found == baud
    assert port.baud == baud
    assert (clock.at - said[0][0]) / NS < 2.5 * (RATES.index(baud) + 1)
    port.close()
    receiver.close()


def test_a_silent_port_is_said_to_be_silent() -> None:
    receiver = PtyReceiver([], 9600)
    search = find_baud(TurnPort(receiver, Virtual()))
    assert search.found is None
    assert "No byte came" in search.why
    receiver.close()


def test_a_receiver_back_at_its_factory_rate_is_found_again() -> None:
    """F-N27: set up at 115200, then the power was gone for a moment and it speaks 9600."""
    first = on_the_line(115200, 20)
    begin = first[0][0]
    clock = Virtual(begin)
    receiver = PtyReceiver(first, 115200)
    port = WatchedPort(TurnPort(receiver, clock, 115200))
    frames = read_all(port, receiver)
    assert len(frames) > 100
    assert port.notes()[0].endswith("s.")
    later = [(RawNs(clock.at + at - begin), data) for at, data in on_the_line(9600, 60)]
    receiver.reset(later, 9600)
    frames = read_all(port, receiver)
    assert port.port.baud == 9600
    assert len(frames) > 300
    notes = port.notes()
    assert "lost its settings" in notes[0]
    assert "9600 baud: " in notes[1]
    receiver.close()


def test_a_rate_that_was_given_is_kept() -> None:
    """The user's word: said to be wrong, not overruled."""
    said = on_the_line(9600, 20)
    receiver = PtyReceiver(said, 9600)
    port = WatchedPort(TurnPort(receiver, Virtual(said[0][0])), 38400)
    assert read_all(port, receiver) == []
    assert port.port.baud == 38400
    assert ["wrong baud rate" in note for note in port.notes()] == [True]
    receiver.close()


def test_unplugged_while_searching_and_back_at_another_rate(tmp_path: Path) -> None:
    said = on_the_line(57600, 30)
    link = tmp_path / "usb-receiver"
    clock = Virtual(said[0][0])
    receiver = PtyReceiver(said, 57600, link)
    port = WatchedPort(TurnPort(receiver, clock, by_id=tmp_path))
    for _ in range(5):
        assert port.read(0.2) is None
    receiver.hang_up()
    with pytest.raises(DeviceMissing):
        port.read(0.2)
    receiver.plug_in()
    clock.at += 20 * NS
    receiver.reset([(RawNs(clock.at + at - said[0][0]), data) for at, data in said], 57600)
    assert len(read_all(port, receiver)) > 100
    assert port.port.baud == 57600
    assert port.port.reconnects == 1
    receiver.close()


def test_pacing_is_ten_bits_a_byte_and_bursts_wait() -> None:
    bursts = [(RawNs(0), b"x" * 960), (RawNs(NS // 2), b"y" * 96)]
    portions = list(paced(bursts, 9600))
    assert sum(len(data) for _, data in portions) == 1056
    ats = [at for at, _ in portions]
    assert ats == sorted(ats)
    assert next(at for at, data in portions if data.startswith(b"y")) == NS
    assert max(len(data) for _, data in portions) == 10


def read_all(port: WatchedPort, receiver: PtyReceiver) -> list[bytes]:
    """The whole sentences that the port gives until its receiver has said everything."""
    framer: Framer[int] = Framer()
    frames: list[bytes] = []
    while receiver.next_due is not None:
        portion = port.read(0.2)
        if portion is not None:
            frames += [f for f in framer.feed(portion.data, 0) if isinstance(f, bytes)]
    return frames
