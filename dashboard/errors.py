"""Every error this project raises on purpose.

    DashboardError
    ├── SettingsError             what the deployment sets cannot be meant
    ├── RequestError              a value of the request is wrong; names its field
    ├── ArchiveError
    │   ├── UnknownSource         no resolver knows the name
    │   ├── NoScienceWindows      nothing was observed there and then
    │   └── ArchiveUnavailable    resolver or timesystem does not answer
    ├── DispatcherError
    │   ├── HostUnreachable       refused, unknown host, connection lost      (retry)
    │   ├── HostTimeout           no answer within the deadline               (retry)
    │   ├── HostFailing           5xx                                         (retry)
    │   │   └── HostBusy          its lock error: too many jobs at once       (retry)
    │   ├── HostPaused            left alone for a while: it did not answer   (retry)
    │   ├── MalformedAnswer       truncated or invalid JSON, not a product    (retry)
    │   ├── JobStuck              no end within the job's time limit          (retry)
    │   ├── JobExpired            the server has no record of the job         (retry)
    │   ├── JobFailed             the backend could not compute it            (retry)
    │   ├── RequestRefused        400: a parameter is wrong
    │   ├── NotAuthorized         403: a role is missing
    │   │   └── TokenRefused      403: the token is not accepted
    │   │       └── TokenExpired  403: the token was right once
    │   ├── JobMixedUp            the product is that of another job
    │   └── UnsafePayload         the answer holds code; it is not decoded
    ├── ProductError
    │   ├── NotCombinable         e.g. a significance-only map
    │   └── EmptyProduct          the dispatcher's way to say "no result"
    ├── RunError
    │   ├── RunNotFound
    │   │   └── LinkEnded         a link to a run opens it no longer, or never did
    │   ├── DatabaseAway          locked, or its disk or server is away       (retry)
    │   ├── StorageFull           no space is left                            (retry)
    │   ├── StorageAway           the product store does not answer           (retry)
    │   ├── RunTaken              another worker goes on with it
    │   └── WorkerRefused         a second worker on SQLite, NFS
    └── NoticeFailed              nobody could be told how a run goes

A message is one or two sentences: what happened, to which thing, what to do. It never holds a token.
"""

from __future__ import annotations


class DashboardError(Exception):
    """Root of the tree. `retryable` says whether the same call may succeed later."""

    retryable: bool = False

    @property
    def sentence(self) -> str:
        """The text for the user."""
        return str(self)


class SettingsError(DashboardError):
    """What the deployment sets cannot be meant."""


class RequestError(DashboardError):
    """A value of the request is wrong.

    Parameters
    ----------
    sentence
        What is wrong and what to do.
    field
        Name of the parameter as in the service description, or "" when several are concerned.
    """

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class ArchiveError(DashboardError):
    """Finding positions or science windows failed."""


class UnknownSource(ArchiveError):
    """No resolver knows the name."""


class NoScienceWindows(ArchiveError):
    """The selection holds no science window."""


class ArchiveUnavailable(ArchiveError):
    """Resolver or timesystem did not answer usefully."""

    retryable = True


class DispatcherError(DashboardError):
    """The dispatcher did not deliver."""


class HostUnreachable(DispatcherError):
    """No connection to the host."""

    retryable = True


class HostTimeout(DispatcherError):
    """The host took the request and did not answer in time."""

    retryable = True


class HostFailing(DispatcherError):
    """The host answers with 5xx."""

    retryable = True


class HostBusy(HostFailing):
    """The host reports its lock error: it has too many jobs at once."""


class HostPaused(DispatcherError):
    """The host is left alone for a while.

    Parameters
    ----------
    sentence
        Why, and until when.
    seconds
        Until it may be asked again.
    """

    retryable = True

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class MalformedAnswer(DispatcherError):
    """The answer is no JSON, or lacks what a product must have."""

    retryable = True


class JobStuck(DispatcherError):
    """The job did not end within its time limit."""

    retryable = True


class JobExpired(DispatcherError):
    """The server has no record of the job any more."""

    retryable = True


class JobFailed(DispatcherError):
    """The backend reported a failure for this job."""

    retryable = True


class RequestRefused(DispatcherError):
    """HTTP 400: the server's sentence says which parameter it refuses."""


class NotAuthorized(DispatcherError):
    """HTTP 403: role missing or token refused."""


class TokenRefused(NotAuthorized):
    """HTTP 400 or 403: the token is not one the dispatcher accepts."""


class TokenExpired(TokenRefused):
    """HTTP 403: the token has expired."""


class JobMixedUp(DispatcherError):
    """The dispatcher took two jobs for one: the product is that of other parameters."""


class UnsafePayload(DispatcherError):
    """The payload asks for classes that are no arrays; it was not decoded."""


class ProductError(DashboardError):
    """A product is not what it should be."""


class NotCombinable(ProductError):
    """The product cannot take part in a sum."""


class EmptyProduct(ProductError):
    """The dispatcher answered with its placeholder for "no result"."""


class RunError(DashboardError):
    """A run cannot go on."""


class RunNotFound(RunError):
    """No run of that name is in the store."""


class LinkEnded(RunNotFound):
    """A link opens no run: it is unknown, has expired, or was revoked."""


class DatabaseAway(RunError):
    """The database is locked, or its disk or server is away: it may be back in a moment."""

    retryable = True


class StorageFull(RunError):
    """No space is left where products are stored."""

    retryable = True


class StorageAway(RunError):
    """The product store does not answer: it may be back in a moment."""

    retryable = True


class RunTaken(RunError):
    """Another worker adds the run up: this one was thought dead."""


class WorkerRefused(RunError):
    """A worker may not start here."""


class NoticeFailed(DashboardError):
    """A webhook or a mail server did not take what was to be told of a run."""
