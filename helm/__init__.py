"""What the repository does with the chart: renders it, checks it, writes its README.

`python -m helm` lists the commands.
"""
