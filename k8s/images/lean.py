# ruff: noqa: INP001 - a script that runs alone, in the build of an image
"""Takes out of an environment what never runs in a pod: lean.py FOLDER.

Wheels carry symbols for debuggers, sources that were compiled long ago, tests, and parts that
nothing of ours imports. Byte code stays, since the root is read-only and compiling at each start
would be slow; Python sources stay, since a traceback shows their lines.
"""

import shutil
import struct
import sys
from pathlib import Path

# C and Cython sources, and what only type checkers read.
_SUFFIXES = {".c", ".h", ".pxd", ".pxi", ".pyi", ".pyx"}
_FOLDERS = (
    "alembic/testing",
    "sqlalchemy/testing",
    # The services write their SQL, and map no objects.
    "sqlalchemy/orm",
    # They make bindings; what was made needs only `_cffi_backend`.
    "cffi",
    "pycparser",
)
_PROGRAM_HEADER = "<IIQQQQ"


def main(folder: Path) -> None:
    """Does it."""
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in _FOLDERS:
        shutil.rmtree(packages / name, ignore_errors=True)
    for path in packages.rglob("*"):
        if path.suffix in _SUFFIXES:
            path.unlink()
        elif path.suffix == ".so":
            _strip(path)


def _strip(path: Path) -> None:
    """Cuts off what lies behind the last segment: the loader reads segments, debuggers the rest.

    The slim image has no `strip`, and the machine that builds may be none with this format.
    """
    content = bytearray(path.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01":
        raise SystemExit(f"{path} is no 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", content, 32)
    size, number = struct.unpack_from("<HH", content, 54)
    end = table + size * number
    for at in range(table, end, size):
        _kind, _flags, offset, _address, _physical, length = struct.unpack_from(
            _PROGRAM_HEADER, content, at
        )
        end = max(end, offset + length)
    # There are no sections any more: neither their table's place nor their number.
    struct.pack_into("<Q", content, 40, 0)
    struct.pack_into("<HH", content, 60, 0, 0)
    path.write_bytes(content[:end])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
