"""A Prometheus server that scrapes Jobhopper every few seconds and has the chart's rules."""

import json
import re
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

import yaml
from api.caller import wait_until

from stack.ports import free_port

Settings = dict[str, Any]


class Server(AbstractContextManager["Server"]):
    """The process; alerts look at seconds instead of minutes, but wait for days as ever.

    `fired` are those that were awaited and came.
    """

    def __init__(
        self,
        scraped: list[Settings],
        groups: list[Settings],
        path: str,
        folder: Path,
        interval: str = "1s",
    ) -> None:
        """`scraped` as in `scrape_configs`, `groups` as in a file of rules; `path` has the program.

        `interval` is that of the scrapes and of the rules.
        """
        self.url = f"http://127.0.0.1:{free_port()}"
        self.fired: set[str] = set()
        self._path, self._folder = path, folder
        hastened = {"groups": list(map(_hastened, groups))}
        (folder / "rules.yaml").write_text(yaml.safe_dump(hastened))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_settings(scraped, interval)))

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

    def firing(self, state: str = "firing") -> dict[str, str]:
        """The summaries of the alerts that fire, or are in another state, by their names."""
        found = self._get("alerts")["alerts"]
        return {
            one["labels"]["alertname"]: one["annotations"]["summary"]
            for one in found
            if one["state"] == state
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
            came = missing & self.firing().keys()
            self.fired |= came
            missing -= came
            time.sleep(0.3)
        up = {(one["metric"]["pod"], one["metric"]["store"]): one["value"][1] for one in self._up()}
        assert not missing, (missing, self.firing(), up)

    def await_quiet(self, pending: set[str], seconds: float = 30) -> None:
        """Waits until no alert fires, and none is about to, but for those that are `pending`."""
        until = time.monotonic() + seconds
        while (loud := self._loud(pending)) and time.monotonic() < until:
            time.sleep(0.3)
        assert loud == {}
        assert self.firing("pending").keys() == pending

    def _loud(self, pending: set[str]) -> dict[str, str]:
        about_to = {n: text for n, text in self.firing("pending").items() if n not in pending}
        return self.firing() | about_to

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


def _settings(scraped: list[Settings], interval: str) -> Settings:
    often = ("scrape_interval", "evaluation_interval", "scrape_timeout")
    return {
        "global": dict.fromkeys(often, interval),
        "rule_files": ["rules.yaml"],
        "scrape_configs": scraped,
    }


def _hastened(group: Settings) -> Settings:
    """Promtool tries the rules as they are; here their time is shorter, all else is the same."""
    for rule in group["rules"]:
        if rule.get("for", "").endswith(("m", "h")):
            rule["for"] = "1s"
        expr = re.sub(r"\[\d+m\]", "[30s]", rule["expr"])
        # A minute without a tick.
        rule["expr"] = re.sub(r"(?<=[<>] )60\b", "15", expr)
    return group
