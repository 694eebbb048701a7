"""The service's configuration: one TOML file, every key with a default, every error with its line and what to do."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

from gpstime.app.settings import SECTIONS, Config
from gpstime.errors import UsageError

DEFAULT_FILE = "/etc/gpstime.toml"


class ConfigError(UsageError):
    """`problems`: one sentence for each error, each with file, line and remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


# ---- reading -------------------------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"\s*\[+\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]+\s*(?:#.*)?$")
_ENTRY = re.compile(r"\s*([A-Za-z0-9_\-\"'.]+)\s*=")


def _lines_of(text: str) -> dict[str, int]:
    """ "section" and "section.key" to the line where each stands first."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header[1].strip("\"'")
            found.setdefault(section, number)
        elif entry := _ENTRY.match(line):
            name = entry[1].strip("\"'")
            found.setdefault(f"{section}.{name}" if section else name, number)
    return found


def _nearest(word: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(word, known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _toml_remedy(why: str) -> str:
    """What to do about an error in tomllib's words."""
    if "Cannot declare" in why or "Cannot overwrite" in why:
        return "each section and each key may stand only once"
    if "Expected ']'" in why:
        return "a section is a line of its own like [receiver]"
    if "Invalid value" in why or "Expected newline" in why:
        return "text values need quotation marks"
    return 'a line is a section like [receiver], a key like port = "/dev/serial0", or a comment that begins with #'


def parse(text: str, name: str) -> Config:
    """The configuration in `text`; ConfigError with every problem in it. `name` is the file's, for messages."""
    import tomllib  # the service needs it once

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        why, _, place = str(e).partition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = line[1] if line else str(text.count("\n") + 1)
        raise ConfigError([f"{name}:{number}: this is no TOML: {why}; {_toml_remedy(why)}."]) from None
    places = _lines_of(text)
    problems: list[tuple[int, str]] = []

    def problem(where: str, what: str) -> None:
        line = places.get(where, places.get(where.partition(".")[0], 1))
        problems.append((line, f"{name}:{line}: {what}" + ("" if what.endswith("?") else ".")))

    parts: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for section, table in found.items():
        kind = SECTIONS.get(section)
        if kind is None:
            known = [f"{s}.{f.name}" for s, k in SECTIONS.items() for f in dataclasses.fields(k) if f.name == section]
            what = f"section [{section}]" if isinstance(table, dict) else f"{section} outside of a section"
            hint = f"it belongs below [{known[0].partition('.')[0]}]" if known else _nearest(section, list(SECTIONS))
            problem(section, f"there is no {what}: {hint}")
            continue
        if not isinstance(table, dict):
            problem(section, f"{section} is a section: write [{section}] on a line of its own, and its keys below")
            continue
        fields = {f.name: f for f in dataclasses.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in table.items():
            where = f"{section}.{key}"
            if key not in fields:
                problem(where, f"[{section}] has no {key}: {_nearest(key, list(fields))}")
                continue
            try:
                values[key] = fields[key].metadata["check"](value)
                lines[where] = places.get(where, 1)
            except ValueError as e:
                problem(where, f"[{section}] {key} can't be {say(value)}: {e}")
        parts[section] = kind(**values)
    made = Config(**parts, file=name, lines=lines)
    if made.receiver.source == made.pulse.backend == "none":
        problem("pulse.backend", "with neither a receiver nor a pulse there is nothing to watch: leave one of the two out")
    if made.receiver.send and (made.receiver.share or made.receiver.source != "serial" or "://" in made.receiver.port):
        whose = "is shared" if made.receiver.share else "is another's"
        problem("receiver.send", f"nothing is sent to a receiver whose port {whose}: take send out, or read a serial port alone")
    if problems:
        raise ConfigError([sentence for _, sentence in sorted(problems)])
    return made


def load(path: str | None) -> Config:
    """The configuration of the file at `path`; None is the default place, where it may also be absent: then all is default."""
    name = path or DEFAULT_FILE
    try:
        text = Path(name).read_bytes().decode("utf-8").removeprefix("\ufeff")  # a mark that some editors begin a file with
    except FileNotFoundError:
        if path is None:
            return Config()
        raise ConfigError(
            [f"{name}: there is no such file; without --config the defaults are in force, `gpstime config` shows them."]
        ) from None
    except UnicodeDecodeError as e:
        raise ConfigError([f"{name}: byte {e.start} is no UTF-8: save the file as UTF-8."]) from None
    except OSError as e:
        raise ConfigError([f"{name}: can't be read: {e.strerror or e}; it needs to be readable for user {_user()}."]) from None
    return parse(text, name)


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def say(value: Any) -> str:
    """A value as TOML writes it (text, numbers, true and false; anything else as Python does)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(say, value))}]"
    if isinstance(value, str):
        inner = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if ord(c) >= 32 else f"\\u{ord(c):04x}" for c in inner) + '"'
    return repr(value).removesuffix(".0")


def as_toml(config: Config) -> str:
    """The configuration in force, as a file that means the same; each line says where its value comes from."""
    out = [f"# in force: {config.file or 'defaults only (no ' + DEFAULT_FILE + ')'}"]
    last = ""
    for section, key, value, about, line in config.rows():
        if section != last:
            out += ["", f"[{section}]"]
            last = section
        origin = "default" if line is None else f"line {line}"
        out.append(f"{key} = {say(value)}".ljust(36) + f"  # {origin}; {about}")
    return "\n".join(out) + "\n"
