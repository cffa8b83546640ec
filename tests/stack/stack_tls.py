"""Stores that speak TLS alone, and the URLs by which the chart has pods find them."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import socket
from urllib.parse import quote

import trustme
from chart.manifests import secret_data, with_settings

from stack.containers.container import Container
from stack.containers.kinds import MYSQL, RABBITMQ, SECRET, VALKEY, Kind
from stack.services import Stores

_RABBITMQ = """\
listeners.tcp = none
listeners.ssl.default = 5672
ssl_options.cacertfile = /srv/ca.crt
ssl_options.certfile = /srv/server.crt
ssl_options.keyfile = /srv/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
"""
_MYSQL = (
    "--ssl-ca=/srv/ca.crt",
    "--ssl-cert=/srv/server.crt",
    "--ssl-key=/srv/server.key",
    "--require-secure-transport=ON",
)
_VALKEY = (
    *("--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no"),
    *("--tls-ca-cert-file", "/srv/ca.crt"),
    *("--tls-cert-file", "/srv/server.crt", "--tls-key-file", "/srv/server.key"),
)
_USERS = {"mysql": "root", "rabbitmq": "test"}


@contextmanager
def serving(authority: trustme.CA) -> Iterator[list[Container]]:
    """MySQL, RabbitMQ and Valkey with certificates for 127.0.0.1; none serves in the clear."""
    with ExitStack() as stack:
        made = [
            Container(MYSQL, *_MYSQL),
            Container(_heard_through_tls(RABBITMQ)),
            Container(_heard_through_tls(VALKEY), *VALKEY.command, *_VALKEY),
        ]
        for one in made:
            stack.callback(one.remove)
            _certify(one, authority)
        made[1].put("/etc/rabbitmq/conf.d/90-tls.conf", _RABBITMQ)
        for one in made:
            one.start()
        yield made


def urls(containers: list[Container], authority: Path | None) -> Stores:
    """As the chart writes them for its pods; servers are checked by the file `authority`."""
    settings: list[str] = []
    for store, container in zip(Stores._fields, containers, strict=True):
        external = f"external.{store}"
        settings += [f"{store}.enabled=false", f"{external}.host=127.0.0.1"]
        settings += [f"{external}.port={container.port}", f"{external}.tls.enabled=true"]
        if store in _USERS:
            settings += [f"{external}.username={_USERS[store]}", f"{external}.password={SECRET}"]
        if authority:
            settings.append(f"{external}.tls.caSecret=authority")
    found = secret_data(with_settings(*settings), "urls")
    made = [found[f"{store}-url"] for store in Stores._fields]
    return Stores(*[_here(one, authority) if authority else one for one in made])


def _here(url: str, authority: Path) -> str:
    """With a file of this machine where a pod has a mounted one."""
    for store in Stores._fields:
        mounted = f"/etc/jobhopper/{store}-ca/ca.crt"
        for written in (mounted, quote(mounted, safe="")):
            url = url.replace(written, quote(str(authority), safe=""))
    return url


def _certify(container: Container, authority: trustme.CA) -> None:
    server = authority.issue_cert("127.0.0.1")
    container.put("/srv/ca.crt", authority.cert_pem.bytes())
    container.put("/srv/server.crt", server.cert_chain_pems[0].bytes())
    container.put("/srv/server.key", server.private_key_pem.bytes())


def _heard_through_tls(kind: Kind) -> Kind:
    """A store whose greeting comes through TLS; whether its certificate holds is not asked here."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def greets(connection: socket) -> bool:
        with context.wrap_socket(connection) as wrapped:
            return kind.greets(wrapped)

    return replace(kind, greets=greets, command=())
