"""The refiller: keeps the hopper full, lets jobs become due, and sends the ticks.

Two replicas run side by side; every step is idempotent, so neither has to lead.
"""
