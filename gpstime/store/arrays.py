"""Columns of numbers in numpy's files, without numpy: one-dimensional floats from `.npy`, and several of them into `.npz`.

Format: numpy.lib.format, versions 1 to 3: six bytes of magic, version, length of the header, a Python literal, the numbers.
"""

from __future__ import annotations

import ast
import sys
import zipfile
from array import array
from collections.abc import Mapping
from pathlib import Path

from gpstime.errors import UsageError

MAGIC = b"\x93NUMPY"
MOST_BYTES = 1 << 30
_CODES = {"f8": "d", "f4": "f"}


def read_column(path: str) -> array[float]:
    """The numbers of a one-dimensional `.npy` of floats. UsageError if it is another thing, OSError if it can't be read."""
    file = Path(path)
    if file.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path}: more than 1 GB is no trace")
    found = file.read_bytes()
    try:
        version = found[6]
        size = 2 if version == 1 else 4
        length = int.from_bytes(found[8 : 8 + size], "little")
        if found[:6] != MAGIC or len(found) < 8 + size + length:
            raise ValueError
        head = ast.literal_eval(found[8 + size : 8 + size + length].decode("latin-1").strip())
        kind, shape = str(head["descr"]), head["shape"]
        count = int(shape[0])
        code = _CODES[kind[1:]]
        if len(shape) != 1 or kind[0] not in "<>=" or count < 0:
            raise ValueError
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError, MemoryError, RecursionError):
        raise UsageError(f"{path}: no .npy file with one column of floats; numpy.save('F.npy', column) writes one") from None
    numbers = array(code)
    body = found[8 + size + length :]
    if len(body) != count * numbers.itemsize:
        raise UsageError(f"{path}: {len(body)} bytes where {count} numbers need {count * numbers.itemsize}; write it again")
    numbers.frombytes(body)
    if kind[0] == ("<" if sys.byteorder == "big" else ">"):
        numbers.byteswap()
    return array("d", numbers)


def write_columns(path: str, columns: Mapping[str, array[float]]) -> None:
    """An `.npz` of these columns (float64), as numpy.load reads it. OSError if it can't be written."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, numbers in columns.items():
            order = "<" if sys.byteorder == "little" else ">"
            head = f"{{'descr': '{order}f8', 'fortran_order': False, 'shape': ({len(numbers)},), }}"
            padded = head + " " * (63 - (10 + len(head)) % 64) + "\n"
            start = MAGIC + b"\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()
            archive.writestr(f"{name}.npy", start + numbers.tobytes())
