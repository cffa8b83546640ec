"""The files that the chart ships."""

from pathlib import Path

from monitoring import alerts, dashboards, grafana, rules

CHART = Path(__file__).resolve().parents[1] / "helm" / "jobhopper"


def wanted() -> dict[Path, str]:
    """What each file has to hold."""
    made = {CHART / "rules" / name: text for name, text in rules.files(alerts.ALL).items()}
    return made | {
        CHART / "dashboards" / f"{one.name}.json": grafana.text(one) for one in dashboards.ALL
    }


def stale() -> list[Path]:
    """Files that are missing, differ, or ought not to be there."""
    expected = wanted()
    there = {*CHART.glob("rules/*"), *CHART.glob("dashboards/*")}
    differing = {path for path, text in expected.items() if not _holds(path, text)}
    return sorted(differing | (there - expected.keys()))


def write() -> list[Path]:
    """Makes the stale files right; returns which they were."""
    expected, found = wanted(), stale()
    for path in found:
        if path in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path])
        else:
            path.unlink()
    return found


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
