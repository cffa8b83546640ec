"""A Prometheus server that scrapes the services each second and has the chart's rules."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

import yaml
from api.caller import wait_until

from monitoring import alerts, rules
from stack.ports import free_port
from stack.process import Process
from stack.services import Services


class Server(AbstractContextManager["Server"]):
    """The process; alerts fire after a second instead of minutes, but after days as ever."""

    def __init__(self, services: Services, path: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._path, self._folder = path, folder
        for name, text in rules.files(alerts.ALL).items():
            (folder / name).write_text(yaml.safe_dump(_hastened(yaml.safe_load(text))))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_settings(services)))

    def __enter__(self) -> Self:
        listen = self.url.removeprefix("http://")
        command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={listen}"]
        self._log = (self._folder / "log").open("wb")
        self._child = subprocess.Popen(
            command, cwd=self._folder, env={"PATH": self._path}, stdout=self._log, stderr=self._log
        )
        wait_until(self._ready, 30)
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.terminate()
        self._child.wait(20)
        self._log.close()

    def targets(self) -> list[str]:
        """Of each target whether it is up."""
        return [one["health"] for one in self._get("targets")["activeTargets"]]

    def firing(self) -> dict[str, str]:
        """The summaries of the alerts that fire, by their names."""
        found = self._get("alerts")["alerts"]
        return {
            one["labels"]["alertname"]: one["annotations"]["summary"]
            for one in found
            if one["state"] == "firing"
        }

    def broken_rules(self) -> list[str]:
        """Rules that could not be evaluated, with the reason."""
        groups = self._get("rules")["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] == "err"
        ]

    def await_firing(self, *names: str, seconds: float = 30) -> None:
        """Waits until all of them have fired; not all at once, for stores come back."""
        missing, until = set(names), time.monotonic() + seconds
        while missing and time.monotonic() < until:
            missing -= self.firing().keys()
            time.sleep(0.3)
        up = {(one["metric"]["pod"], one["metric"]["store"]): one["value"][1] for one in self._up()}
        assert not missing, (missing, self.firing(), up)

    def _up(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("query?query=jobhopper_store_up")["result"]
        return found

    def _ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _get(self, what: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{what}", timeout=10) as answer:  # noqa: S310
            return json.load(answer)["data"]


def _settings(services: Services) -> dict[str, Any]:
    # As the chart's PodMonitor makes it: these labels, and this name.
    targets = [
        {"targets": [f"127.0.0.1:{one.probe}"], "labels": {"namespace": "jobs", "pod": pod}}
        for pod, one in _pods(services)
    ]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["*.yaml"],
        "scrape_configs": [{"job_name": "jobhopper", "static_configs": targets}],
    }


def _pods(services: Services) -> Iterator[tuple[str, Process]]:
    for component in ("api", "consumer", "refiller"):
        running: list[Process] = getattr(services, f"{component}s")
        for number, one in enumerate(running):
            yield f"{component}-{number}", one


def _hastened(content: dict[str, Any]) -> dict[str, Any]:
    for group in content["groups"]:
        for rule in group["rules"]:
            if rule.get("for", "").endswith(("m", "h")):
                rule["for"] = "1s"
    return content
