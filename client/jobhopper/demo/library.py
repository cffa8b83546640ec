"""The modules of the standard library on this machine."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

LIBRARY = Path(sysconfig.get_path("stdlib"))

# Installed packages are not the library; tests hold files that are broken on purpose.
_SKIPPED = frozenset(
    {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"}
)


def files() -> list[str]:
    """Every module's file below LIBRARY, with forward slashes, by name."""
    return sorted(path.relative_to(LIBRARY).as_posix() for path in _walk(LIBRARY))


def module_name(file: str) -> str:
    """`json/decoder.py` is `json.decoder`; a package's `__init__.py` is the package."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in _SKIPPED:
                yield from _walk(path)
        elif path.suffix == ".py":
            yield path
