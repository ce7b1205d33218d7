"""The errors of a search. Floor 0.

SearchError
├─ QueryError                what was asked cannot be searched; carries the field
├─ SourceError               the source's, for one list of notices
│   ├─ SourceUnavailable     timeout, refused, reset, 5xx, truncated body
│   ├─ SourceThrottled       429; carries retry_after_seconds
│   ├─ SourceRejected        another 4xx
│   └─ SourceMalformed       an answer that is not what the contract says
└─ LifecycleError            ours
    ├─ IllegalMove           a programming error
    └─ ClaimLost             another worker has the search

The class docstring is the default message, for logs only: what users read is in the templates,
chosen by `code`.
"""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of a query; `messages.problem_text` has the sentence."""

    code: str
    params: dict[str, str] = field(default_factory=dict)


class SearchError(Exception):
    """The search could not go on."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class QueryError(SearchError):
    """What was asked cannot be searched."""

    code = "query.invalid"

    def __init__(self, problems: dict[str, list[Problem]]) -> None:
        #: field name of the request -> what is wrong with it
        self.problems = problems
        super().__init__("; ".join(f"{name}: {p[0].code}" for name, p in problems.items()))


class SourceError(SearchError):
    """The source did not give a list of notices."""

    code = "source.error"


class SourceUnavailable(SourceError):
    """The source did not answer."""

    code = "source.down"
    retryable = True


class SourceThrottled(SourceError):
    """The source asked us to slow down."""

    code = "source.busy"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class SourceRejected(SourceError):
    """The source refused the request."""

    code = "source.rejected"

    def __init__(self, message: str = "", *, status: int) -> None:
        self.status = status
        super().__init__(message)


class SourceMalformed(SourceError):
    """The source answered something that is not a list of notices."""

    code = "source.malformed"


class LifecycleError(SearchError):
    """The search is not in the state that this step needs."""

    code = "lifecycle"


class IllegalMove(LifecycleError):
    """No such move between states."""

    code = "lifecycle.illegal"


class ClaimLost(LifecycleError):
    """Another worker has the search."""

    code = "lifecycle.lost"
