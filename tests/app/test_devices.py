"""`gpstime devices` on trees of real boards: what it finds, what it advises, and that nothing is left to say where it was done."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpstime.app.advice import advice
from gpstime.app.advice_serial import generation, has_bluetooth
from gpstime.app.catalogue import port_of
from gpstime.app.devices import as_object, look
from gpstime.app.settings import Config
from gpstime.cli import main
from gpstime.drivers.inventory import take_inventory
from gpstime.report.devices import text
from gpstime.times import RawNs
from tests.drivers.pi_trees import BOARDS, CASES, IDS, NEW_BOOT, Board, Kernel, Tree, follow, tree

ONE, FOUR, FIVE = BOARDS[1], BOARDS[3], BOARDS[4]


class Seconds:
    """A timebase in which a sleep lets the pulses of a tree come."""

    def __init__(self, *ticking: Path) -> None:
        self.t = 0
        self.ticking = ticking

    def now(self) -> RawNs:
        return RawNs(self.t)

    def sleep(self, seconds: float) -> None:
        self.t += round(seconds * 1e9)
        for place in self.ticking:
            (place / "assert").write_text(f"1764000000.000004321#{7 + self.t // 10**9}\n")


def sentences(root: Path, weight: str = "wrong") -> list[str]:
    return [a.what for a in advice(take_inventory(root)) if a.weight == weight]


def hat(root: Path, board: Board = FOUR, number: int = 1) -> Tree:
    """A board that was set up for a hat."""
    made = tree(root, board, board.kernels[number])
    for one in advice(take_inventory(made.done())):
        follow(made, list(one.add), list(one.remove))
    made.done()
    return made


@pytest.mark.parametrize(("board", "kernel"), CASES, ids=IDS)
def test_a_fresh_board_says_what_it_is_and_what_to_change(tmp_path: Path, board: Board, kernel: Kernel) -> None:
    made = tree(tmp_path, board, kernel)
    found = take_inventory(made.done())
    assert (found.model, found.kernel, found.clocksource) == (board.model, kernel.release, board.clocksource)
    assert {(p.path.removeprefix("/dev/"), p.driver) for p in found.serial} == set(board.uarts.items())
    (chip,) = [c for c in found.chips if c.header]
    assert (chip.label, chip.lines) == (board.header_label, 54)
    assert chip.path == f"/dev/gpiochip{kernel.chip_labels.index(board.header_label)}"
    assert found.boot.config == made.config_path

    told = advice(found)
    assert [a.about for a in told if a.weight == "wrong" and a.add == ("dtoverlay=pps-gpio,gpiopin=18",)] == ["pulse"]
    assert {a.file for a in told if a.add} == {made.config_path}
    console = [a for a in told if a.remove]
    if board is FIVE:  # its console is on the debug connector
        assert console == []
        assert ("dtparam=uart0=on",) in [a.add for a in told]
    else:
        assert [(a.remove, a.file) for a in console] == [(("console=serial0,115200",), f"/{kernel.boot}/cmdline.txt")]
        assert any("dtoverlay=disable-bt" in a.add for a in told) == (board.serial0 == "ttyS0")

    for one in told:
        follow(made, list(one.add), list(one.remove))
    found = take_inventory(made.done())
    assert advice(found) == []
    assert board.usable in [p.path for p in found.serial]
    assert [(p.kernel.pin, p.kernel.kind) for p in found.pulses] == [(18, "gpio")]
    assert "Nothing to change." in text(found)


def test_the_advice_is_what_lets_the_sentence_go(tmp_path: Path) -> None:
    """The twin: with any one piece of advice not followed, that piece and no other stays."""
    for number, left_out in enumerate(advice(take_inventory(tree(tmp_path / "a", FOUR, FOUR.kernels[1]).done()))):
        made = tree(tmp_path / f"b{number}", FOUR, FOUR.kernels[1])
        for one in advice(take_inventory(made.done())):
            if one != left_out:
                follow(made, list(one.add), list(one.remove))
        assert [a.about for a in advice(take_inventory(made.done()))] == [left_out.about]


def test_the_old_config_is_not_read_any_more(tmp_path: Path) -> None:
    made = tree(tmp_path, FOUR, FOUR.kernels[1])
    made.write("boot/config.txt", "dtoverlay=pps-gpio,gpiopin=4\n")
    stale = next(a for a in advice(take_inventory(made.done())) if a.about == "/boot/config.txt")
    assert stale.what == "/boot/config.txt is not read any more: its line 1 has no effect."
    assert (stale.file, stale.add) == ("/boot/firmware/config.txt", ("dtoverlay=pps-gpio,gpiopin=4",))


@pytest.mark.parametrize(("board", "line"), [(FIVE, "dtparam=uart0=on"), (FOUR, "dtoverlay=disable-bt")])
def test_lines_without_a_reboot(tmp_path: Path, board: Board, line: str) -> None:
    made = tree(tmp_path, board, board.kernels[1])
    made.config.append(line)
    (told,) = [a for a in advice(take_inventory(made.done())) if a.about == "header UART"]
    assert told.what.startswith(f"/boot/firmware/config.txt line 3 ({line})")
    assert told.then.startswith("reboot")


@pytest.mark.parametrize(
    ("section", "counts"),
    [
        ("[all]", True),
        ("[pi4]", True),
        ("[pi5]", False),
        ("[none]", False),
        ("[0x1234]", False),
        ("[cm4]", False),
        ("[HDMI:0]", False),
    ],
)
def test_sections_of_config_txt(tmp_path: Path, section: str, counts: bool) -> None:
    made = hat(tmp_path)
    made.config = [line for line in made.config if "pps-gpio" not in line] + [
        section,
        "dtoverlay=pps-gpio  # the default pin",
        "[all]",
    ]
    for path in ("sys/class/pps/pps0", "dev"):
        for file in (tmp_path / path).glob("[an]*" if "sys" in path else "pps0"):
            file.unlink()
    (tmp_path / "sys/class/pps/pps0").rename(tmp_path / "gone")
    (told,) = sentences(made.done())
    assert told.startswith("/boot/firmware/config.txt line" if counts else "The kernel stamps no pulse"), told


def test_an_included_file_counts(tmp_path: Path) -> None:
    made = tree(tmp_path, FIVE, FIVE.kernels[1])
    made.config.append("include gps.txt")
    made.write(f"{NEW_BOOT}/gps.txt", "# a hat\ndtparam=uart0=on\n")
    (told,) = [what for what in sentences(made.done()) if "UART" in what]
    assert told.startswith("/boot/firmware/gps.txt line 2 (dtparam=uart0=on)")


def test_holders_are_named(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.process(612, "gpsd", "/dev/ttyAMA0")
    made.process(700, "agetty", argv="agetty 115200 ttyAMA0 vt220")
    made.process(701, "bash", argv="grep gpsd /dev/ttyAMA0")
    told = sentences(made.root)
    assert len(told) == 2
    assert "gpsd (pid 612)" in told[0]
    assert 'source = "gpsd"' in told[0]
    assert "serial-getty@ttyAMA0" in told[1]
    assert "ttyAMA0 = /dev/serial0  PL011, the good UART; open by gpsd (pid 612); in use by agetty (pid 700)" in text(
        take_inventory(made.root)
    ).replace("\n" + " " * 14, " ")


@pytest.mark.parametrize(("board", "kernel"), CASES, ids=IDS)
def test_the_service_looks_where_the_hat_speaks(tmp_path: Path, board: Board, kernel: Kernel) -> None:
    """On a Pi 5 serial0 is there from the start, and is not the header."""
    made = tree(tmp_path, board, kernel)
    for one in advice(take_inventory(made.done())):
        follow(made, list(one.add), list(one.remove))
    port = port_of(Config(), tmp_path)
    assert f"/dev/{(tmp_path / port[1:]).resolve().name}" == board.usable
    assert (port == "/dev/ttyAMA0") == (board is FIVE)
    made.usb_receiver()
    assert port_of(Config(), tmp_path).startswith("/dev/serial/by-id/")


def test_a_usb_receiver_needs_no_header(tmp_path: Path) -> None:
    made = tree(tmp_path, FIVE, FIVE.kernels[1])
    made.usb_receiver()
    made.process(500, "ModemManager")
    found = take_inventory(made.done())
    port = found.serial[0]
    assert (port.path, port.driver, port.link, port.usb) == (
        "/dev/ttyACM0",
        "cdc_acm",
        "/dev/serial/by-id/usb-u-blox_AG_u-blox_7-if00",
        True,
    )
    assert {(a.about, a.weight) for a in advice(found)} == {("header UART", "hint"), ("/dev/ttyACM0", "hint"), ("pulse", "wrong")}
    assert any("AT commands" in what for what in sentences(tmp_path, "hint"))


def test_places_for_ports_that_nobody_built_in_are_left_out(tmp_path: Path) -> None:
    made = tree(tmp_path, ONE, ONE.kernels[0])
    made.tty("ttyS3", "serial8250")
    made.write("sys/devices/platform/soc/ttyS3.serial/tty/ttyS3/type", "0\n")
    assert [p.path for p in take_inventory(made.done()).serial] == ["/dev/ttyAMA0"]


def test_pulses_are_told_by_name_and_only_the_hats_counts(tmp_path: Path) -> None:
    """P10: pps0 is the network chip; the hat's comes second and ticks."""
    made = tree(tmp_path, FOUR, FOUR.kernels[1])
    made.pps(0, "ptp0")
    made.pps(1, "pps@12.-1")
    made.pps(2, "serial0", "/dev/ttyAMA0")
    clock = Seconds(tmp_path / "sys/class/pps/pps1")
    found = look(made.done(), clock, 3)
    assert [(p.kernel.kind, p.ticking) for p in found.pulses] == [("network", False), ("gpio", True), ("serial", False)]
    assert clock.t == 3 * 10**9
    assert not any("No pulse" in what for what in sentences(tmp_path, "hint"))
    assert "pps1 = pps@12.-1 (GPIO18); ticking" in text(found)


def test_watching_ends_with_the_pulse(tmp_path: Path) -> None:
    made = hat(tmp_path)
    clock = Seconds(tmp_path / "sys/class/pps/pps0")
    assert look(made.root, clock, 60).pulses[0].ticking
    assert clock.t == 10**9


def test_no_pulse_says_the_sky_before_the_wire(tmp_path: Path) -> None:
    made = hat(tmp_path)
    (told,) = advice(look(made.root, Seconds(), 3))
    assert told.weight == "hint"
    assert told.what.index("satellites") < told.what.index("wire")
    assert advice(look(made.root, Seconds(), 0)) == []  # nobody watched, nobody complains


def test_a_pulse_of_the_network_chip_alone_is_no_pulse(tmp_path: Path) -> None:
    made = tree(tmp_path, FOUR, FOUR.kernels[1])
    made.pps(0, "ptp0")
    (told,) = [what for what in sentences(made.done()) if "pulse" in what]
    assert told == "The kernel stamps no pulse from a GPIO (pps0 = ptp0 (the network interface's clock, not a receiver))."


def test_the_setting_of_old_kernels_is_found(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.cmdline += " bcm2708.pps_gpio_pin=18"
    (told,) = advice(take_inventory(made.done()))
    assert told.remove == ("bcm2708.pps_gpio_pin=18",)


def test_two_daemons_on_one_clock(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.process(300, "systemd-timesyncd")
    assert advice(take_inventory(made.root)) == []  # one is how it should be
    made.process(301, "chronyd")
    (told,) = advice(take_inventory(made.root))
    assert told.what == "chronyd and systemd-timesyncd steer one clock at the same time."
    assert told.run == ("sudo systemctl disable --now systemd-timesyncd",)


def test_a_refclock_that_would_keep_chronyd_from_starting(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.write(
        "etc/chrony/chrony.conf", "pool a\n# refclock PPS /dev/pps7\nrefclock PPS /dev/pps0 lock NMEA\nrefclock PPS /dev/pps1\n"
    )
    (told,) = advice(take_inventory(made.root))
    assert told.about == "/dev/pps1"
    assert "/etc/chrony/chrony.conf line 4" in told.what


def test_what_this_user_may_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hat(tmp_path)
    monkeypatch.setattr(
        "gpstime.drivers.inventory.os.access", lambda path, mode: "pps" not in str(path) and "ttyAMA0" not in str(path)
    )
    told = {a.about: a for a in advice(take_inventory(made.root))}
    assert set(told) == {"/dev/ttyAMA0", "/dev/pps0"}
    assert "usermod -aG dialout" in told["/dev/ttyAMA0"].run[0]
    rules = (Path(__file__).parents[2] / "hw/udev/60-gpstime.rules").read_text()
    assert told["/dev/pps0"].add[0] in rules


def test_a_pi_5_says_that_its_stamps_are_late_and_a_pi_4_less(tmp_path: Path) -> None:
    """P21: a bias that no program sees is at least said."""
    five, four = (take_inventory(hat(tmp_path / b.name, b).root) for b in (FIVE, FOUR))
    assert "stamps about 13.5 us late, give or take 6.5" in text(five)
    assert as_object(five)["pulses"][0]["late_ns"] > as_object(four)["pulses"][0]["late_ns"]


def test_the_state_of_clock_and_supply(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    made.write("sys/class/thermal/thermal_zone0/temp", "51250\n")
    made.write("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "ondemand\n")
    found = take_inventory(made.root)
    assert "clocksource arch_sys_counter (generic timer, 54 MHz); 51.2 C (cpu-thermal); governor ondemand" in text(found)
    assert advice(found) == []
    made.write("sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq", "250000\n")
    made.write("sys/devices/platform/soc/soc:firmware/get_throttled", "50001\n")
    told = sentences(made.root, "hint")
    assert len(told) == 2
    assert "under-voltage" in told[0]
    assert "250 MHz" in told[1]


def test_i2c_and_rtc(tmp_path: Path) -> None:
    made = hat(tmp_path)
    made.rtc()
    found = take_inventory(made.root)
    assert [(b.path, b.devices) for b in found.i2c] == [("/dev/i2c-1", ("0x68 rtc-ds1307",))]
    assert found.rtcs == ("/dev/rtc0 rtc-ds1307 1-0068",)


def test_gpio_chips_without_labels_are_known_by_what_they_are_compatible_with(tmp_path: Path) -> None:
    made = hat(tmp_path, FIVE, 0)
    for label in tmp_path.glob("sys/devices/platform/*/gpio/*/label"):
        label.unlink()
    assert [c.path for c in take_inventory(made.root).chips if c.header] == ["/dev/gpiochip4"]


def test_nothing_is_written(tmp_path: Path) -> None:
    made = hat(tmp_path)

    def state() -> dict[str, float]:
        return {str(p): p.lstat().st_mtime_ns for p in tmp_path.rglob("*")}

    before = state()
    look(made.root, Seconds(), 3)
    assert state() == before


def test_a_machine_that_is_no_pi_gets_no_advice_for_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--root", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "not a Raspberry Pi" in shown
    assert shown.endswith("Nothing to change.\n")
    assert main(["devices", "--root", str(tmp_path / "none")]) == 2
    with pytest.raises(SystemExit):
        main(["devices", "--watch", "soon"])
    assert "'soon' is no duration" in capsys.readouterr().err


def test_the_report_gives_lines_to_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tree(tmp_path, FOUR, FOUR.kernels[1])
    assert main(["devices", "--root", str(made.done())]) == 0
    shown = capsys.readouterr().out
    assert "Raspberry Pi 4 Model B Rev 1.4" in shown
    assert "\n           dtoverlay=pps-gpio,gpiopin=18\n" in shown
    assert "take out in /boot/firmware/cmdline.txt:\n           console=serial0,115200\n" in shown
    assert "gpiochip0  pinctrl-bcm2711, 54 lines; the 40-pin header, BCM2711 (Pi 4)" in shown
    assert all(len(line) <= 132 for line in shown.splitlines())


def test_json_is_the_same_and_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tree(tmp_path, FIVE, FIVE.kernels[0])
    made.pps(0, "pps@12.-1")
    made.usb_receiver()
    assert main(["devices", "--json", "--root", str(made.done())]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == as_object(take_inventory(tmp_path))
    paper = (Path(__file__).parents[2] / "docs/json.md").read_text().split("## gpstime devices --json")[1].split("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", paper))
    inner = {key for part in ("serial", "pulses", "chips", "i2c", "advice") for row in told[part] for key in row}
    assert documented == set(told) | inner | {"holders", "pid", "command", "sure"}


@pytest.mark.parametrize(
    ("model", "number", "bluetooth"),
    [
        ("Raspberry Pi Model B Rev 2", 1, False),
        ("Raspberry Pi Zero Rev 1.3", 1, False),
        ("Raspberry Pi Zero W Rev 1.1", 1, True),
        ("Raspberry Pi 2 Model B Rev 1.1", 2, False),
        ("Raspberry Pi Zero 2 W Rev 1.0", 3, True),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", 3, True),
        ("Raspberry Pi 400 Rev 1.0", 4, True),
        ("Raspberry Pi Compute Module 4 Rev 1.1", 4, False),
        ("Raspberry Pi 5 Model B Rev 1.0", 5, False),
        ("Raspberry Pi 500 Rev 1.0", 5, False),
        ("Orange Pi Zero", None, False),
    ],
)
def test_models(model: str, number: int | None, bluetooth: bool) -> None:
    assert generation(model) == number
    assert has_bluetooth(model) == bluetooth
