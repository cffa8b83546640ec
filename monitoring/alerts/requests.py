"""What callers of the API see."""

from monitoring.expressions import WAITING_ROUTES
from monitoring.model import Alert, Case, Group

_COUNT = "jobhopper_http_request_duration_seconds_count"
_BUCKET = "jobhopper_http_request_duration_seconds_bucket"
_ROUTE = 'namespace="jobs", pod="api-0", method="PATCH", route="/v1/jobs/{id}"'
_FAILED = f'sum by (namespace) (rate({_COUNT}{{status=~"5.."}}[5m]))'
_ALL = f"sum by (namespace) (rate({_COUNT}[5m]))"
_CREATES = 'namespace="jobs", pod="api-0", method="POST", route="/v1/jobs", status="202"'


def _buckets(labels: str, slow: str) -> dict[str, str | None]:
    return {
        f'{_BUCKET}{{{labels}, le="1"}}': "0+600x120",
        f'{_BUCKET}{{{labels}, le="2.5"}}': slow,
        f'{_BUCKET}{{{labels}, le="+Inf"}}': slow,
    }


REQUESTS = Group(
    "requests",
    (
        Alert(
            name="JobhopperApiErrors",
            expr=f"{_FAILED} / {_ALL} > 0.05",
            lasts="5m",
            severity="critical",
            summary="{{ $value | humanizePercentage }} of the requests are answered with 5xx.",
            description="503: a store is away or too slow. 500: a fault of ours, see the log.",
            fires=Case(
                {f'{_COUNT}{{{_ROUTE}, status="503"}}': "0+120x120"},
                {"namespace": "jobs"},
                says="25% of the requests are answered with 5xx.",
            ),
            quiet=(Case({f'{_COUNT}{{{_ROUTE}, status="503"}}': "0+6x120"}),),
        ),
        Alert(
            name="JobhopperApiSlow",
            expr="histogram_quantile(0.99, sum by (namespace, le) "
            f"(rate({_BUCKET}{{{WAITING_ROUTES}}}[5m]))) > 1",
            lasts="10m",
            severity="warning",
            summary="One request in a hundred takes longer than {{ $value | humanizeDuration }}.",
            description="Claims and waits for a job's end are left out: they may wait.",
            fires=Case(
                _buckets(_CREATES, "0+660x120"),
                {"namespace": "jobs"},
                says="One request in a hundred takes longer than 2.5s.",
            ),
            quiet=(
                Case(_buckets(_CREATES.replace("/v1/jobs", "/v1/claims"), "0+6000x120")),
                Case(_buckets(_CREATES, "0+603x120")),
            ),
        ),
    ),
)
