"""The wire format: bodies and parameters into checked values, values into bodies."""
