"""What the real gpsd says of a receiver on a pty, through our driver and into the Engine. Ten seconds of real time, bounded."""

from __future__ import annotations

import pytest
from real_gpsd import MachineClocks, RealTime, find, running

from gpstime.core.gpsd import Gpsd
from gpstime.core.nmea import Nmea
from gpstime.drivers.gpsd import GpsdPort
from gpstime.model import Epoch, SerialBytes
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS

SECONDS = 10


def test_the_real_gpsd_names_the_seconds_that_the_receiver_said() -> None:
    gpsd = find()
    if gpsd is None:
        pytest.skip("no gpsd here: python tests/reference/real_gpsd.py FOLDER unpacks one, GPSTIME_GPSD=FOLDER names it")
    world = SimWorld(Scenario(seed=1, duration_s=SECONDS, baud=38400))
    said = [e for e in world.events() if isinstance(e, SerialBytes)]
    nmea = Nmea()
    seconds = {f.second for e in said for f in nmea.feed(e.data, e.at) if isinstance(f, Epoch) and f.valid}
    receiver = PtyReceiver([(e.at, e.data) for e in said])
    try:
        with running(gpsd, receiver.path) as number:
            port = GpsdPort(MachineClocks(), port=number)  # type: ignore[arg-type]
            port.open()
            play, reader = RealTime(receiver, said[0].at), Gpsd()
            found: list[Epoch] = []
            turns = 0
            while play.turn() and turns < 1000 * SECONDS:  # a turn lasts 10 ms at the most
                turns += 1
                portion = port.read(0.01)
                if portion is not None:
                    found += [f for f in reader.feed(portion.data, portion.at) if isinstance(f, Epoch)]
            port.close()
    except RuntimeError as error:
        pytest.skip(f"gpsd does not start here: {error}")
    finally:
        receiver.close()
    valid = [e for e in found if e.valid]
    assert len(valid) >= 4, [e.second.iso() for e in found]
    assert {e.second for e in valid} <= seconds, "never a second that the receiver did not name"
    assert [e.second.unix for e in valid] == sorted({e.second.unix for e in valid})
    assert {e.sentence for e in valid[1:]} == {"gpsd-TOFF"}
    for epoch in valid[1:]:  # each is stamped when its burst began: near a portion sent, and bursts are a second apart
        assert min(abs(epoch.at - at) for at in play.sent) < 0.4 * NS, "gpsd has the processor when a busy machine lets it"
        into = (epoch.at - valid[-1].at) % NS
        assert min(into, NS - into) < 0.4 * NS
    assert port.unusable == 0
