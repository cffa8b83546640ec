"""`python -m helm check | readme [--check]`."""

import argparse
import sys

from helm import check, readme


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m helm", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("check", help="lints the chart and validates all that it renders")
    writes = commands.add_parser("readme", help="writes the chart's README.md from values.yaml")
    writes.add_argument("--check", action="store_true", help="only say whether it is fresh")
    options = parser.parse_args()
    if options.command == "check":
        return _tell(check.faults())
    if options.check:
        return _tell(readme.faults())
    readme.write()
    return 0


def _tell(faults: list[str]) -> int:
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
