"""The file of a TLS authority: looked at when a process starts, to tell then what is wrong."""

import ssl

from jobhopper_core.errors import ConfigurationError


def check(variable: str, file: str) -> None:
    """Raises ConfigurationError, naming `variable`, when `file` holds no authority."""
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:
        holds_none = isinstance(error, ssl.SSLError)
        reason = "it holds no certificate in PEM form" if holds_none else error.strerror
        raise ConfigurationError(
            f"{variable} names {file} as the authority for TLS, which can't be used: {reason}."
        ) from None
