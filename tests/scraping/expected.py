"""What has to be there while all is well and jobs run."""

import re

from monitoring import alerts, dashboards
from monitoring.plot import Prometheus

# A series begins with what it counts, and no lease has to run out.
_LATER = {"jobhopper_leases_expired_total"}


def silent_panels(prometheus: Prometheus, seconds: float) -> set[str]:
    """The panels with an expression that said nothing in the last `seconds`, but should have."""
    return {
        f"{dashboard.name}: {panel.title}"
        for dashboard in dashboards.ALL
        for panel in dashboard.panels()
        for query in panel.queries
        if not prometheus.during(query.expr, seconds) and not panel.empty
    }


def unseen_metrics(prometheus: Prometheus) -> set[str]:
    """What alerts look at and is not there. Raises OSError where an expression can't be asked."""
    asked: set[str] = set()
    for group in alerts.ALL:
        for alert in group.alerts:
            prometheus.now(alert.expr)
            asked |= set(re.findall(r"\b(?:jobhopper|rabbitmq)_\w+|\bup\b", alert.expr))
    return {name for name in asked - _LATER if not prometheus.now(name)}
