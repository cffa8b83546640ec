# ruff: noqa: INP001 - a script that runs alone, in the build of an image
"""Says what the images are made of: needs.py ROOT FOLDER TARGET=NAME[EXTRA].

Writes, for each target (there may be many), `TARGET.txt` with what others have made, and
`TARGET-own.txt` with our own packages. They are installed apart: what others have made changes
seldom, and stays one layer that a node has already when a new release comes.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")
Projects = dict[str, dict[str, Any]]


def main(root: Path, folder: Path, targets: list[str]) -> None:
    """Does it."""
    files = (tomllib.loads(path.read_text()) for path in root.glob("*/**/pyproject.toml"))
    projects = {one["project"]["name"]: one["project"] for one in files}
    for target in targets:
        name, requirement = target.split("=")
        own: set[str] = set()
        others: set[str] = set()
        _follow(projects, requirement, own, others)
        (folder / f"{name}-own.txt").write_text("\n".join(sorted(own)) + "\n")
        (folder / f"{name}.txt").write_text("\n".join(sorted(others)) + "\n")


def _follow(projects: Projects, requirement: str, own: set[str], others: set[str]) -> None:
    found = _REQUIREMENT.match(requirement)
    if found is None or found[1] not in projects:
        others.add(requirement)
        return
    project = projects[found[1]]
    own.add(found[1])
    extras = filter(None, (found[2] or "").split(","))
    optional = project.get("optional-dependencies", {})
    for one in [*project["dependencies"], *(o for extra in extras for o in optional[extra])]:
        _follow(projects, one, own, others)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
