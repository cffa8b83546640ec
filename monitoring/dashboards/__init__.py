"""The dashboards, one a file."""

from monitoring.dashboards.overview import OVERVIEW
from monitoring.dashboards.queues import QUEUES
from monitoring.dashboards.stores import STORES
from monitoring.dashboards.workers import WORKERS

ALL = (OVERVIEW, STORES, QUEUES, WORKERS)
