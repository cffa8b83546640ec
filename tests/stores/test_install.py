"""What installs the packages: uv, told what pip was told; and pip where uv can't."""

import os
import subprocess
from pathlib import Path

import pytest

from stack.containers.docker import K8S

INSTALL = K8S.parent / "requirements" / "install"
_PIP = """#!/bin/sh
case "$*" in
*"config list"*) printf "%s" "$SETTINGS" ;;
*) echo "pip $*" >>said ;;
esac
"""
_UV = """#!/bin/sh
echo "uv $UV_DEFAULT_INDEX $UV_INDEX $SSL_CERT_FILE $*" >>said
exit "$UV_ENDS"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the script and a .venv whose pip and uv note what they are called with."""
    script = tmp_path / "requirements" / "install"
    commands = {script: INSTALL.read_text()}
    commands |= {tmp_path / ".venv" / "bin" / "python": _PIP, tmp_path / ".venv/bin/uv": _UV}
    for path, text in commands.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def install(project: Path, ends: int = 0, settings: str = "", **more: str) -> list[str]:
    kept = {"PATH": os.environ["PATH"], "UV_ENDS": str(ends), "SETTINGS": settings}
    subprocess.run(
        [project / "requirements" / "install", "-r", "some.lock"], env=kept | more, check=True
    )
    return (project / "said").read_text().splitlines()


def test_uv_installs_alone(project: Path) -> None:
    (call,) = install(project)
    assert " ".join(call.split()) == (
        "uv pip install --quiet --python .venv/bin/python -r some.lock"
    )


def test_pip_installs_where_uv_can_not(project: Path) -> None:
    tried, instead = install(project, ends=2)
    assert tried.startswith("uv ")
    assert instead.endswith("install -r some.lock")


def test_what_pip_was_told_of_indexes_uv_is_told(project: Path) -> None:
    settings = "global.cert='/own.pem'\nglobal.index-url='https://one.example/simple'\n"
    (call,) = install(project, settings=settings, PIP_EXTRA_INDEX_URL="https://two.example/simple")
    assert call.split()[1:4] == [
        "https://one.example/simple",
        "https://two.example/simple",
        "/own.pem",
    ]


def test_a_variable_of_pips_goes_before_its_file(project: Path) -> None:
    settings = "global.index-url='https://one.example/simple'\n"
    (call,) = install(project, settings=settings, PIP_INDEX_URL="https://three.example/simple")
    assert call.split()[1] == "https://three.example/simple"
