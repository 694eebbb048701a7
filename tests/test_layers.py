"""The layers: imports point down only, the core thinks and touches nothing, and the live path stays light.

    cli, report -> app -> drivers | sim | store | analysis -> core -> times, model, ports, errors

Each rule has a control below: a made-up tree that breaks it must be found out.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

WORDS = {"gpstime", "times", "events", "findings", "model", "ports", "errors"}
MAY_IMPORT = {
    **dict.fromkeys(WORDS, WORDS),
    "gpstime": WORDS | {"drivers"},  # the public names, loaded when they are asked for: see test_public_names_come_late
    "core": WORDS | {"core"},
    "drivers": WORDS | {"core", "drivers"},
    "sim": WORDS | {"core", "sim"},
    "store": WORDS | {"core", "store"},
    "analysis": WORDS | {"core", "analysis"},
    "app": WORDS | {"core", "drivers", "sim", "store", "analysis", "app"},
    "report": WORDS | {"core", "drivers", "sim", "store", "analysis", "app", "report"},
    "cli": WORDS | {"core", "drivers", "sim", "store", "analysis", "app", "report", "cli"},
    "__main__": {"cli"},
}
ARRAYS_IN = {"analysis", "report"}
CLOCKS_IN = {"drivers"}
HEAVY = {"matplotlib", "numpy", "numba", "pynmea2", "serial", "smbus2", "zstandard", "hypothesis", "pytest"}
TOUCHING = {
    *(
        "asyncio",
        "fcntl",
        "getpass",
        "glob",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "platform",
        "queue",
        "random",
    ),
    *(
        "sched",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "termios",
    ),
    *("threading", "time", "urllib", "uuid", "warnings"),
}
"""Standard modules that reach outside, or give another answer each time: no business of `core` and the words."""
TOUCHING_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
CLOCK_METHODS = {"now", "utcnow", "today"}


def room_of(module: str) -> str:
    """`gpstime.core.nmea` is in `core`; `gpstime` itself is one of the words."""
    return module.split(".")[1] if "." in module else module


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((root / "gpstime").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[tuple[str, int]]:
    """All modules that this one imports, anywhere in it (late imports and those for type checking too), with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                above = parts[: len(parts) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            if base == "gpstime":
                yield from ((f"gpstime.{a.name}" if a.name in MAY_IMPORT else "gpstime", node.lineno) for a in node.names)
            else:
                yield base, node.lineno


def breaches(root: Path) -> list[str]:
    """Every import or call that breaks a rule, in words."""
    found = []
    for module, tree in modules(root):
        room = room_of(module)
        if room not in MAY_IMPORT:
            found.append(f"{module}: no such room in the tree")
            continue
        pure = room in WORDS or room == "core"
        for name, line in imports(module, tree, is_package=(root / Path(*module.split("."))).is_dir()):
            top = name.split(".")[0]
            if top == "gpstime":
                if room_of(name) not in MAY_IMPORT[room]:
                    found.append(f"{module}:{line}: {room} imports {name}")
            elif top in {"hw", "tests", "firmware_notes"}:
                found.append(f"{module}:{line}: imports {name}, which is no part of the package")
            elif top in {"numpy", "numba"} and room not in ARRAYS_IN:
                found.append(f"{module}:{line}: {top} outside of {sorted(ARRAYS_IN)}")
            elif top == "time" and room not in CLOCKS_IN:
                found.append(f"{module}:{line}: {room} imports time, and only drivers read clocks")
            elif pure and top not in sys.stdlib_module_names:
                found.append(f"{module}:{line}: {room} imports {top}, not of the standard library")
            elif pure and top in TOUCHING:
                found.append(f"{module}:{line}: {room} imports {top}, which reaches outside")
        if pure:
            found.extend(f"{module}:{call.lineno}: {room} calls {ast.unparse(call.func)}" for call in touching_calls(tree))
    return found


def touching_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (
            (isinstance(node.func, ast.Name) and node.func.id in TOUCHING_CALLS)
            or (isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_METHODS)
        ):
            yield node


def clock_readers(root: Path) -> list[str]:
    """Tests that sleep or ask what time it is; those of tests/board run on a board, whose clocks and waits they are about."""
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        if "board" in path.relative_to(root).parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        clocks = [line for name, line in imports("tests", tree, is_package=False) if name.split(".")[0] == "time"]
        asked = [call.lineno for call in touching_calls(tree) if isinstance(call.func, ast.Attribute)]
        found.extend(f"{path.relative_to(root)}:{line}" for line in clocks + asked)
    return found


def heavy_at_import(root: Path) -> set[str]:
    """The heavy modules that come along when every module outside of analysis and report is imported."""
    names = [module for module, _ in modules(root) if room_of(module) not in ARRAYS_IN and room_of(module) != "__main__"]
    program = (
        "import importlib, sys, gpstime\n"
        f"assert gpstime.__file__.startswith({str(root)!r}), gpstime.__file__\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_imports_point_down_only() -> None:
    assert breaches(ROOT) == []


def test_every_module_was_looked_at() -> None:
    seen = {module for module, _ in modules(ROOT)}
    assert {"gpstime", "gpstime.times", "gpstime.core", "gpstime.core.leap", "gpstime.drivers.leap_files"} <= seen


def test_nothing_heavy_at_import() -> None:
    assert heavy_at_import(ROOT) == set()


def test_public_names_come_late() -> None:
    program = "import sys, gpstime; print(*sorted(name for name in sys.modules if name.startswith('gpstime')))\n"
    program += "for name in gpstime.__all__: getattr(gpstime, name)\nprint('gpstime.drivers' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["gpstime", "True"], done.stderr


def test_no_test_sleeps_or_asks_the_time() -> None:
    assert clock_readers(ROOT) == []


# ---- controls: the guard can fail --------------------------------------------------------------------------------------------


def fake_tree(tmp_path: Path, where: str, text: str) -> Path:
    path = tmp_path / "gpstime" / where
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in {tmp_path / "gpstime", path.parent}:
        folder.joinpath("__init__.py").touch()
    path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("where", "text", "told"),
    [
        ("core/a.py", "from gpstime.app.run import run", "core imports gpstime.app.run"),
        ("core/a.py", "def f():\n    import gpstime.sim.world", "core imports gpstime.sim.world"),
        ("core/a.py", "from gpstime import store", "core imports gpstime.store"),
        ("core/a.py", "from ..drivers import leap_files", "core imports gpstime.drivers"),
        ("core/__init__.py", "from ..sim import world", "core imports gpstime.sim"),
        ("core/a.py", "import numpy as np", "numpy outside"),
        ("core/a.py", "import pynmea2", "not of the standard library"),
        ("core/a.py", "import time", "only drivers read clocks"),
        ("app/a.py", "from time import sleep", "only drivers read clocks"),
        ("core/a.py", "from random import gauss", "reaches outside"),
        ("core/a.py", "import os.path", "reaches outside"),
        ("core/a.py", "import datetime\nx = datetime.datetime.now()", "calls datetime.datetime.now"),
        ("core/a.py", "open('x')", "calls open"),
        ("core/a.py", "print('x')", "calls print"),
        ("times.py", "import gpstime.core.nmea", "times imports gpstime.core.nmea"),
        ("model.py", "import logging", "reaches outside"),
        ("sim/a.py", "from gpstime.store.capture import parse", "sim imports gpstime.store.capture"),
        ("store/a.py", "import gpstime.drivers", "store imports gpstime.drivers"),
        ("drivers/a.py", "from gpstime.app import config", "drivers imports gpstime.app"),
        ("drivers/a.py", "import numpy", "numpy outside"),
        ("app/a.py", "from gpstime.report.measure import text", "app imports gpstime.report.measure"),
        ("app/a.py", "from gpstime.cli import main", "app imports gpstime.cli"),
        ("report/a.py", "from gpstime.cli import main", "report imports gpstime.cli"),
        ("app/a.py", "import hw.bench", "no part of the package"),
        ("helpers/a.py", "", "no such room"),
    ],
)
def test_the_guard_finds(tmp_path: Path, where: str, text: str, told: str) -> None:
    found = breaches(fake_tree(tmp_path, where, text))
    assert any(told in breach for breach in found), found


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("core/a.py", "import bisect\nfrom gpstime.times import NS\nfrom gpstime import times, __version__\nfrom . import b"),
        ("report/a.py", "import numpy\nfrom gpstime.app.measure import Result"),
        ("analysis/a.py", "import numpy"),
        ("cli.py", "import sys\nfrom gpstime.app import measure\nfrom gpstime.report import measure as m"),
        ("drivers/a.py", "import time\nfrom gpstime.core import nmea"),
        ("app/a.py", "import os, pynmea2\nfrom gpstime.sim.world import SimWorld"),
    ],
)
def test_the_guard_lets_pass(tmp_path: Path, where: str, text: str) -> None:
    assert breaches(fake_tree(tmp_path, where, text)) == []


def test_the_guard_finds_a_heavy_import(tmp_path: Path) -> None:
    assert heavy_at_import(fake_tree(tmp_path, "app/talk.py", "import pynmea2")) == {"pynmea2"}
    assert heavy_at_import(fake_tree(tmp_path, "app/talk.py", "def f():\n    import pynmea2")) == set()


def test_the_guard_finds_a_test_that_asks_the_time(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests" / "test_a.py"
    for text in ("from time import sleep", "import time", "import datetime\nx = datetime.date.today()"):
        path.write_text(text)
        assert len(clock_readers(tmp_path)) == 1


def twice_named(tests: Path) -> set[str]:
    """Names that two test files have: pytest imports them under their bare names, and stops at the second."""
    names = Counter(path.name for path in tests.rglob("test_*.py"))
    return {name for name, count in names.items() if count > 1}


def test_no_two_test_files_have_one_name(tmp_path: Path) -> None:
    assert twice_named(ROOT / "tests") == set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_x.py").touch()
    assert twice_named(tmp_path) == {"test_x.py"}
