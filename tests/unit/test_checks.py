"""Wrong combinations of settings fail at start, each with its number and a way out."""

import os
import subprocess
import sys
from typing import Any

import pytest
import redis
from django.conf import LazySettings

from bidiq import checks
from tests import processes

REDIS = "redis://127.0.0.1:9/0"
PUBSUB = {"BACKEND": checks._PUBSUB, "CONFIG": {"hosts": [{"address": REDIS}]}}


def ids() -> list[str]:
    found = [
        message
        for check in (
            checks.check_runner,
            checks.check_channel_layer,
            checks.check_server,
            checks.check_storage,
            checks.check_secrets,
        )
        for message in check()
    ]
    assert all(message.hint for message in found)
    return sorted(str(message.id).removeprefix("bidiq.") for message in found)


def core(**host: Any) -> dict[str, Any]:
    hosts = [{"address": REDIS, **host}] if host else [REDIS]
    return {"default": {"BACKEND": checks._CORE, "CONFIG": {"hosts": hosts}}}


def test_an_empty_environment_is_fine() -> None:
    assert ids() == []


POSTGRESQL = {"BIDIQ_ON_POSTGRESQL": True, "BIDIQ_SECRET_KEY_GIVEN": True}
LAYER = {"REDIS_URL": REDIS, "CHANNEL_LAYERS": {"default": PUBSUB}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"BIDIQ_RUNNER": "worker"}, ["E001"]),
        ({**POSTGRESQL, "BIDIQ_RUNNER": "worker", **LAYER}, []),
        ({**POSTGRESQL, "BIDIQ_RUNNER": "worker"}, ["W002"]),
        ({**POSTGRESQL, "BIDIQ_RUNNER": "inline"}, ["W003"]),
        ({**POSTGRESQL, **LAYER, "BIDIQ_SECRET_KEY_GIVEN": False}, ["W001"]),
        ({"REDIS_URL": REDIS}, ["E002"]),
        (LAYER, []),
        ({"REDIS_URL": REDIS, "CHANNEL_LAYERS": core()}, ["E005"]),
        ({"REDIS_URL": REDIS, "CHANNEL_LAYERS": core(socket_timeout=5)}, ["E005"]),
        ({"REDIS_URL": REDIS, "CHANNEL_LAYERS": core(socket_timeout=30)}, []),
        ({"REDIS_URL": REDIS, "CHANNEL_LAYERS": core(socket_timeout=None)}, []),
        ({"INSTALLED_APPS": ["django.contrib.staticfiles", "daphne"]}, ["E006"]),
        ({"DATABASES": {"default": {"CONN_MAX_AGE": 60}}}, ["E007"]),
        ({"DATABASES": {"default": {"CONN_MAX_AGE": None}}}, ["E007"]),
        ({"STORAGES": {"object_storage": {"OPTIONS": {"access_key": "a"}}}}, ["E008"]),
        ({"STORAGES": {"object_storage": {"OPTIONS": {}}}}, ["W004"]),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["localhost"]}, []),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["bidiq.example"]}, ["E009"]),
        ({"ALLOWED_HOSTS": ["*"]}, ["W005"]),
    ],
)
def test_a_wrong_combination_has_its_number(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], expected: list[str]
) -> None:
    class Stand:
        """The real settings with changes; Django's own would rebuild connections for some."""

        def __getattr__(self, name: str) -> Any:
            from django.conf import settings

            return changes[name] if name in changes else getattr(settings, name)

    monkeypatch.setattr(checks, "settings", Stand())
    assert ids() == expected


def test_redis_py_8_is_refused(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL, settings.CHANNEL_LAYERS = REDIS, {"default": PUBSUB}
    monkeypatch.setattr(redis, "__version__", "8.1.0")
    assert ids() == ["E004"]


def test_another_server_than_ours_is_stopped_too() -> None:
    """Any ASGI server imports bidiq.asgi, and none runs Django's checks."""
    done = subprocess.run(
        [sys.executable, "-c", "import bidiq.asgi"],
        cwd=processes.ROOT,
        env=processes.environment(SECRET_KEY="x", BIDIQ_RUNNER="worker", PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("bidiq.E001: BIDIQ_RUNNER=worker needs PostgreSQL.")
