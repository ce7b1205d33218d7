"""The audit in the admin: everything to see, nothing to change."""

import html
import io
import re
from datetime import timedelta

import openpyxl
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exports.models import Artifact, Download, StoredChunk
from exports.services import deliver, expire_due

pytestmark = pytest.mark.django_db
LIST = "admin:exports_artifact_changelist"


@pytest.fixture
def admin(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def auditor(client):
    """May look, may not move or expire."""
    user = User.objects.create_user("carla", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


@pytest.fixture
def artifact(make_artifact):
    made = make_artifact(owner_user=User.objects.create_user("alice"))
    for source in ("Firefox", "Chrome"):
        deliver(made, user=None, visitor="v" * 32, address="203.0.113.7", agent=source)
    return made


def act(client, action, *artifacts):
    data = {"action": action, "_selected_action": [str(artifact.pk) for artifact in artifacts]}
    return client.post(reverse(LIST), data, follow=True)


def test_the_list_shows_where_each_file_is_and_the_figures_at_a_glance(admin, artifact):
    page = admin.get(reverse(LIST)).content.decode()

    for shown in ("alice", "banco de dados", "1,2\xa0MB", "Downloads por dia: 2 em 30 dias"):
        assert shown in page, shown
    assert page.count("<rect") == 30


def test_the_index_shows_the_figures_to_who_may_see_them(admin, artifact, client):
    assert "Arquivos por armazenamento" in admin.get("/admin/").content.decode()
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    answer = client.get("/admin/")
    assert answer.status_code == 200
    assert "Arquivos por armazenamento" not in answer.content.decode()


def test_the_chart_obeys_the_content_security_policy(admin, artifact):
    page = admin.get(reverse(LIST)).content.decode()
    section = page[page.index('<section class="audit-figures"') : page.index("</section>")]

    assert "style=" not in section
    assert "<script" not in section
    for number in re.findall(r'\s(?:x|y|width|height)="([^"]*)"', section):
        float(number)  # no comma from the locale


@pytest.mark.parametrize(
    "query",
    [
        "storage__exact=database",
        "fallback_reason__exact=refused",
        "promoted_at__isempty=1",
        "bytes_deleted_at__isempty=0",
        "q=vestuario",
        "q=alice",
        "q=3f1c",
        "created_at__year=2026",
        "o=7.8.-1",
    ],
)
def test_filters_search_and_order_answer(admin, artifact, query):
    assert admin.get(f"{reverse(LIST)}?{query}").status_code == 200


def test_the_list_asks_the_database_the_same_number_of_times_however_long_it_is(
    admin, make_artifact, django_assert_max_num_queries
):
    for number in range(12):
        make_artifact(owner_user=User.objects.create_user(f"user{number}"))

    with django_assert_max_num_queries(20):
        admin.get(reverse(LIST))


def test_the_list_reads_downloads_for_the_files_it_shows_alone(admin, artifact, make_artifact):
    make_artifact()
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(f"{reverse(LIST)}?o=8")
    assert [each.download_count for each in page.context["cl"].result_list] == [0, 2]
    asked = [query["sql"] for query in queries if '"exports_artifact"' in query["sql"]]
    assert len(asked) > 5  # counts, the list, the dates to go down by, the figures
    assert [sql for sql in asked if 'JOIN "exports_download"' in sql] == []
    (listed,) = [sql for sql in asked if '"exports_download"' in sql]
    assert "ORDER BY" in listed


def test_an_artifact_shows_its_downloads_and_has_nothing_to_fill_in(admin, artifact):
    url = reverse("admin:exports_artifact_change", args=[artifact.pk])

    page = admin.get(url).content.decode()

    for shown in (artifact.sha256, artifact.name, "203.0.113.7", "Firefox", "Chrome"):
        assert shown in page, shown
    assert 'name="_save"' not in page
    assert 'name="filename"' not in page


def test_of_many_downloads_an_artifact_shows_the_newest_and_the_way_to_all(
    admin, artifact, make_artifact, django_assert_max_num_queries
):
    Download.objects.bulk_create(
        Download(
            artifact=artifact,
            at=artifact.created_at + timedelta(hours=number),
            agent=f"Opera/{number}.",
            source=artifact.storage,
        )
        for number in range(1, 1201)
    )
    other = deliver(make_artifact(), user=None, visitor="", address=None, agent="Lynx")
    assert other is not None

    with django_assert_max_num_queries(12):
        page = admin.get(reverse("admin:exports_artifact_change", args=[artifact.pk]))
    seen = page.content.decode()

    shown = [f"Opera/{number}." in seen for number in range(1, 1201)]
    assert shown == [False] * 1100 + [True] * 100
    (link,) = re.findall(r'<a href="([^"]*)">1\.202 downloads</a>', seen)
    listed = admin.get(html.unescape(link)).context["cl"]
    assert listed.result_count == 1202


def test_the_downloads_have_a_list_of_their_own(admin, artifact):
    url = reverse("admin:exports_download_changelist")

    page = admin.get(f"{url}?q=Firefox").content.decode()

    assert "203.0.113.7" in page
    assert "Firefox" in page
    assert admin.get(f"{url}?source__exact=database").status_code == 200
    change = reverse("admin:exports_download_change", args=[artifact.downloads.first().pk])
    assert admin.get(change).status_code == 200


@pytest.mark.parametrize("model", ["artifact", "download"])
def test_not_even_a_superuser_writes(admin, artifact, model):
    pk = artifact.pk if model == "artifact" else artifact.downloads.first().pk
    change = reverse(f"admin:exports_{model}_change", args=[pk])
    delete = reverse(f"admin:exports_{model}_delete", args=[pk])
    add = reverse(f"admin:exports_{model}_add")

    assert admin.get(add).status_code == 403
    assert admin.post(add, {"filename": "x"}).status_code == 403
    assert admin.post(change, {"filename": "x"}).status_code == 403
    assert admin.post(delete, {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin.get(reverse(LIST)).content.decode()
    artifact.refresh_from_db()
    assert artifact.filename == "licitacoes_vestuario_2026-11-24.xlsx"


def test_verifying_tells_good_bad_and_gone(admin, make_artifact):
    good, bad, gone = (make_artifact() for _ in range(3))
    StoredChunk.objects.filter(file__name=bad.name, position=0).update(data=b"?")
    Artifact.objects.filter(pk=gone.pk).update(expires_at=gone.created_at)
    expire_due()

    page = act(admin, "verify_checksums", good, bad, gone).content.decode()

    assert "1 arquivo(s) conferido(s)" in page
    assert f"({bad.pk}): conteúdo ausente ou alterado" in page
    assert "o conteúdo já foi apagado" in page


def test_promoting_moves_the_file_and_names_the_actor(
    admin, make_artifact, use_object_storage, store
):
    store.stop()
    artifact = make_artifact()
    page = act(admin, "promote_now", artifact).content.decode()
    assert "conexão recusada" in page
    store.start()

    page = act(admin, "promote_now", artifact).content.decode()

    assert "1 arquivo(s) promovido(s)" in page
    artifact.refresh_from_db()
    assert artifact.storage == "object_storage"
    assert LogEntry.objects.get().user.username == "root"


def test_expiring_deletes_the_bytes_and_names_the_actor(admin, artifact):
    act(admin, "expire_now", artifact)

    artifact.refresh_from_db()
    assert artifact.bytes_deleted_at is not None
    assert artifact.downloads.count() == 2
    assert not StoredChunk.objects.exists()
    assert "apagado" in LogEntry.objects.get().change_message


def test_an_auditor_looks_and_checks_and_moves_nothing(auditor, artifact):
    page = auditor.get(reverse(LIST)).content.decode()
    assert "verify_checksums" in page
    assert "expire_now" not in page

    act(auditor, "expire_now", artifact)

    artifact.refresh_from_db()
    assert artifact.bytes_deleted_at is None


def test_the_audit_leaves_as_a_workbook(auditor, artifact, make_artifact):
    make_artifact(filename="=2+5.xlsx")

    response = act(auditor, "export_audit", *Artifact.objects.all())

    assert "auditoria_exportacoes_" in response.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    assert book.sheetnames == ["Arquivos", "Downloads", "Parâmetros"]
    files = list(book["Arquivos"].iter_rows(values_only=True))
    assert {files[1][1], files[2][1]} == {artifact.filename, "=2+5.xlsx"}
    downloads = list(book["Downloads"].iter_rows(values_only=True))
    assert [row[4] for row in downloads[1:]] == ["203.0.113.7"] * 2
    assert {row[6] for row in downloads[1:]} == {"Firefox", "Chrome"}


def test_strangers_are_sent_to_the_login(client, artifact):
    assert client.get(reverse(LIST)).status_code == 302
