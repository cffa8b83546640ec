"""The tests of the HTTP contract in `tests/api`, run against the services as processes.

They run as they stand. Those that are left out are named with the reason; what is promised
instead stands in `test_on_their_way.py`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

OPEN = "asks without a key, which the services never allow"
OWN = "starts a server of its own"
JUDGED = "expects an update to be judged before it is answered"
EMBEDDED = "tells of the embedded mode"


def contract_of(module: str, but: Mapping[str, str] | None = None) -> dict[str, Any]:
    """All that `module` defines, without the tests named in `but` (test: reason)."""
    found = vars(import_module(f"api.{module}"))
    left_out = set(but or {})
    assert left_out <= found.keys(), f"not in {module}: {left_out - found.keys()}"
    return {name: one for name, one in found.items() if name[:2] != "__" and name not in left_out}
