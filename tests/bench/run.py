"""`make bench`: every bench_*.py after the other, then one table: CPU, memory, card, start, beside gpsd on the same stream.

A bench that fails does not keep the others from running. Exit code 1 if one failed. Names of benches as arguments: only these.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import FILE, table

HERE = Path(__file__).resolve().parent
LONGEST_S = 1500
"""A bench that hangs is ended."""


def main(names: list[str]) -> int:
    benches = sorted(p for p in HERE.glob("bench_*.py") if not names or p.stem.removeprefix("bench_") in names)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        for n, bench in enumerate(benches, 1):
            print(f"== {n} of {len(benches)}: {bench.name}", flush=True)
            began = time.monotonic()
            try:
                code = subprocess.run(
                    [sys.executable, str(bench)], env={**os.environ, FILE: str(figures)}, timeout=LONGEST_S, check=False
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
            print(f"   ({time.monotonic() - began:.0f} s{'' if code == 0 else f', exit code {code}'})", flush=True)
            if code:
                failed.append(bench.name)
        if figures.exists():
            print("== together")
            print(table(figures))
    if failed:
        print(f"not met: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
