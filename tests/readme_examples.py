"""The console examples of README.md: what is shown and what really comes.

Run as a script it puts the real output into README.md (blocks with a line of three dots are left for hand work).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def examples(text: str) -> Iterator[tuple[str, str]]:
    """(command line, output shown) for each `$` line of the console blocks."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def shown_is_real(shown: str, real: str) -> bool:
    """True if the real output is what is shown; a line of three dots stands for any lines.

    Decimals may differ by a few of the last place shown: another machine's logarithm may round another way.
    """
    decimal = r"\d+\.\d+"
    parts = [re.sub(r"\d+\\\.\d+", lambda _: f"({decimal})", re.escape(part)) for part in shown.split("...\n")]
    found = re.fullmatch(r"(?:.*\n)*".join(parts), real)
    if not found:
        return False
    pairs = list(zip(re.findall(decimal, shown), found.groups(), strict=True))
    return all(abs(float(a) - float(b)) <= 3.1 * 10.0 ** -len(a.split(".")[1]) for a, b in pairs)


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command of an example, without a shell, in this folder."""
    program = [sys.executable, "-c", "import sys; from gpstime.cli import main; sys.exit(main())", *command.split()[1:]]
    environment = {**os.environ, "COLUMNS": "80"}  # as wide as a page that knows no terminal
    return subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for command, shown in examples(text):
            real = run(command, Path(folder)).stdout
            if "...\n" not in shown:
                text = text.replace(f"$ {command}\n{shown}", f"$ {command}\n{real}")
            elif not shown_is_real(shown, real):
                print(f"by hand: $ {command}\n{real[-3000:]}")
    README.write_text(text, encoding="utf-8")
