"""A rolling restart: sites of an older version write to the database that a newer one migrated."""

import inspect

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import AddField
from django.db.migrations.loader import MigrationLoader

from tests.integration.scale.cluster import Template, script

FIRST = "0001_initial"


def test_every_column_that_came_later_has_a_default_in_the_database():
    for (app, _), migration in MigrationLoader(None).disk_migrations.items():
        if app not in ("searches", "exports"):
            continue
        for added in migration.operations:
            if isinstance(added, AddField):
                field = apps.get_model(app, added.model_name)._meta.get_field(added.name)
                assert field.null or field.has_db_default(), f"{migration}: {field}"


def write_rows(migration: str) -> None:
    """Write what a search writes, as a site that knows the tables as of a migration."""
    from datetime import date

    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.utils import timezone

    now = timezone.now()
    old = MigrationLoader(connection).project_state(("searches", migration)).apps
    source = old.get_model("searches", "Source").objects.create(base_url="http://pncp.example")
    search = old.get_model("searches", "Search").objects.create(source=source, query={})
    old.get_model("searches", "SearchEvent").objects.create(
        search=search, seq=1, at=now, stage="queued", payload={}
    )
    old.get_model("searches", "PageRead").objects.create(
        source=source, endpoint="publicacao", first_day=date.today(), last_day=date.today(),
        number=1, total_pages=1, total_records=1, notices_count=1, fetched_at=now,
    )  # fmt: skip
    old.get_model("searches", "Notice").objects.create(
        source=source, control_number="1", object="Merenda", modality=6, published_at=now,
        updated_at=now,
    )  # fmt: skip


@pytest.mark.django_db
def test_the_first_version_writes_on_sqlite():
    assert connection.vendor == "sqlite"
    write_rows(FIRST)


def test_the_first_version_writes_on_postgresql(template: Template):
    code = f"{inspect.getsource(write_rows)}\nwrite_rows({FIRST!r})"
    script(code, {"DATABASE_URL": template.copy(), "SECRET_KEY": "test"})
