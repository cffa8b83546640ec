"""The alerts, one file a subject.

All are asked by namespace, so that one Prometheus may watch several installs.
"""

from monitoring.alerts.audit import AUDIT
from monitoring.alerts.housekeeping import HOUSEKEEPING
from monitoring.alerts.processes import PROCESSES
from monitoring.alerts.queues import QUEUES
from monitoring.alerts.requests import REQUESTS
from monitoring.alerts.stores import STORES
from monitoring.alerts.writes import WRITES

ALL = (STORES, WRITES, PROCESSES, REQUESTS, QUEUES, AUDIT, HOUSEKEEPING)
