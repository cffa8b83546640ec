"""What `helm test` runs: a job is created, claimed and finished, and read back."""

import sys
from pathlib import Path

from jobhopper import Client

_QUEUE = "helm-test"
_KEY = Path("/etc/jobhopper/secrets/admin-key")


def main(url: str) -> None:
    """Works one job through; an exception, and with it a failed pod, says what went wrong."""
    with Client(url, _KEY.read_text().strip()) as client:
        job_id = client.create(_QUEUE, "smoke", {"hello": "world"})
        claimed = client.claim(_QUEUE, lease=30, wait=30, worker="helm-test")
        # Another test may have left one behind.
        while claimed and claimed[0].id != job_id:
            client.succeed(claimed[0])
            claimed = client.claim(_QUEUE, lease=30, wait=30, worker="helm-test")
        if not claimed:
            raise SystemExit(f"{url}: job {job_id} was created but not handed out within 30 s")
        client.succeed(claimed[0], {"ok": True})
        job = client.wait_finished(job_id, timeout=30)
    if job.status != "succeeded":
        raise SystemExit(f"{url}: job {job_id} is {job.status}, not succeeded")
    sys.stdout.write(f"{url}: created, claimed and finished job {job_id}\n")


if __name__ == "__main__":
    main(sys.argv[1])
