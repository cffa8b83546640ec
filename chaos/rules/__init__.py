"""The promises, one family a module: each a list of functions from evidence to findings."""

from collections.abc import Callable, Iterable

from chaos.evidence import Evidence, Finding

Rule = Callable[[Evidence], Iterable[Finding]]
