"""run_search(): claim, fetch, filter, summarise, export, finish. One coroutine. Floor 5."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from bidiq import logs
from bidiq.telemetry import span
from exports.errors import ArtifactTooLarge
from searches import live, reports, selectors
from searches.database import AWAY, in_a_line, patiently, patiently_aside
from searches.domain.errors import ClaimLost
from searches.domain.filtering import Decider
from searches.domain.lifecycle import HEARTBEAT_SECONDS, Status
from searches.domain.progress import Stage, Throttle, Told, ending
from searches.domain.query import SearchQuery
from searches.domain.schedule import refreshed_after
from searches.fetching import Fetcher
from searches.lists import together
from searches.models import Search
from searches.pncp.client import PncpClient
from searches.services import events, results
from searches.services import searches as services
from searches.units import ToldUnits, UnitState, UnitStatus, new_units

logger = logging.getLogger(__name__)

#: How often a run looks whether its owner asked it to stop.
CANCEL_CHECK_SECONDS = 1.0
#: Each running search meets a database that is away, each second.
_may_warn = logs.Seldom()
_ORDER = list(Stage)


async def run_search(search_id: UUID, *, worker: str, client: PncpClient) -> None:
    """Run a waiting search to its ending; a search that somebody else has is left alone.

    1. Claim it. 2. Work, with a heartbeat beside it. 3. End it exactly once: with its result, as
    cancelled when the owner asked, given back when this process is told to stop, or with
    `internal` when the fault is ours.
    """
    search = await _claim(search_id, worker=worker)
    if search is None:
        return
    logs.search_id.set(str(search_id))
    logger.info("search claimed, attempt %d", search.attempt)
    run = _Run(search, client)
    work = asyncio.create_task(run.work())
    watch = asyncio.create_task(run.watch(work))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        stopped_from_outside = not work.done()
        if stopped_from_outside:
            work.cancel()
            await asyncio.wait({work})
        if run.is_cancelled:
            with suppress(ClaimLost):  # it had ended a moment before
                await asyncio.shield(run.end_here(Status.CANCELLED))
        elif stopped_from_outside:
            await asyncio.shield(_give_back(run.search))
        if stopped_from_outside:
            raise
    except ClaimLost:
        logger.warning("another worker has the search; stopping quietly")
    except AWAY as error:
        # Nothing can be written. Given back a little later, it is no loss that counts against the
        # search; else silence gives it back. It goes on from what is stored.
        logger.error("the database stayed away, leaving the search: %s", error)
        with suppress(*AWAY):
            payloads = await patiently(services.give_back, run.search, is_asked=True)
            await live.publish(run.search.pk, payloads)
    except Exception:  # the process's border: a fault of ours must not leave a search hanging
        logger.exception("search failed")
        with suppress(ClaimLost):
            await run.end_here(Status.ERROR, code="internal")
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _claim(search_id: UUID, *, worker: str) -> Search | None:
    """Claim a search; a caller that is cancelled meanwhile leaves nothing claimed."""
    try:
        return await patiently(services.claim, search_id, worker=worker)
    except asyncio.CancelledError:
        # The claim's thread is not stopped by that. This runs on the same one, so after it.
        give_back = database_sync_to_async(services.give_back_claimed)
        with suppress(*AWAY):  # silence gives it back
            payloads = await asyncio.shield(give_back(search_id, worker=worker))
            await live.publish(search_id, payloads)
        raise


async def _give_back(search: Search) -> None:
    payloads = await database_sync_to_async(services.give_back)(search, is_asked=True)
    await live.publish(search.pk, payloads)


class _Run:
    """One attempt at one search."""

    def __init__(self, search: Search, client: PncpClient) -> None:
        self.search = search
        self.client = client
        self.is_cancelled = False
        self._told: asyncio.Queue[Told] = asyncio.Queue()
        #: Stages told by an earlier attempt are not told again: the order holds across restarts.
        self._told_stage = _ORDER.index(Stage(search.stage))
        self._throttle = Throttle()
        self._dirty: dict[str, UnitState] = {}
        self._fetcher: Fetcher | None = None
        self.units: dict[str, UnitState] = {}
        self._before = ToldUnits()
        #: UFs that came to an end once; a second try of some does not lower the count told.
        self._over: set[str] = set()
        self._retrying = 0  # how many are tried once more

    # --- life ---------------------------------------------------------------------------------

    async def watch(self, work: "asyncio.Task[None]") -> None:
        """Give signs of life, and stop the work when its owner asks or the claim is lost."""
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while True:
            await asyncio.sleep(CANCEL_CHECK_SECONDS)
            try:
                if time.monotonic() >= beat_at:
                    asked = await database_sync_to_async(services.beat)(
                        self.search.pk, attempt=self.search.attempt
                    )
                    # Only once one is written: after an outage the next comes at once.
                    beat_at = time.monotonic() + HEARTBEAT_SECONDS
                else:
                    asked = await database_sync_to_async(selectors.is_cancel_requested)(
                        self.search.pk
                    )
            except ClaimLost:
                logger.warning("the claim is lost; stopping quietly")
                work.cancel()
                return
            except AWAY as error:  # what the work meets, too
                if _may_warn():
                    logger.warning("the database is away, no sign of life: %s", in_a_line(error))
                continue
            except Exception:  # a fault of ours: the work goes on while it can
                logger.warning("heartbeat failed", exc_info=True)
                continue
            if asked:
                self.is_cancelled = True
                work.cancel()
                return

    async def work(self) -> None:
        """Do it all; what is told goes through one queue to one recorder, so that order holds."""
        recorder = asyncio.create_task(self._record())
        steps = asyncio.create_task(self._steps())
        try:
            # A recorder that fails (claim lost, database gone) must end the steps too.
            await asyncio.wait({recorder, steps}, return_when=asyncio.FIRST_COMPLETED)
            if recorder.done():
                await recorder
            end = await steps
            # It may still fail over the last events, and nobody would take them from the queue.
            told = asyncio.create_task(self._told.join())
            await asyncio.wait({recorder, told}, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                told.cancel()
                await recorder
            await asyncio.shield(end())
        finally:
            for task in (steps, recorder):
                task.cancel()
            await asyncio.gather(steps, recorder, return_exceptions=True)

    async def end(
        self, status: Status, *, detail: dict[str, Any], code: str, **fields: Any
    ) -> None:
        """Write the ending of a result and ring. Raises ClaimLost."""
        payloads = await patiently(
            services.finish,
            self.search.pk,
            status,
            ending(status, detail, code=code),
            attempt=self.search.attempt,
            error_code=code,
            **fields,
        )
        await self._ended(status, code, payloads)

    async def end_here(self, status: Status, *, code: str = "") -> None:
        """Write an ending before the end and ring, with the figures of what was read until now.

        A result that is stored already stays as it is. Raises ClaimLost.
        """
        if self._fetcher is not None:
            await asyncio.to_thread(self._fetcher.close)
        units = self.units.values()
        payloads = await patiently(
            results.finish_early,
            self.search,
            status,
            code=code,
            counted={key: hidden for unit in units for key, hidden in unit.matches.items()},
            tally=results.merged(unit.tally for unit in units),
            coverage={unit.uf: unit.coverage_at_the_end() for unit in units},
        )
        await self._ended(status, code, payloads)

    async def _ended(self, status: Status, code: str, payloads: events.Payloads) -> None:
        await live.publish(self.search.pk, payloads)
        logger.info("search ended: %s %s", status.value, code)

    # --- telling ------------------------------------------------------------------------------

    def tell(self, stage: Stage, fraction: float = 0.0, **detail: Any) -> None:
        """Queue an event for the recorder, unless an earlier attempt was further already."""
        if _ORDER.index(stage) >= self._told_stage:
            self._told_stage = _ORDER.index(stage)
            self._told.put_nowait(Told(stage, fraction, detail=detail))

    async def _record(self) -> None:
        while True:
            told = [await self._told.get()]
            while not self._told.empty():
                told.append(self._told.get_nowait())
            payloads = await patiently(
                events.record,
                self.search.pk,
                told,
                attempt=self.search.attempt,
                units_done=len(self._over),
            )
            await live.publish(self.search.pk, payloads)
            for _ in told:
                self._told.task_done()

    def _unit_changed(self, unit: UnitState) -> None:
        """Tell a unit's end at once; its page counts as often as the throttle admits."""
        if unit.is_over:
            self._over.add(unit.uf)
            self._dirty.pop(unit.uf, None)
            self._tell_unit(unit)
            return
        self._dirty.setdefault(unit.uf, unit)
        if self._throttle.admits(time.monotonic()):
            self._tell_unit(self._dirty.pop(next(iter(self._dirty))))

    def _tell_unit(self, unit: UnitState) -> None:
        done = sum(
            1.0 if uf in self._over else each.pages_done / max(each.pages_total, 1)
            for uf, each in self.units.items()
        )
        detail = self._before.raised(
            {
                "uf": unit.uf,
                "uf_index": len(self._over),
                "uf_total": len(self.units),
                "uf_status": unit.status.value,
                "items_found": len(unit.found),
                "items_matched": unit.tally.kept,
                "pages_done": unit.pages_done,
                "pages_total": unit.pages_total,
                "from_store": unit.from_store,
                "reason": unit.reason,
                **({"retrying": self._retrying} if self._retrying else {}),
            }
        )
        if detail is not None:
            self.tell(Stage.FETCHING, done / len(self.units), **detail)

    # --- the steps ----------------------------------------------------------------------------

    async def _steps(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """Fetch, filter, summarise, export; return what writes the ending."""
        with span("search", search_id=str(self.search.pk), attempt=self.search.attempt):
            return await self._traced_steps()

    async def _traced_steps(self) -> Callable[[], Coroutine[Any, Any, None]]:
        search = self.search
        query = SearchQuery.from_json(search.query)
        decider = Decider(query, now=timezone.now())
        self.tell(Stage.CONNECTING, attempt=search.attempt)
        await self._go_on()
        self.units = new_units(query)
        with span("fetch", units=len(self.units)):
            await self._fetch(query, decider)
        incomplete = [
            uf for uf, unit in self.units.items() if unit.status is not UnitStatus.COMPLETE
        ]
        if all(unit.status is UnitStatus.FAILED for unit in self.units.values()):
            code = next(unit.reason for unit in self.units.values())
            return partial(self.end_here, Status.ERROR, code=code)

        self.tell(Stage.FILTERING)
        with span("judge"):
            coverage = {unit.uf: unit.coverage() for unit in self.units.values()}
            outcome = await patiently_aside(
                results.judge_all, search, query, decider, coverage=coverage
            )
        self.tell(Stage.FILTERING, 1.0, **outcome.counts())
        self.tell(Stage.SUMMARY, 1.0, **outcome.counts())
        self.tell(Stage.EXCEL)
        with span("export"):
            artifact, code = await self._export()
        storage = reports.storage_of(artifact)
        if artifact is not None:
            self.tell(
                Stage.EXCEL,
                1.0,
                rows=artifact.rows,
                storage=storage,
                fallback_reason=artifact.fallback_reason or None,
            )
        detail = {
            **outcome.counts(),
            "download_url": reports.download_path(search.pk) if artifact else None,
            "storage": storage,
            "ufs_incompletas": incomplete,
            "ufs_nao_lidas": [uf for uf in incomplete if coverage[uf]["status"] == "failed"],
        }
        status = Status.PARTIAL if incomplete else Status.COMPLETE
        return partial(self.end, status, detail=detail, code=code, artifact=artifact)

    async def _go_on(self) -> None:
        """Tell that a search that waited again runs again, as far as it had come."""
        if self._told_stage <= _ORDER.index(Stage.CONNECTING):
            return
        told = await patiently(selectors.events_after, self.search.pk, 0)
        self._before = ToldUnits(e["detail"] for e in told if e["stage"] == Stage.FETCHING)
        self._over |= self._before.over
        detail = {k: v for k, v in told[-1]["detail"].items() if k not in ("resumes", "retrying")}
        self.tell(Stage(told[-1]["stage"]), **detail)

    async def _fetch(self, query: SearchQuery, decider: Decider) -> None:
        """Read every UF, a few at a time; what failed is tried once more at the end.

        Not when it is the source that fails: its error would only come later, each page having
        been asked for several times already.
        """
        self._fetcher = fetcher = Fetcher(
            self.client,
            search_id=self.search.pk,
            attempt=self.search.attempt,
            asker=self.search.asker,
            source=self.search.source_id,
            query=query,
            refresh_after=refreshed_after(is_daily=self.search.saved_id is not None),
            decider=decider,
            units=self.units.values(),
            changed=self._unit_changed,
        )
        await fetcher.look_around()
        await self._read(fetcher, self.units.values())
        unfinished = [u for u in self.units.values() if u.status is not UnitStatus.COMPLETE]
        # With none whole there is nothing but its own pages that speaks for the source.
        is_any_whole = len(unfinished) < len(self.units)
        has_answered = is_any_whole or any(unit.pages_done for unit in unfinished)
        gave_up = fetcher.is_down if is_any_whole else fetcher.is_silent
        if unfinished and has_answered and not gave_up:
            fetcher.ask_again()
            self._retrying = len(unfinished)
            await self._read(fetcher, unfinished)

    async def _read(self, fetcher: Fetcher, units: Iterable[UnitState]) -> None:
        # Twice the requests in flight: while some UFs are stored or wait for the country's lists,
        # others ask. Not all at once: a UF that is whole is worth more than two halves.
        gate = asyncio.Semaphore(2 * settings.PNCP_CONCURRENCY)

        async def read(unit: UnitState) -> None:
            async with gate:
                with span("unit", uf=unit.uf):
                    await fetcher.read_unit(unit)

        await together(read(unit) for unit in units)

    async def _export(self) -> tuple[Any, str]:
        """Write the Excel file; without it the result is still there, so a failure is only told.

        Its code is the search's when asking again would not help.
        """
        try:
            return await patiently_aside(reports.store_report, self.search.pk), ""
        except reports.ReportFailed as error:
            logger.error("the Excel file could not be kept: %s", error)
            if isinstance(error.__cause__, ArtifactTooLarge):
                return None, error.__cause__.code
        except AWAY:
            raise
        except Exception:  # a fault of ours takes no result away
            logger.exception("the Excel file could not be made")
        return None, ""
