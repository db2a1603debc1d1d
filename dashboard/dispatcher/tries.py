"""Questions beside the queries of batches, to the same host: asked a few times when that may help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dashboard.errors import DispatcherError, HostTimeout, HostUnreachable, MalformedAnswer

Value = TypeVar("Value")


class Moved(HostUnreachable):
    """A redirect: the same address will answer the same again, and a token is not carried elsewhere."""

    retryable = False


def with_tries(ask: Callable[[], Value], pauses: Sequence[float], sleep: Callable[[float], None]) -> Value:
    """What `ask` returns; lost connections and 5xx are tried again, a missed deadline and an answer that is none are not.

    Parameters
    ----------
    ask
        Asks once.
    pauses
        Seconds before each further try; their number is the number of retries.
    sleep
        Waits so many seconds.

    Raises
    ------
    DispatcherError
        Of the last try.
    """
    for pause in pauses:
        try:
            return ask()
        except DispatcherError as error:
            if not error.retryable or isinstance(error, HostTimeout | MalformedAnswer):
                raise
        sleep(pause)
    return ask()
