"""A receiver is told what to send at every open, and its answers are read back (P9, F-N27): the driver on a pty, a made-up receiver
that knows PMTK, PUBX and UBX, forgets at power-off, or is a clone that ignores everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ports import Virtual

from gpstime.app.catalogue import receiver
from gpstime.app.config import parse
from gpstime.app.live import LiveTime
from gpstime.core.orders import order
from gpstime.drivers.autobaud import WatchedPort
from gpstime.drivers.receiver_setup import PreparedPort
from gpstime.drivers.serial_port import SerialPort
from gpstime.errors import DeviceMissing, UsageError
from gpstime.sim.commands import Commanded
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.sentences import framed
from gpstime.times import NS

QUIET = "$PMTK314,0,1,0,1,0,0,0 -> $PMTK001,314,3"
FASTER = "$PMTK220,200 -> $PMTK001,220,3"
RATE = "hex b5 62 06 08 06 00 c8 00 01 00 01 00 -> hex b5 62 05 01 02 00 06 08"


class Bench:
    """A receiver on a pty, its port and the reader's clock; each `second` it says its sentences and hears what it was told."""

    def __init__(self, name: str, orders: list[str], tmp_path: Path, baud: int | None = None, **how: bool) -> None:
        self.device = Commanded(name, **how)
        self.clock = Virtual()
        link = tmp_path / "receiver"
        self.pty = PtyReceiver([], self.device.baud, link)
        port = SerialPort(str(link), 9600, time=self.clock, gather_s=0, by_id=tmp_path, proc=tmp_path)
        self.port = PreparedPort(WatchedPort(port, baud), [order(text) for text in orders])
        self.serial = port
        self.notes: list[str] = []
        self.told = b""

    def say(self, data: bytes) -> None:
        self.pty.reset([], self.device.baud)
        self.pty._settle(self.pty.send(data))

    def read(self) -> bytes:
        portion = self.port.read(0.0)
        self.notes += self.port.notes()
        return b"" if portion is None else portion.data

    def second(self, n: int = 1) -> bytes:
        heard = b""
        for _ in range(n):
            self.clock.at += NS
            self.say(b"".join(framed(f"GP{name},120000,A,,,,,,,010327,,") for name in self.device.sentences))
            heard += self.read()
            self.told += (given := self.pty.hear())
            if answer := self.device.hear(given):
                self.say(answer)
                heard += self.read()
        return heard

    def close(self) -> None:
        self.port.close()
        self.pty.close()


@pytest.fixture
def bench(tmp_path):
    made: list[Bench] = []

    def make(name: str, orders: list[str], **how) -> Bench:
        made.append(Bench(name, orders, tmp_path, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("name", "orders", "then"),
    [
        ("mtk3339", [QUIET, FASTER], (("RMC", "GGA"), 200)),
        ("l76", [FASTER], (None, 200)),
        ("ublox-m8", ["$PUBX,40,GSV,0,0,0,0", RATE], (("RMC", "VTG", "GGA", "GSA", "GLL"), 200)),
    ],
)
def test_orders_are_sent_and_the_answers_read_back(bench, name, orders, then) -> None:
    b = bench(name, orders, baud=9600)
    heard = b.second(8)
    assert set(b.device.sentences) == set(then[0] or b.device.who.order)
    assert b.device.period_ms == then[1]
    assert b.notes == [f"{b.pty.path}: the receiver was sent {len(orders)} orders."]
    assert order(orders[-1]).answer in heard, "the answer is passed on like any other bytes"
    told = b.told
    b.second(20)
    assert b.told == told, "they are sent once"


def test_by_default_nothing_is_sent(tmp_path: Path) -> None:
    for text, kind in (("", WatchedPort), (f"send = ['{FASTER}']\n", PreparedPort)):
        config = parse(f'[receiver]\nport = "{tmp_path}/receiver"\n{text}', "test")
        assert type(receiver(config, LiveTime(Virtual()), None)) is kind  # type: ignore[arg-type] # no clocks are asked here


def test_a_clone_that_ignores_them_is_named_after_two_tries(bench) -> None:
    b = bench("mtk3339", [QUIET, FASTER], baud=9600, clone=True)
    b.second(20)
    assert b.device.ignored == 4
    assert b.device.sentences == b.device.who.order
    (note,) = b.notes
    assert "does not answer 2 of 2 orders, $PMTK314,0,1,0,1,0,0,0 among them: a clone that ignores what it is told" in note


def test_an_order_of_another_maker_is_not_answered_and_the_others_are(bench) -> None:
    b = bench("mtk3339", [RATE, FASTER], baud=9600)
    b.second(20)
    (note,) = b.notes
    assert "does not answer hex b5 62 06 08" in note
    assert b.device.period_ms == 200


def test_a_refusal_is_shown(bench) -> None:
    b = bench("mtk3339", ["$PMTK999,5 -> $PMTK001,999,3"], baud=9600)
    b.second(5)
    assert b.notes[0].endswith("the receiver refuses $PMTK999,5: it answers $PMTK001,999,1.")


@pytest.mark.parametrize("volatile", [True, False])
def test_settings_lost_at_power_off_are_given_again(bench, volatile: bool) -> None:
    """The port stays open, as on the header; control: a receiver that remembers hears the same."""
    b = bench("mtk3339", [FASTER], baud=9600, volatile=volatile)
    b.second(5)
    assert b.device.period_ms == 200
    told = b.told
    b.clock.at += 3 * NS
    b.say(b.device.power_cycle())
    assert b.device.period_ms == (1000 if volatile else 200)
    b.read()
    b.second(5)
    assert b.device.period_ms == 200
    assert b.told == 2 * told


def test_a_receiver_back_at_its_factory_rate_is_found_and_told_again(bench) -> None:
    """F-N27: it was told a faster rate, the power was gone, and it speaks the factory's rate and sentences again."""
    b = bench("ublox-m8", ["$PUBX,40,GSV,0,0,0,0", "$PUBX,41,1,3,3,38400,0"])
    b.second(12)
    assert (b.device.baud, "GSV" in b.device.sentences) == (38400, False)
    b.second(40)
    assert b.serial.baud == 38400
    b.device.power_cycle()
    assert b.device.baud == 9600
    b.second(60)
    assert b.device.baud == b.serial.baud == 38400
    assert "GSV" not in b.device.sentences


def test_a_receiver_that_starts_over_and_over_is_not_told_for_ever(bench) -> None:
    b = bench("mtk3339", [FASTER], baud=9600)
    for _ in range(30):
        b.second(3)
        b.say(b.device.power_cycle())
        b.read()
    assert 2 <= b.told.count(b"PMTK220") <= 3


def test_unplugged_and_back_it_is_told_again(bench) -> None:
    b = bench("mtk3339", [FASTER], baud=9600)
    b.second(4)
    b.pty.hang_up()
    with pytest.raises(DeviceMissing):
        b.read()
    b.device.power_cycle()
    b.pty.plug_in()
    b.clock.at += 10 * NS
    b.read()
    b.second(4)
    assert b.device.period_ms == 200


def test_nothing_is_sent_to_a_port_that_is_shared_or_somebody_elses(bench, tmp_path: Path) -> None:
    for device, share in (("/dev/serial0", True), ("socket://localhost:1", False)):
        with pytest.raises(UsageError, match="shared or on the network"):
            PreparedPort(WatchedPort(SerialPort(device, share=share), 9600), [order(FASTER)])
    b = bench("mtk3339", [FASTER], baud=9600)
    place = tmp_path / "4711"
    (place / "fd").mkdir(parents=True)
    (place / "comm").write_text("gpsd\n")
    b.port.read(0.0)  # open, and then gpsd came
    os.symlink(b.pty.path, place / "fd/3")
    b.second(10)
    assert b.told == b""
    assert "receiver.send is not sent, since" in b.notes[0]
    assert "gpsd (pid 4711)" in b.notes[0]
