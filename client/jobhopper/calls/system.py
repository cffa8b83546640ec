"""What runs, and how it is."""

from jobhopper.audit import Audit
from jobhopper.calls.base import Calls
from jobhopper.request import Request, path_to


class System(Calls):
    """Needs the scope `read` on all queues."""

    def audit(self) -> Audit:
        """The newest audit. Raises NotFound in the embedded mode, which has none."""
        request = Request("GET", path_to("system", "audit"), repeatable=True)
        return self._transport.call(request, Audit.from_wire)
