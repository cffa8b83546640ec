"""The names of all events that Jobhopper logs; log messages are these names and nothing else."""

EVENTS = {
    "started": "The process serves.",
    "stopping": "The process was told to end and finishes what it has begun.",
    "stopped": "The process has ended.",
    "request_failed": "A request met a fault of ours; the traceback says where.",
    "group_commit_failed": "A commit met a fault of ours; its writes were refused.",
    "loop_failed": "A loop's turn failed; it is tried again.",
    "jobs_promoted": "Scheduled jobs became due.",
    "leases_expired": "Leases ran out; their jobs are tried again or failed.",
    "idempotency_keys_deleted": "Idempotency keys past their time were deleted.",
}
