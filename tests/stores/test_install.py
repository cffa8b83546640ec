"""What installs the packages: uv, told what pip was told; and pip where uv can't."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack.containers.docker import K8S

REQUIREMENTS = K8S.parent / "requirements"
VERSION = re.findall(r"^uv==([0-9.]+)", (REQUIREMENTS / "setup.lock").read_text(), re.MULTILINE)[0]
# `pip config` is the real one, which has reasons of its own to say nothing.
_PIP = f"""#!/bin/sh
case "$*" in
*" config "*) exec {sys.executable} "$@" ;;
*) echo "pip $*" >>said ;;
esac
"""
_UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv $UV_IS (of some day)"; exit; fi
echo "uv $UV_DEFAULT_INDEX $UV_INDEX $SSL_CERT_FILE $*" >>said
exit "$UV_ENDS"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the script and a .venv whose pip and uv note what they are called with."""
    files = {
        "requirements/install": (REQUIREMENTS / "install").read_text(),
        "requirements/setup.lock": f"uv=={VERSION} \\\n",
        ".venv/bin/python": _PIP,
        ".venv/bin/uv": _UV,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def install(project: Path, ends: int = 0, settings: str = "", **more: str) -> list[str]:
    """Installs some.lock; the calls that this takes."""
    (project / "pip.conf").write_text(settings)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(project),
        "PIP_CONFIG_FILE": str(project / "pip.conf"),
        "UV_ENDS": str(ends),
        "UV_IS": VERSION,
    }
    script = project / "requirements" / "install"
    subprocess.run([script, "-r", "some.lock"], env=environment | more, check=True)
    return (project / "said").read_text().splitlines()


def words(*more: str) -> list[str]:
    return ["uv", *more, *"pip install --quiet --python .venv/bin/python -r some.lock".split()]  # noqa: SIM905


def test_uv_installs_alone(project: Path) -> None:
    (call,) = install(project, settings="[global]\ntimeout = 5\n")
    assert [word for word in call.split() if not word.startswith("/")] == words()


def test_pip_installs_where_uv_can_not(project: Path) -> None:
    tried, instead = install(project, ends=2)
    assert tried.startswith("uv ")
    assert instead.endswith("install --quiet -r some.lock")


def test_what_pip_was_told_of_indexes_uv_is_told(project: Path) -> None:
    settings = "[global]\ncert = /own.pem\n[install]\nindex-url = https://one.example/simple\n"
    (call,) = install(project, settings=settings, PIP_EXTRA_INDEX_URL="https://two.example/simple")
    assert call.split() == words(
        "https://one.example/simple", "https://two.example/simple", "/own.pem"
    )


def test_a_variable_of_pips_goes_before_its_file(project: Path) -> None:
    settings = "[global]\nindex-url = https://one.example/simple\ncert = /own.pem\n"
    (call,) = install(project, settings=settings, PIP_INDEX_URL="https://three.example/simple")
    assert call.split() == words("https://three.example/simple", "/own.pem")


def test_what_uv_can_not_be_told_is_left_to_pip(project: Path) -> None:
    (call,) = install(project, settings="[global]\nproxy = http://proxy.example:3128\n")
    assert call.startswith("pip ")


def test_a_uv_of_another_version_is_replaced(project: Path) -> None:
    renewed, _ = install(project, UV_IS="0.1.0")
    assert renewed.endswith("install --quiet --require-hashes -r requirements/setup.lock")
