"""What every request passes on its way: limits, deadline, identity, problems, metrics."""
