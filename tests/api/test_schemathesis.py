"""Schemathesis: requests made from the OpenAPI document, right and wrong ones, all checks on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ADMIN_KEY, Start

_HERE = Path(__file__).parent / "schemathesis"
_COMMAND = Path(sys.executable).with_name("schemathesis")


def run(start: Start, folder: Path, *arguments: str, patience: float) -> None:
    server = start(settings={"JOBHOPPER_ADMIN_KEY": ADMIN_KEY})
    command = [
        *(_COMMAND, "--config-file", _HERE / "schemathesis.toml", "--no-color"),
        *("run", f"http://127.0.0.1:{server.port}/openapi.json", *arguments),
    ]
    hooks = {"PYTHONPATH": str(_HERE), "KEY": ADMIN_KEY}
    done = subprocess.run(
        command,
        env=os.environ | hooks,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert server.is_up()


def test_what_the_document_says_is_true(start: Start, tmp_path: Path) -> None:
    run(start, tmp_path, "--max-examples", "15", "--seed", "1", patience=240)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 4))
def test_what_the_document_says_is_true_at_length(start: Start, tmp_path: Path, seed: int) -> None:
    run(start, tmp_path, "--max-examples", "100", "--seed", str(seed), patience=600)
