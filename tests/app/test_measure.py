"""`gpstime measure` from the command line to JSON: values against the truth, every status word, exit codes and sentences."""

from __future__ import annotations

import io
import json
import lzma
import math
import os
import signal
import subprocess
import sys

import pytest
from captures import simulated, train

from gpstime.app.measure import measure
from gpstime.cli import main
from gpstime.core.leap import BUILT_IN
from gpstime.model import PpsEdge, Tick
from gpstime.report.figures import cost, ppm, say_time
from gpstime.times import NS, RawNs, UnixNs

KEYS = {
    "file", "freq_ppb", "freq_lo_ppb", "freq_hi_ppb", "mean_freq_ppb", "mean_freq_lo_ppb", "mean_freq_hi_ppb", "n", "span_s",
    "label", "first_labelled", "last_labelled", "rejected", "steps", "status", "why",
}  # fmt: skip


class Ran:
    """One run of the command in this process."""

    def __init__(self, capsys, *argv: str) -> None:
        capsys.readouterr()
        self.code = main(["measure", *argv])
        self.out, self.err = capsys.readouterr()

    @property
    def objects(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> dict:
        (only,) = self.objects
        return only


@pytest.fixture
def ran(capsys, tmp_path):
    def run(*argv: str | bytes, stem: str = "night") -> Ran:
        files = []
        for i, given in enumerate(argv):
            if isinstance(given, bytes):
                path = tmp_path / f"{stem}{i}.jsonl"
                path.write_bytes(given)
                files += ["--world", str(path)]
            else:
                files.append(given)
        return Ran(capsys, *files)

    return run


@pytest.fixture(scope="module")
def hour():
    return simulated(duration_s=3600, seed=3, faults=("duplicate-pulse:rate=0.01", "missing-pulse:rate=0.01"))


def test_an_hour_of_a_simulated_board_against_its_truth(ran, hour):
    data, world = hour
    r = ran(data, "--json")
    o = r.object
    assert r.code == 0
    assert r.err == ""
    assert o.keys() >= KEYS
    assert o["status"] == "ok"
    assert o["label"] == "ok"
    for name, truth in (("freq", world.truth.current_ppb()), ("mean_freq", world.truth.mean_ppb())):
        assert o[f"{name}_lo_ppb"] < o[f"{name}_ppb"] < o[f"{name}_hi_ppb"]
        # seeded; three half-widths, because this is no coverage test
        assert abs(o[f"{name}_ppb"] - truth) < 1.5 * (o[f"{name}_hi_ppb"] - o[f"{name}_lo_ppb"])
        assert o[f"{name}_hi_ppb"] - o[f"{name}_lo_ppb"] < 20
    assert 3500 < o["n"] < world.truth.n + 1
    assert 3500 < o["span_s"] <= 3599
    assert o["rejected"]["duplicate-pulse"] > 10
    assert o["steps"] == 0
    for key in ("first_labelled", "last_labelled"):
        pulse = world.truth.find(o[key]["t"])
        assert pulse is not None
        assert pulse.utc.iso() == o[key]["utc"]
    assert o["last_labelled"]["t"] > o["first_labelled"]["t"]
    assert o["last_labelled"]["t"] == world.truth.last.at
    assert o["board"].startswith("Raspberry Pi 4")
    assert o["simulated"] is False  # it was read from a file; what the head says is shown in the report


def test_the_report_for_people(ran, hour):
    r = ran(hour[0])
    assert r.code == 0
    for words in (
        "± ",
        "ppm (95 %:",
        "seconds per day",
        "after an hour",
        "after a day",
        "wander",
        "duplicate-pulse",
        "second",
        "±0.01 ppm",
    ):
        assert words in r.out
    assert "Raspberry Pi 4" in r.out
    assert "simulated by gpstime sim" in r.out  # from the head


def test_a_simulated_world_says_so_first(ran):
    r = ran("--world", "sim", "--for", "2m", "--ppm", "-12.5", "--seed", "4")
    assert r.code == 0
    assert r.out.splitlines()[0] == "SIMULATED: a made-up board, not a measurement of this machine."
    o = ran("--world", "sim", "--for", "2m", "--ppm", "-12.5", "--seed", "4", "--json").object
    assert o["simulated"] is True
    assert -12_600 < o["freq_ppb"] < -12_400


def test_the_span_is_limited(ran, hour):
    o = ran(hour[0], "--for", "5m", "--json").object
    assert 280 <= o["span_s"] <= 300
    assert o["n"] <= 301


def test_a_live_world_and_its_capture_give_the_same(ran):
    data, _ = simulated(seed=0, duration_s=420, ppm=-12.5)
    live = ran("--world", "sim", "--for", "5m", "--ppm", "-12.5", "--json").object
    replayed = ran(data, "--for", "5m", "--json").object
    for o in (live, replayed):
        for key in ("file", "simulated", "skipped"):
            del o[key]
    assert live == replayed


def test_noise_declared_white_narrows_the_interval(ran):
    data = train(600, -3000.0)
    auto, white = (ran(data, "--json", "--noise", noise).object for noise in ("auto", "white"))
    assert auto["freq_lo_ppb"] < -3000.0 < auto["freq_hi_ppb"]
    assert white["freq_hi_ppb"] - white["freq_lo_ppb"] < 0.5 * (auto["freq_hi_ppb"] - auto["freq_lo_ppb"])


# ---- what else can come of it --------------------------------------------------------------------------------------------------


def test_pulses_without_any_sentence_give_a_frequency(ran):
    o = ran(train(600, 4321.0), "--json").object
    assert o["status"] == "ok"
    assert o["label"] == "none"
    assert o["first_labelled"] is None
    assert abs(o["mean_freq_ppb"] - 4321) < 5


def test_a_port_that_is_not_heard_is_named_where_the_second_is_missing(ran):
    unplugged = ("--world", "sim", "--for", "60s", "--json", "--fault")
    o = ran(*unplugged, "unplug:at=0s,for=100s").object
    assert o["label"] == "none"
    assert "hung up: Input/output error" in o["why"]
    again = ran(*unplugged, "unplug:at=0s,for=10s").object
    assert "hung up" not in again["why"]


def test_no_pulses(ran):
    r = ran(b'{"k":"head","format":1}\n{"k":"serial","t":5,"hex":"24"}\n', "--json")
    assert (r.code, r.object["status"], r.object["n"]) == (1, "no-pulses", 0)
    assert r.object["freq_ppb"] is None
    assert "no frequency: there is not one pulse" in r.err


def test_too_few_pulses(ran):
    r = ran(train(3, 4321.0), "--json")
    assert (r.code, r.object["status"]) == (1, "short")
    assert r.object["freq_ppb"] is r.object["span_s"] is None
    assert "no frequency:" in r.err


def test_a_pulse_at_the_wrong_rate(ran):
    r = ran(simulated(duration_s=120, faults=("pulse-rate:hz=2",))[0], "--json")
    assert (r.code, r.object["status"]) == (1, "wrong-rate")
    assert "2 times a second" in r.object["why"]
    assert r.object["rejected"]["wrong-rate"] > 100


def test_hundreds_of_ppm_on_a_pi_are_a_timer_fault(ran):
    r = ran(train(600, 405_000.0, board="Raspberry Pi 5 Model B Rev 1.0"), "--json")
    assert (r.code, r.object["status"]) == (0, "timer-fault")
    assert "not drift" in r.object["why"]
    assert abs(r.object["mean_freq_ppb"] - 405_000) < 10  # measured all the same


def test_the_same_on_another_clock_is_its_drift(ran):
    o = ran(train(600, -6_728_000.0, board="Arduino"), "--json").object
    assert o["status"] == "ok"
    assert abs(o["mean_freq_ppb"] + 6_728_000) < 10
    assert "resonator" in o["why"]


def test_a_good_pi_has_no_timer_fault(ran):
    assert ran(train(600, 43_000.0, board="Raspberry Pi Model B", jitter_ns=100_000.0), "--json").object["status"] == "ok"


def test_lost_ticks_on_a_pi_are_a_timer_fault(ran):
    r = ran(simulated(duration_s=600, faults=("timer-slow:ratio=0.9995",))[0], "--json")
    assert (r.code, r.object["status"]) == (0, "timer-fault")
    assert "loses ticks" in r.object["why"]


CORRECTIONS = [(0, -2000.0), (100, -2600.0), (200, -1900.0), (300, -2500.0), (400, -2300.0)]


def test_a_steered_clock_is_not_its_crystal(ran):
    r = ran(train(600, 2300.0, set_ppb=CORRECTIONS, raw_follows=True), "--json")
    assert (r.code, r.object["status"]) == (0, "steered")
    assert "chrony steers" in r.object["why"]
    assert "not the drift of the crystal" in r.object["why"]
    assert r.object["steered_by"] == "chrony"


def test_the_raw_clock_beside_a_steered_one_is(ran):
    o = ran(train(600, 2300.0, set_ppb=CORRECTIONS), "--json").object
    assert o["status"] == "ok"
    assert abs(o["mean_freq_ppb"] - 2300) < 5
    assert o["steered_by"] == "chrony"
    assert "untouched" in o["why"]


def test_a_step_of_the_system_clock_is_counted(ran):
    o = ran(simulated(duration_s=600, faults=("system-step:at=200,step=1.5s",))[0], "--json").object
    assert o["steps"] == 1
    assert o["status"] == "ok"


# ---- set-up --------------------------------------------------------------------------------------------------------------------


def test_no_world_names_what_there_is(ran):
    r = ran("--json")
    assert (r.code, r.out) == (2, "")
    assert "--world FILE" in r.err
    assert "--world sim" in r.err


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "is empty"), (b"$GPRMC,\r\n", "is no capture"), (b"\x00" * 99, "is no capture"), (b"\xfd7zXZ\x00\x00\x04", "")],
)
def test_what_is_no_capture(ran, data, says):
    r = ran(data, "--json")
    assert r.code == 1
    assert says in r.err
    assert r.err.count("\n") == 1
    o = r.object
    assert o["status"] == "unreadable"
    assert all(o[key] is None for key in KEYS - {"file", "status", "why", "rejected"})


def test_missing_and_folder_and_the_others_are_still_reported(ran, tmp_path, hour):
    missing = str(tmp_path / "none.jsonl")
    r = ran("--world", missing, hour[0], "--world", str(tmp_path), "--json")
    assert r.code == 1
    assert [o["status"] for o in r.objects] == ["unreadable", "ok", "unreadable"]
    assert [o["file"] for o in r.objects][::2] == [missing, str(tmp_path)]
    assert "No such file" in r.err
    assert "directory" in r.err
    assert "Traceback" not in r.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden(ran, tmp_path):
    path = tmp_path / "x"
    path.touch(mode=0)
    assert "Permission denied" in ran("--world", str(path)).err


def test_a_label_that_the_last_sentence_brings_names_the_last_pulse(ran):
    """Eight pulses: the eighth burst settles the label, and no pulse follows to carry it."""
    data, world = simulated(duration_s=8, seed=1)
    o = ran(data, "--json").object
    assert o["label"] == "ok"
    assert o["first_labelled"] == o["last_labelled"]
    assert o["last_labelled"] == {"t": world.truth.last.at, "utc": world.truth.last.utc.iso()}


def test_one_without_a_frequency_among_others(ran):
    r = ran(train(300, 10.0), train(2, 10.0), "--json")
    assert r.code == 1
    assert [o["status"] for o in r.objects] == ["ok", "short"]


@pytest.mark.parametrize("argv", [["--for", "soon"], ["--for", "0"], ["--noise", "pink"], ["--world"], ["--sausage"]])
def test_bad_options_are_usage(capsys, argv):
    with pytest.raises(SystemExit) as exit_:
        main(["measure", *argv])
    assert exit_.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_bad_option_of_the_simulated_board_is_usage(ran):
    r = ran("--world", "sim", "--fault", "no-such-fault")
    assert r.code == 2
    assert "no-such-fault" in r.err


# ---- pipes, terminals, Ctrl-C --------------------------------------------------------------------------------------------------


class Stdin:
    def __init__(self, raw) -> None:
        self.buffer = raw


def test_stdin_and_compression(ran, monkeypatch):
    data = train(300, 77.0)
    plain = ran(data, "--json").object
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(lzma.compress(data))))
    piped = ran("--world", "-", "--json").object
    assert piped.pop("file") == "-"
    del plain["file"]
    assert piped == plain


class Interrupting(io.RawIOBase):
    """Gives some of the data, then is silent; the user presses Ctrl-C while waiting for more."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data, self._data = self._data, b""
        if not data:
            signal.raise_signal(signal.SIGINT)
        return data


def test_ctrl_c_ends_with_the_report(ran, monkeypatch):
    data = train(400, -500.0)
    monkeypatch.setattr(sys, "stdin", Stdin(Interrupting(data)))
    r = ran("--world", "-")
    assert r.code == 0
    assert "ended by Ctrl-C" in r.out
    assert "ppm" in r.out


def test_ctrl_c_without_a_frequency_yet(ran, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin(Interrupting(train(2, -500.0))))
    assert ran("--world", "-", "--json").code == 1


def test_the_live_line_is_for_terminals(ran, monkeypatch):
    data = train(400, -500.0)
    assert ran(data).err == ""
    monkeypatch.setattr("gpstime.report.measure.on_terminal", lambda: True)
    err = ran(data).err
    assert err.count("\r") > 100
    assert "ppm" in err
    assert err.endswith("\r")  # wiped at the end, so that the report stands alone


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    path = tmp_path / "night.jsonl"
    path.write_bytes(train(300, 77.0))
    command = [sys.executable, "-m", "gpstime", "measure", "--world", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait()
    assert err == b""


# ---- how numbers are said ------------------------------------------------------------------------------------------------------


def test_numbers_for_people():
    assert ppm(2314.2, 2302.0, 2326.0) == "+2.314 ± 0.012 ppm (95 %: +2.302 … +2.326)"
    assert ppm(-6_728_000.0, -6_728_900.0, -6_727_100.0) == "-6728.00 ± 0.90 ppm (95 %: -6728.90 … -6727.10)"
    assert say_time(0.00833) == "8.33 ms"
    assert say_time(-4.2e-7) == "-420 ns"
    assert say_time(0.0) == "0 ns"


def test_the_cost_has_the_walk_in_it():
    from gpstime.model import Drift
    from gpstime.times import RawNs

    still = Drift(RawNs(0), 1000.0, 999.0, 1001.0, 1000.0, 999.0, 1001.0, 600, 599.0, 300.0, 0.0, 0.0)
    assert cost(still, 86_400) == "86.4 ms ± 86.4 us"
    walking = Drift(RawNs(0), 1000.0, 999.0, 1001.0, 1000.0, 999.0, 1001.0, 600, 599.0, 300.0, 0.0, 1e-9)
    half = math.hypot(86.4e-6, 1.96e-9 * math.sqrt(86_400**3 / 3))
    assert cost(walking, 86_400) == f"86.4 ms ± {say_time(half)}"


@pytest.mark.parametrize("pulses", [0, 30], ids=["none", "that-stop"])
def test_a_live_board_without_a_pulse_is_given_up(pulses):
    """The world goes on and on, as a board does; a limit that only pulses count would never be reached."""

    class Board:
        def events(self):
            for s in range(10**6):
                yield Tick(RawNs(s * NS), UnixNs(s * NS))
                if s < pulses:
                    yield PpsEdge(RawNs(s * NS + 1), UnixNs(s * NS + 1))
                assert s < 3 * 120, "it does not end"

        def adjust(self, adjustment):
            raise AssertionError

        def close(self):
            pass

    m = measure(Board(), BUILT_IN.table, name="live", limit_s=120.0, endless=True)
    assert (m.status == "ok") == (pulses > 0)
    assert m.n == pulses
