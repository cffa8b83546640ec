"""What is watched: dashboards and alerts, each defined once, as data.

`python -m monitoring write` makes the files that the chart ships; `… check` says whether they are
fresh; `… plot URL FOLDER` draws the dashboards from a Prometheus server.
"""
