"""What the audit of the live system says."""

from monitoring.model import Alert, Case, Group

_DRIFT = 'jobhopper_audit_drift{namespace="jobs", pod="refiller-0", check="accepted"}'
_AT = (
    'jobhopper_audit_timestamp_seconds{namespace="jobs", pod="refiller-0"}',
    'jobhopper_audit_timestamp_seconds{namespace="jobs", pod="refiller-1"}',
)

AUDIT = Group(
    "audit",
    (
        Alert(
            name="JobhopperDrift",
            expr="max by (namespace, check) (jobhopper_audit_drift) > 0",
            lasts="2m",
            severity="critical",
            summary="The audit finds {{ $value }} in disagreement: {{ $labels.check }}.",
            description="`jobhopper audit` shows what; the runbook says what each check compares.",
            fires=Case(
                {_DRIFT: "0x10 2x120"},
                {"namespace": "jobs", "check": "accepted"},
                says="The audit finds 2 in disagreement: accepted.",
            ),
            quiet=(Case({_DRIFT: "0x20 2 0x120"}),),
        ),
        Alert(
            name="JobhopperAuditMissing",
            # Not in an outage of MySQL, when nothing has to agree.
            expr="time() - max by (namespace) (jobhopper_audit_timestamp_seconds > 0) > 600 "
            'unless on (namespace) max by (namespace) (jobhopper_store_up{store="mysql"}) == 0',
            lasts="5m",
            severity="warning",
            summary="No audit has been made for {{ $value | humanizeDuration }}.",
            description="Whether all that was accepted is where it belongs, nobody looks.",
            fires=Case(
                dict.fromkeys(_AT, "60x120"),
                {"namespace": "jobs"},
                says="No audit has been made for 29m 0s.",
            ),
        ),
    ),
)
