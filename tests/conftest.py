"""Before Django loads: nothing of this machine's environment reaches the tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import override_settings

OURS = (
    "DATABASE_URL", "REDIS_URL", "PNCP_", "AWS_", "BIDIQ_", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS", "LOG_FORMAT", "LOG_LEVEL", "OTEL_", "EMAIL_", "DEFAULT_FROM_EMAIL",
)  # fmt: skip
for name in list(os.environ):
    if name.startswith(OURS):
        del os.environ[name]
# Nothing listens on port 9: a test that forgets its own source meets a source that is down, never
# the real PNCP.
os.environ["PNCP_BASE_URL"] = "http://127.0.0.1:9"

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
#: Files that start many processes, or a browser: minutes each, while most others take seconds.
LONG = ("test_chaos", "test_parts_down", "test_worker", "test_watching", "test_cut_off",
        "test_screens", "test_commands", "test_restart")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, or the end waits for one file alone."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Make users without the third of a second that a real password's hash takes by intent."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Take what a test measured, to be printed after the run, whichever process it ran in."""
    return lambda text: record_property("measured", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in [report for reports in terminalreporter.stats.values() for report in reports]:
        for name, text in getattr(report, "user_properties", ()):
            if name == "measured" and report.when == "call":
                terminalreporter.section(report.nodeid.rpartition("::")[2].replace("_", " "))
                terminalreporter.write_line(text)
