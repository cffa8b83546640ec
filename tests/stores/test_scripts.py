"""The shell scripts that make and start the stores."""

import subprocess
import sys
from pathlib import Path

from stack.containers.docker import K8S

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
_FOLDERS = (K8S, K8S.parent / "requirements")


def _scripts() -> list[Path]:
    files = [f for folder in _FOLDERS for f in folder.rglob("*") if f.is_file()]
    return [f for f in files if f.name in {"recipe", "lib.sh"} or f.read_bytes()[:2] == b"#!"]


def test_scripts_are_clean() -> None:
    checked = subprocess.run(
        [SHELLCHECK, "--external-sources", "--source-path=SCRIPTDIR", *_scripts()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_image_says_what_it_cannot_make() -> None:
    done = subprocess.run(
        [K8S / "airgap" / "image", "jobhopper.invalid/no-such-image:1"],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(Path.home()),
            "AIRGAP_NO_PULL": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no recipe" in done.stderr
