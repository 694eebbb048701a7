"""`gpstime config`: the configuration in force, as a file that means the same; or every error in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gpstime.app.config import DEFAULT_FILE, ConfigError, as_toml, load
from gpstime.app.settings import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help=f"the configuration to check and show (default {DEFAULT_FILE})")
    parser.add_argument("--json", action="store_true", help="one JSON object; its keys are in docs/json.md")


def command(args: argparse.Namespace) -> int:
    """Exit code 2 with one line for each error."""
    try:
        config = load(args.config)
    except ConfigError as e:
        if args.json:
            print(json.dumps({"file": args.config or DEFAULT_FILE, "config": None, "lines": {}, "problems": e.problems}))
        for problem in e.problems:
            print(f"gpstime config: {problem}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({"file": config.file or None, "config": _sections(config), "lines": config.lines, "problems": []}))
    else:
        print(as_toml(config), end="")
    return 0


def _sections(config: Config) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for section, key, value, _, _ in config.rows():
        found.setdefault(section, {})[key] = value
    return found
