"""`python -m monitoring write | check | plot URL FOLDER`."""

import argparse
import sys
from pathlib import Path

from monitoring import files


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m monitoring", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("write", help="makes the chart's dashboards and rules")
    commands.add_parser("check", help="says whether they are fresh")
    plot = commands.add_parser("plot", help="draws the dashboards as PNG files")
    plot.add_argument("url", help="a Prometheus server, such as http://127.0.0.1:9090")
    plot.add_argument("folder", type=Path)
    plot.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    if options.command == "plot":
        return _plot(options)
    return _write() if options.command == "write" else _check()


def _write() -> int:
    sys.stdout.writelines(f"{path}\n" for path in files.write())
    return 0


def _check() -> int:
    stale = files.stale()
    sys.stderr.writelines(f"{path} is stale: python -m monitoring write\n" for path in stale)
    return 1 if stale else 0


def _plot(options: argparse.Namespace) -> int:
    # Not at the top: the other commands need no drawing library.
    from monitoring.plot import draw_all  # noqa: PLC0415

    options.folder.mkdir(parents=True, exist_ok=True)
    paths = draw_all(options.url, options.folder, options.minutes * 60)
    sys.stdout.writelines(f"{path}\n" for path in paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
