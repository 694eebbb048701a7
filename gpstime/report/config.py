"""`gpstime config`: the configuration in force, as a file that means the same; or every error in it."""

from __future__ import annotations

import argparse
import sys

from gpstime.app.config import DEFAULT_FILE, ConfigError, as_toml, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help=f"the configuration to check and show (default {DEFAULT_FILE})")


def command(args: argparse.Namespace) -> int:
    """Exit code 2 with one line for each error."""
    try:
        config = load(args.config)
    except ConfigError as e:
        for problem in e.problems:
            print(f"gpstime config: {problem}", file=sys.stderr)
        return 2
    print(as_toml(config), end="")
    return 0
