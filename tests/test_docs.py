"""What the papers say is so: commands and links exist, the changelog has the version, nothing names one machine."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme_examples import README, examples, run, shown_is_real

import gpstime
from gpstime.app.measure import Measurement
from gpstime.app.rtc_result import RtcWatch
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.report.measurement import as_object
from gpstime.report.rtc_measurement import rtc_object
from gpstime.store.capture import Skipped, decode

ROOT = Path(__file__).resolve().parent.parent

# Spelt in pieces, so that this file passes its own test.
HOSTS = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "piwheels" + ".org",
    "registry" + ".npmjs",
    "crates" + ".io",
    "proxy.golang" + ".org",
]
PATHS = ["/" + "work/", "/" + "root/", "/tmp/" + "bash_jobs", "/" + ".library", "/" + ".mirror"]


@functools.cache
def tracked() -> tuple[Path, ...]:
    """The files of the project: those that git knows, else (an unpacked archive) all but what set-up makes."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = [name for name in done.stdout.decode().split("\0") if name]
    if names:
        return tuple(path for name in names if (path := ROOT / name).is_file())
    made = {".venv", "__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "dist"}
    return tuple(path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.relative_to(ROOT).parts))


def papers() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def code_of(text: str) -> str:
    """Everything set as code: fenced blocks and spans."""
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])


def commands_in(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """(command, options) for each `gpstime ...` in code; a line may go on after a backslash. `rtc`, `lab`, `holdover` have two."""
    found = []
    for line in code_of(text).replace("\\\n", " ").splitlines():
        match = re.match(r"(?:\$ )?(?:\S*bin/)?gpstime +((?:rtc|lab|holdover) [a-z]+|[a-z]+)\b(.*)", line)
        if match:
            options = re.findall(r"(?<!\S)(--[a-z][a-z0-9-]*)", match[2].split(" | ")[0])
            found.append((match[1], tuple(options)))
    return found


@functools.cache
def help_of(*words: str) -> str:
    program = "import sys; from gpstime.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program, *words, "--help"], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def unknown_commands(text: str) -> list[str]:
    found = []
    for command, options in commands_in(text):
        told = help_of(*command.split())
        if not told:
            found.append(command)
        found.extend(f"{command} {option}" for option in options if told and not re.search(rf"{option}\b(?!-)", told))
    return found


def unknown_targets(text: str) -> list[str]:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    return [target for target in re.findall(r"(?:^|[`\n$] ?)make ([a-z]+)", code_of(text)) if target not in targets]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(path: Path, text: str) -> list[str]:
    """Relative links to nothing, and anchors that no heading of the target has."""
    found = []
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, section = target.partition("#")
        place = (path.parent / name) if name else path
        if not place.exists():
            found.append(target)
        elif section and place.suffix == ".md":
            source = text if place == path else place.read_text(encoding="utf-8")
            if section not in {anchor(heading) for heading in re.findall(r"^#+ (.*)$", source, re.MULTILINE)}:
                found.append(target)
    return found


def private(text: str) -> list[str]:
    return [word for word in [*HOSTS, *PATHS] if word in text]


def changelog_lacks(version: str, text: str) -> bool:
    return not re.search(rf"^## {re.escape(version)}\b", text, re.MULTILINE)


def test_the_papers_are_there() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in papers()}
    assert {"README.md", "DESIGN.md", "CONTRIBUTING.md", "CHANGELOG.md", "firmware_notes/README.md", "hw/README.md"} <= names


@pytest.mark.parametrize("path", papers(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paper(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert dead_links(path, text) == []
    assert unknown_commands(text) == []
    assert unknown_targets(text) == []


def test_readme_shows_each_command() -> None:
    shown = {command.split()[0] for command, _ in commands_in((ROOT / "README.md").read_text(encoding="utf-8"))}
    listed = set(re.findall(r"^ {4}([a-z]+)(?: |$)", help_of(), re.MULTILINE))
    assert listed
    assert shown == listed


def not_in_the_tree(text: str) -> set[str]:
    """Modules of core, drivers and store, and of rooms inside them, that the tree of DESIGN.md leaves out."""
    found = set()
    for room in ("core", "drivers", "store"):
        tree = text.split(f"├── {room}/")[1].split("├── ")[0]
        found |= {path.stem for path in (ROOT / "gpstime" / room).rglob("[!_]*.py")} - set(re.findall(r"\w+", tree))
    return found


def test_design_shows_the_tree_as_it_is() -> None:
    text = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
    assert not_in_the_tree(text) == set()
    assert not_in_the_tree(text.replace("pairing", "").replace("boot_files", "")) == {"pairing", "boot_files"}


def test_changelog_has_this_version() -> None:
    assert not changelog_lacks(gpstime.__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def test_no_path_of_one_machine_and_no_registry() -> None:
    found = {}
    for path in tracked():
        if words := private(path.read_text(encoding="utf-8", errors="replace")):
            found[path.relative_to(ROOT).as_posix()] = words
    assert found == {}


def test_the_name_clash_is_told_plainly() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "gpstime-pi" in readme
    assert re.search(r"same\s+import\s+name", readme)


def test_readme_examples_are_real(tmp_path: Path) -> None:
    ran = list(examples(README.read_text(encoding="utf-8")))
    assert {command.split()[1] for command, _ in ran} == {
        *("measure", "nmea", "sim", "import", "replay", "export", "rtc", "lab", "discipline")
    }
    for command, shown in ran:
        done = run(command, tmp_path)
        assert shown_is_real(shown, done.stdout), f"python tests/readme_examples.py mends this: $ {command}\n{done.stdout}"
        assert done.returncode == 0, done.stderr


def documented(section: str) -> set[str]:
    """The words in the first column of the table in this section of docs/json.md."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    body = re.split(r"^#+ ", text.split(f"# {section}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    first = [row.split("|")[1] for row in body.splitlines() if row.startswith("| `")]
    return {word for cell in first for word in re.findall(r"`([\w-]+)`", cell)}


def literals(*places: str) -> set[str]:
    """All short strings in these files of the package, docstrings aside."""
    found = set()
    for place in places:
        for path in (ROOT / "gpstime").glob(place):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in found if re.fullmatch(r"[a-z]+(-[a-z]+)*", word)}


def test_json_keys_of_measure() -> None:
    assert documented("gpstime measure --json") == set(as_object(Measurement(file="x", status="ok", why="")))


def test_json_keys_of_an_rtc() -> None:
    nothing = Engine(BUILT_IN.table)
    nothing.rtc.track.chip = "ds3231"
    shown = rtc_object(RtcWatch(nothing).result(""))
    assert shown is not None
    assert documented("rtc of measure") == set(shown)
    status = documented("rtc status")
    assert status <= literals("app/rtc_result.py")
    assert {word for word in literals("app/rtc_result.py") if "-" in word} - {"kernel-rewrite"} <= status


def test_json_reasons() -> None:
    reasons = documented("Reasons")
    # the doctor's words are causes of a missing pulse, those of the RTC what broke its frequency: nothing that was rejected
    in_core = literals("core/[!pr]*.py", "core/p[!u]*.py", "core/r[!t]*.py")
    assert reasons <= in_core
    assert {word for word in in_core if "-" in word} <= reasons, "a reason of the core that the paper does not know"


def test_json_rtc_breaks() -> None:
    breaks = documented("Breaks of an RTC")
    in_core = literals("core/rtc_track.py", "core/rtc_words.py")
    assert breaks <= in_core
    assert {word for word in in_core if "-" in word} <= breaks, "a break of the core that the paper does not know"


def test_json_status_words() -> None:
    status = documented("status")
    assert status <= literals("app/measure.py", "app/verdict.py")
    assert {word for word in literals("app/verdict.py") if "-" in word} <= status


def test_kinds_of_the_open_capture() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "captures.md").read_text(encoding="utf-8"), re.MULTILINE)
    kinds = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert kinds <= literals("store/kinds.py")
    keys = {"t": 1, "shown": 1, "edge": "assert", "seq": 1, "by": "user", "hex": "00", "sensor": "x", "c": 1.5, "freq_ppb": 1.5}
    keys |= {"err_ns": 1, "chip": "x", "trusted": True, "source": "x", "reason": "x", "text": "x"}
    keys |= {"utc": "2020-01-01T00:00:00Z", "valid": True, "sentence": "x"}
    for kind in kinds - {"head"}:
        own = {"shown": "2020-01-01T00:00:00Z", "edge": True} if kind == "rtc" else {}
        assert not isinstance(decode(json.dumps({"k": kind} | keys | own).encode()), Skipped), kind


PAINS = [*range(1, 24), 26, 28, *range(31, 34)]


def pains(text: str) -> dict[int, tuple[str, str]]:
    """number -> (what gpstime does, held by), from the table."""
    rows = re.findall(r"^\| P(\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert len({number for number, *_ in rows}) == len(rows), "a pain told twice"
    return {int(number): (does, held) for number, does, held in rows}


def named_tests_missing(text: str) -> list[str]:
    """Tests named as `file::function` that are not there."""
    found = []
    for file, function in re.findall(r"`(tests/[\w/.]+)::(\w+)`", text):
        path = ROOT / file
        if not path.is_file() or not re.search(rf"^def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.append(f"{file}::{function}")
    return found


def test_each_pain_is_answered() -> None:
    text = (ROOT / "docs" / "pains.md").read_text(encoding="utf-8")
    assert sorted(pains(text)) == PAINS
    assert named_tests_missing(text) == []


# ---- controls: the guards can fail --------------------------------------------------------------------------------------------


def test_a_command_that_is_not_there_is_found() -> None:
    assert unknown_commands("```\n$ gpstime brew --strong\n```") == ["brew"]
    assert unknown_commands("Type `gpstime measure --wrold sim`.") == ["measure --wrold"]
    assert unknown_commands("Type `gpstime measure --world sim`.") == []
    assert unknown_targets("Type `make coffee` or `make test`.") == ["coffee"]


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    paper = tmp_path / "a.md"
    paper.write_text("# One two\n")
    assert dead_links(paper, "[x](b.md) [y](a.md#one-two) [z](https://example.net/none) [w](#three)\n# One two") == [
        "b.md",
        "#three",
    ]


def test_a_private_word_is_found() -> None:
    assert private("pip install --index-url https://" + HOSTS[0]) == [HOSTS[0]]
    assert private("see " + PATHS[0] + "shared") == [PATHS[0]]


def test_an_example_that_is_made_up_is_found() -> None:
    assert list(examples("```console\n$ a b\n1\n2\n$ c\n```\n")) == [("a b", "1\n2\n"), ("c", "")]
    assert shown_is_real("1\n...\n4\n", "1\n2\n3\n4\n")
    assert not shown_is_real("1\n...\n5\n", "1\n2\n3\n4\n")
    assert not shown_is_real("1\n4\n", "1\n2\n3\n4\n")
    assert shown_is_real("+2.302 ppm of 7\n", "+2.304 ppm of 7\n")
    assert not shown_is_real("+2.302 ppm of 7\n", "+2.306 ppm of 7\n")
    assert not shown_is_real("+2.302 ppm of 7\n", "+2.302 ppm of 8\n")


def test_a_test_that_is_not_there_is_found() -> None:
    assert named_tests_missing("`tests/test_docs.py::test_paper` `tests/test_docs.py::test_pape`") == [
        "tests/test_docs.py::test_pape"
    ]
    assert named_tests_missing("`tests/test_nothing.py::test_paper`") == ["tests/test_nothing.py::test_paper"]
    assert pains("| P3 | a | b | `c` |\n| P4 | a | b |\n") == {3: ("b", "`c`")}


def test_a_missing_version_is_found() -> None:
    assert changelog_lacks("0.1.0", "# Changelog\n\n## 0.1.00\n\n## 0.2.0\n")
    assert not changelog_lacks("0.1.0", "# Changelog\n\n## 0.1.0 (not released)\n")


def test_json_keys_of_rtc() -> None:
    """Each key that the actions of `gpstime rtc` print is in the paper, and the paper names no other."""
    text = (ROOT / "docs/json.md").read_text(encoding="utf-8").split("## gpstime rtc --json")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?:all|[a-z]+(?: --verify)?) \| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    told = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    printed = {"action", "chip", "simulated"}
    for name in ("rtc_words.py", "rtc_trim_words.py"):
        tree = ast.parse((ROOT / "gpstime/report" / name).read_text(encoding="utf-8"))
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.endswith("_object")):
            returned = next(n for n in ast.walk(function) if isinstance(n, ast.Return))
            assert isinstance(returned.value, ast.Dict)
            printed |= {key.value for key in returned.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    assert told == printed
