"""The PNCP client: one page of one list at a time, whatever the source does. Floor 1."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from searches.domain.errors import (
    SourceMalformed,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)
from searches.domain.planning import LONGEST_SPAN_DAYS, Endpoint, ListKey
from searches.pncp.limiter import Limiter
from searches.pncp.payload import Page, excerpt, parse_page
from searches.pncp.retry import (
    DOUBT_PAUSES_OF_BACKOFF,
    Patience,
    failures,
    is_passing,
    pause_seconds,
)
from searches.single_flight import SingleFlight

logger = logging.getLogger(__name__)

#: The source's maximum; more is a 400.
PAGE_SIZE = 50
#: A page of 50 is about 150 kB; this only keeps a broken server from filling the memory.
LARGEST_BODY_BYTES = 20_000_000
REDIRECTS_FOLLOWED = 3
USER_AGENT = "bidiq/1.0 (busca de contratacoes publicas)"


@dataclass(slots=True)
class Stats:
    """What a client has done since it was made; retries and throttled are among the requests."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    bytes: int = 0
    seconds: float = 0.0  # spent waiting for answers, all requests added up


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None


class PncpClient:
    """Reads pages of the source's lists. Use it as an async context manager, on one event loop.

    Promises: at most `concurrency` requests at once, each with the limiter's permission; two
    callers that want the same page share one request; nothing of aiohttp leaves this class.
    """

    def __init__(
        self,
        *,
        base_url: str,
        limiter: Limiter,
        timeout_seconds: float = 60,
        concurrency: int = 4,
        attempts: int = 5,
        backoff_seconds: float = 0.5,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.stats = Stats()
        self._base_url = base_url.rstrip("/")
        self._limiter = limiter
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._attempts = attempts
        self._backoff_seconds = backoff_seconds
        self._user_agent = user_agent
        self._places = asyncio.Semaphore(concurrency)
        self._flights: SingleFlight[Page] = SingleFlight()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=self._timeout_seconds, sock_connect=min(15.0, self._timeout_seconds)
            ),
            connector=aiohttp.TCPConnector(limit=self._concurrency, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept": "application/json"},
        )
        # aiohttp would repeat a request on a dropped connection by itself, unseen by the limiter.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._flights.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def page(self, key: ListKey, number: int) -> Page:
        """Return one page of a list; an empty one when the list is empty or already over.

        Raises SourceUnavailable, SourceThrottled, SourceRejected or SourceMalformed, after the
        retries that each deserves. Cancelling a caller stops the request, unless another caller
        waits for the same page.
        """
        return await self._flights.do((key, number), lambda: self._fetch(key, number))

    async def _fetch(self, key: ListKey, number: int) -> Page:
        path, params = _request_of(key, number)
        patience = Patience()
        async for attempt in failures(
            attempts=self._attempts, backoff_seconds=self._backoff_seconds
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    self.stats.retries += 1
                answer = await self._settled(path, params, patience)
                return self._read(answer, key, number)
        raise AssertionError("the retrying either returns or raises")

    async def _settled(self, path: str, params: dict[str, str], patience: Patience) -> _Answer:
        """Return an answer that is neither 429 nor a passing 422."""
        while True:
            async with self._places:
                await self._limiter.acquire()
                answer = await self._send(path, params)
                if answer.status == 429:
                    # Inside the place: nobody of ours may slip through before the pause is set.
                    wait_seconds = pause_seconds(answer.retry_after, now=datetime.now(UTC))
                    self.stats.throttled += 1
                    await self._limiter.throttled(wait_seconds)
            if answer.status == 429:
                patience.throttles_left -= 1
                logger.info("429 from the source: all requests wait %.0f s", wait_seconds)
                if patience.throttles_left <= 0:
                    raise SourceThrottled("429 again and again", retry_after_seconds=wait_seconds)
            elif answer.status == 422 and patience.doubts_left > 0:
                patience.doubts_left -= 1
                await asyncio.sleep(DOUBT_PAUSES_OF_BACKOFF * self._backoff_seconds)
            else:
                return answer
            self.stats.retries += 1

    def _read(self, answer: _Answer, key: ListKey, number: int) -> Page:
        """Turn a settled answer into a page or an error."""
        if answer.status == 200:
            page = parse_page(answer.body, number=number, asked_uf=key.uf)
        elif answer.status == 204 or (answer.status == 400 and number > 1):
            page = Page(number=number, total_pages=number - 1, total_records=0, notices=())
        elif is_passing(answer.status):
            raise SourceUnavailable(f"{answer.status}: {_reason(answer.body)}")
        else:
            raise SourceRejected(f"{answer.status}: {_reason(answer.body)}", status=answer.status)
        self._limiter.succeeded()
        return page

    async def _send(self, path: str, params: dict[str, str]) -> _Answer:
        """Send one request and read its body, following redirects of the same host only.

        Raises SourceUnavailable when no whole answer comes, SourceMalformed for a huge one.
        """
        if self._session is None:
            raise RuntimeError("PncpClient is used outside its context")
        url = self._base_url + path
        query: dict[str, str] | None = params
        self.stats.requests += 1
        started_at = time.monotonic()
        try:
            for _ in range(REDIRECTS_FOLLOWED + 1):
                async with self._session.get(url, params=query, allow_redirects=False) as response:
                    target = urljoin(str(response.url), response.headers.get("Location", ""))
                    if response.status in (301, 302, 303, 307, 308) and _same_host(target, url):
                        url, query = target, None
                        continue
                    body = await self._body(response)
                    return _Answer(response.status, body, response.headers.get("Retry-After"))
            raise SourceUnavailable("redirected in a circle")
        except TimeoutError as error:
            raise SourceUnavailable(f"no answer in {self._timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a redirect to something that is no address.
            raise SourceUnavailable(f"{type(error).__name__}: {error}"[:300]) from error
        finally:
            self.stats.seconds += time.monotonic() - started_at

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size_bytes = 0
        async for chunk in response.content.iter_any():
            size_bytes += len(chunk)
            self.stats.bytes += len(chunk)
            if size_bytes > LARGEST_BODY_BYTES:
                raise SourceMalformed(f"$: more than {LARGEST_BODY_BYTES} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


def _request_of(key: ListKey, number: int) -> tuple[str, dict[str, str]]:
    """Return path and parameters; raises SourceRejected for what the source would refuse."""
    params = {"pagina": str(number), "tamanhoPagina": str(PAGE_SIZE)}
    if key.endpoint is not Endpoint.OPEN:
        span_days = (key.last_day - key.first_day).days
        # A 422 may be spurious at the source and is retried: ours are certain, and cost nothing.
        if not 0 <= span_days <= LONGEST_SPAN_DAYS:
            raise SourceRejected(f"a period of {span_days} days", status=422)
        if key.modality is None:
            raise SourceRejected("this list needs a modality", status=400)
        params["dataInicial"] = _day(key.first_day)
    params["dataFinal"] = _day(key.last_day)
    if key.modality is not None:
        params["codigoModalidadeContratacao"] = str(key.modality)
    if key.uf is not None:
        params["uf"] = key.uf
    return f"/v1/contratacoes/{key.endpoint}", params


def _day(day: date) -> str:
    # Not strftime: it writes the year 1 as "1".
    return day.isoformat().replace("-", "")


def _reason(body: bytes) -> str:
    """Return what an error's body says: its message when it is JSON with one, else its start."""
    try:
        message = orjson.loads(body)["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return excerpt(body)
    return excerpt(str(message).encode("utf-8", "replace"))


def _same_host(target: str, url: str) -> bool:
    new, old = urlsplit(target), urlsplit(url)
    same_scheme = new.scheme == old.scheme
    # A server may send plain http to its own https, on the usual ports.
    upgraded = (old.scheme, new.scheme) == ("http", "https") and new.port is old.port is None
    return new.hostname == old.hostname and ((same_scheme and new.port == old.port) or upgraded)
