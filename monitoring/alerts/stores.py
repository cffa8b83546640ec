"""A store is down."""

from monitoring.model import Alert, Case, Group

_API = 'jobhopper_store_up{{namespace="jobs", pod="api-{}", store="{}"}}'


def _down(*stores: str, apis: int = 2) -> dict[str, str | None]:
    return {_API.format(n, store): "0x120" for store in stores for n in range(apis)}


def _store_down(name: str, store: str, severity: str, meanwhile: str) -> Alert:
    return Alert(
        name=f"Jobhopper{name}Down",
        expr=f'min by (namespace) (jobhopper_store_up{{store="{store}"}}) == 0',
        lasts="1m",
        severity="critical" if severity == "critical" else "warning",
        summary=f"{name} can't be reached by at least one API.",
        description=meanwhile,
        fires=Case(_down(store, apis=1), {"namespace": "jobs"}),
    )


STORES = Group(
    "stores",
    (
        _store_down(
            "MySQL",
            "mysql",
            "critical",
            "Creates and updates are buffered in RabbitMQ; claims, lists and operators suffer.",
        ),
        _store_down(
            "RabbitMQ",
            "rabbitmq",
            "warning",
            "Writes go straight to MySQL, slower; leases do not expire.",
        ),
        _store_down(
            "Redis", "redis", "warning", "Claims go to MySQL, slower; long polls answer later."
        ),
        Alert(
            name="JobhopperOutage",
            expr='max by (namespace) (jobhopper_store_up{store="mysql"}) == 0',
            lasts="1m",
            severity="critical",
            summary="No API reaches MySQL.",
            description="Nothing is applied, promoted or expired until it is back; "
            "what RabbitMQ has taken is kept.",
            fires=Case(_down("mysql"), {"namespace": "jobs"}),
            quiet=(Case(_down("mysql", apis=1)),),
        ),
        Alert(
            name="JobhopperTwoStoresDown",
            expr="count by (namespace) (min by (namespace, store) (jobhopper_store_up) == 0) > 1",
            lasts="1m",
            severity="critical",
            summary="{{ $value }} stores are down at once.",
            description="With MySQL among them, writes are refused with 503.",
            fires=Case(
                _down("rabbitmq", "redis"),
                {"namespace": "jobs"},
                says="2 stores are down at once.",
            ),
            quiet=(Case(_down("redis")),),
        ),
    ),
)
