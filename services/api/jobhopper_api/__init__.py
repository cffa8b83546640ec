"""Jobhopper's HTTP API: producers create jobs, workers claim and update them, operators watch.

Floors: `routes` (one module a resource) call `writes`, `claims` and the store's verbs; `wire`
turns bytes into values and back; `http` is what every request passes on its way.
"""
