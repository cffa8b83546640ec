"""PromQL that dashboards repeat.

Every selector of a dashboard asks for the namespaces chosen on top of it; a Prometheus outside
of Kubernetes has no such label, and `.*` fits its absence too.
"""

HERE = 'namespace=~"$namespace"'
WINDOW = "[$__rate_interval]"
REQUESTS = "http_request_duration_seconds"
# These may wait for as long as they are asked to, so their duration says nothing.
WAITING_ROUTES = 'route!~"/v1/claims|/v1/jobs/{id}"'


def select(name: str, *matchers: str) -> str:
    """A metric of Jobhopper, with matchers."""
    return f"jobhopper_{name}{{{','.join((HERE, *matchers))}}}"


def rate(name: str, *matchers: str, by: str = "") -> str:
    """How fast a counter grows, a second, over all processes."""
    return f"sum by ({by}) (rate({select(name, *matchers)}{WINDOW}))"


def top(name: str, *matchers: str, by: str = "") -> str:
    """A gauge that several processes export of one thing."""
    return f"max by ({by}) ({select(name, *matchers)})"


def share(part: str, whole: str) -> str:
    """The part of a whole, 0 when there is no part."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(q: float, name: str, *matchers: str, by: str = "") -> str:
    """A quantile of a histogram; NaN, which Grafana leaves out, when nothing was observed."""
    buckets = rate(f"{name}_bucket", *matchers, by=f"{by}, le" if by else "le")
    return f"histogram_quantile({q}, {buckets})"
