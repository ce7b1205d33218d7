"""Combinations of settings that would fail silently become errors with a number and a way out.

Values that cannot be used at all have stopped the start before, in bidiq.env.
"""

from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Warning, register

_PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
_CORE = "channels_redis.core.RedisChannelLayer"
_MEMORY = "channels.layers.InMemoryChannelLayer"
#: The core layer waits this long in one command (BZPOPMIN).
_CORE_WAIT_SECONDS = 5


def stop_on_errors() -> None:
    """End the process when a check of ours finds an error: for servers that are not `manage.py`."""
    found = [
        message
        for check in (check_runner, check_channel_layer, check_server, check_storage, check_secrets)
        for message in check()
        if message.level >= ERROR
    ]
    if found:
        raise SystemExit("\n".join(f"{each.id}: {each.msg} {each.hint}" for each in found))


@register()
def check_runner(**kwargs: Any) -> list[CheckMessage]:
    """Who runs searches, where their jobs are, and who hears of them."""
    return list(_runner())


def _runner() -> Iterator[CheckMessage]:
    is_worker = settings.BIDIQ_RUNNER == "worker"
    if is_worker and not settings.BIDIQ_ON_POSTGRESQL:
        yield Error(
            "BIDIQ_RUNNER=worker needs PostgreSQL.",
            hint="Set DATABASE_URL=postgres://…, or BIDIQ_RUNNER=inline.",
            id="bidiq.E001",
        )
    if is_worker and settings.BIDIQ_ON_POSTGRESQL and not settings.REDIS_URL:
        yield Warning(
            "Without REDIS_URL the progress of searches run by workers is re-read every 2 s.",
            hint="Set REDIS_URL to have it pushed.",
            id="bidiq.W002",
        )
    if not is_worker and settings.BIDIQ_ON_POSTGRESQL and not settings.REDIS_URL:
        yield Warning(
            "BIDIQ_RUNNER=inline without REDIS_URL: with several site processes each has its own "
            "rate towards PNCP, and progress seen on another one is re-read every 2 s.",
            hint="Run one site process, or set REDIS_URL, or use workers (BIDIQ_RUNNER=worker).",
            id="bidiq.W003",
        )


@register()
def check_channel_layer(**kwargs: Any) -> list[CheckMessage]:
    """The layer and the client library under it."""
    return list(_channel_layer())


def _channel_layer() -> Iterator[CheckMessage]:
    layer = settings.CHANNEL_LAYERS["default"]
    if settings.REDIS_URL and layer["BACKEND"] == _MEMORY:
        yield Error(
            "REDIS_URL is set, but the channel layer is the one in memory.",
            hint=f"Use {_PUBSUB} in CHANNEL_LAYERS.",
            id="bidiq.E002",
        )
    if layer["BACKEND"] in (_PUBSUB, _CORE) and int(redis.__version__.partition(".")[0]) >= 8:
        # channels_redis#422
        yield Error(
            f"redis-py {redis.__version__} breaks channels_redis: idle sockets die after 5 s.",
            hint="Install the pinned requirements: pip install -r requirements.txt.",
            id="bidiq.E004",
        )
    if layer["BACKEND"] == _CORE:
        hosts = layer.get("CONFIG", {}).get("hosts") or [None]
        timeouts = [
            host.get("socket_timeout", 0) if isinstance(host, dict) else 0 for host in hosts
        ]
        if any(seconds is not None and seconds <= _CORE_WAIT_SECONDS for seconds in timeouts):
            yield Error(
                "The core Redis layer needs a socket_timeout of more than 5 s (or None).",
                hint='Give each host as a dict: {"address": …, "socket_timeout": 30}.',
                id="bidiq.E005",
            )


@register()
def check_server(**kwargs: Any) -> list[CheckMessage]:
    """What streams need of Django."""
    return list(_server())


def _server() -> Iterator[CheckMessage]:
    apps = list(settings.INSTALLED_APPS)
    static = "django.contrib.staticfiles"
    if "daphne" in apps and static in apps and apps.index("daphne") > apps.index(static):
        yield Error(
            "daphne must come before django.contrib.staticfiles, or runserver is not ASGI.",
            hint='Put "daphne" first in INSTALLED_APPS.',
            id="bidiq.E006",
        )
    if settings.DATABASES["default"].get("CONN_MAX_AGE", 0) != 0:
        yield Error(
            "CONN_MAX_AGE must be 0: each open stream would hold a database connection.",
            hint="Leave conn_max_age out of DATABASE_URL; PostgreSQL is pooled already.",
            id="bidiq.E007",
        )


@register()
def check_storage(**kwargs: Any) -> list[CheckMessage]:
    """What the object storage needs to be used at all."""
    options = settings.STORAGES.get("object_storage", {}).get("OPTIONS", {})
    if settings.AWS_S3_ENDPOINT_URL and not settings.AWS_STORAGE_BUCKET_NAME:
        return [
            Warning(
                "AWS_S3_ENDPOINT_URL is set without a bucket: files are kept in the database.",
                hint="Set AWS_STORAGE_BUCKET_NAME.",
                id="bidiq.W006",
            )
        ]
    if bool(options.get("access_key")) != bool(options.get("secret_key")):
        return [
            Error(
                "Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set.",
                hint="Set both, or none to use the machine's own role.",
                id="bidiq.E008",
            )
        ]
    if "object_storage" in settings.STORAGES and not options.get("access_key"):
        return [
            Warning(
                "No AWS keys are set: the object storage works only where the machine has a role "
                "or a credentials file.",
                hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or …_FILE).",
                id="bidiq.W004",
            )
        ]
    return []


@register()
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """What must not be open, and what machines must share."""
    return list(_secrets())


def _secrets() -> Iterator[CheckMessage]:
    if settings.BIDIQ_ON_POSTGRESQL and not settings.BIDIQ_SECRET_KEY_GIVEN:
        yield Warning(
            "Each machine keeps a SECRET_KEY of its own; sessions would not be shared.",
            hint="Set the same SECRET_KEY (or SECRET_KEY_FILE) on every machine.",
            id="bidiq.W001",
        )
    local = {"localhost", "127.0.0.1", "[::1]", "testserver"}
    public = [host for host in settings.ALLOWED_HOSTS if host not in local]
    if settings.DEBUG and public:
        yield Error(
            f"DEBUG shows settings and code to visitors of {', '.join(public)}.",
            hint="Set DEBUG=false, or take the public names out of ALLOWED_HOSTS.",
            id="bidiq.E009",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS=* lets every web page open WebSockets here, whatever its origin.",
            hint="Name the hosts that the site is reached by.",
            id="bidiq.W005",
        )
