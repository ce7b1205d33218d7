"""The audit of searches in the admin: in Portuguese, and as people write numbers."""

import re
from decimal import Decimal
from html import unescape

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from searches import selectors
from searches.domain.progress import Stage, Told
from searches.domain.query import parse_query
from searches.models import Coverage, Digest, Notice, SavedSearch, Search
from searches.owners import Owner
from searches.services import events
from searches.services import saved as saved_services
from searches.services import searches as services
from tests.integration.conftest import NOW, ask
from tests.integration.pages_support import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_money_has_two_decimals(admin):
    notice = Notice.objects.create(
        source_id=selectors.source_id(),
        control_number="1-1-1/2026",
        object="Merenda",
        modality=6,
        value=Decimal("3271895.3700"),
        published_at=timezone.now(),
        updated_at=timezone.now(),
    )
    for path in ("", f"{notice.pk}/change/"):
        html = admin.get(f"/admin/searches/notice/{path}").content.decode()
        assert "R$ 3.271.895,37" in words(html)
        assert "3.271.895,3700" not in html
    assert "Valor homologado: não informado" in words(html)


@pytest.mark.parametrize("model", ["searchevent", "digest", "coverage", "notice", "search"])
def test_the_columns_have_portuguese_names(admin, model):
    html = admin.get(f"/admin/searches/{model}/").content.decode()
    seen = words(html[html.index('id="content"') :])
    assert not {"Source", "Search", "source", "search"} & set(seen.split()), seen


def test_every_relation_has_a_name():
    for model in apps.get_app_config("searches").get_models():
        for field in model._meta.get_fields():
            if field.is_relation and field.concrete:
                assert field.verbose_name != field.name, field


@pytest.mark.parametrize(
    "path",
    [
        "notice/", "notice/?uf=SP&modality=6&sphere=M", "coverage/", "coverage/?uf=&modality=0",
        "searchevent/", "searchevent/?stage__exact=queued",
    ],
)  # fmt: skip
def test_the_list_of_a_large_table_does_not_gather_from_every_row(admin, path):
    with CaptureQueriesContext(connection) as queries:
        assert admin.get(f"/admin/searches/{path}").status_code == 200
    table = f"searches_{path.partition('/')[0]}"
    asked = [query["sql"] for query in queries if f'FROM "{table}"' in query["sql"]]
    assert [sql for sql in asked if "DISTINCT" in sql or "MIN(" in sql] == []
    assert ["COUNT(*)" in sql for sql in asked].count(True) == 1
    (listed,) = [sql for sql in asked if "ORDER BY" in sql]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {listed}")
        assert "TEMP B-TREE" not in str(cursor.fetchall())


@pytest.mark.parametrize(
    "path", ["search/?query__contains=1", "search/?coverage=1", "searchevent/?payload__x=1"]
)
def test_no_list_is_filtered_by_json(admin, path):
    assert admin.get(f"/admin/searches/{path}").status_code == 400


def test_large_lists_are_filtered_by_what_is_known_beforehand(admin):
    now, source = timezone.now(), selectors.source_id()
    for number, uf, modality in (("1-sp", "SP", 6), ("2-rj", "RJ", 6), ("3-rj", "RJ", 8)):
        Notice.objects.create(
            source_id=source, control_number=number, object="Merenda", modality=modality, uf=uf,
            sphere="M", published_at=now, updated_at=now,
        )  # fmt: skip
    for uf, modality in (("", 0), ("SP", 6)):
        Coverage.objects.create(
            source_id=source, endpoint="publicacao", uf=uf, modality=modality, day=now.date(),
            fetched_at=now,
        )  # fmt: skip

    def listed(path):
        html = admin.get(f"/admin/searches/{path}").content.decode()
        return len(re.findall(r'name="_selected_action"|<th class="field-', html)), html

    assert [listed(f"notice/?{asked}")[0] for asked in (
        "", "uf=RJ", "uf=RJ&modality=8", "sphere=F", "modality=abc",
    )] == [3, 2, 1, 0, 3]  # fmt: skip
    assert [listed(f"coverage/?{asked}")[0] for asked in (
        "", "uf=", "modality=0", "uf=SP", "modality=8",
    )] == [2, 1, 1, 1, 0]  # fmt: skip
    assert "o país inteiro" in listed("coverage/")[1]


def make_search(owner: Owner) -> Search:
    query = parse_query(ask(), today=NOW.date())
    search, _ = services.create_search(query, owner=owner, limited=False)
    return search


def test_of_many_events_a_search_shows_the_newest_and_the_way_to_all(
    admin, django_assert_max_num_queries
):
    search, other = make_search(Owner(visitor="alice")), make_search(Owner(visitor="bob"))
    told = [Told(Stage.FETCHING, detail={"said": f"<{number}>"}) for number in range(2, 1203)]
    for each, count in ((search, 1201), (other, 1)):
        with transaction.atomic():
            events.append(each.pk, told[:count])
    with django_assert_max_num_queries(9):
        seen = admin.get(f"/admin/searches/search/{search.pk}/change/").content.decode()

    shown = [f"&lt;{number}&gt;" in seen for number in range(2, 1203)]
    assert shown == [False] * 1101 + [True] * 100
    (link,) = re.findall(r'<a href="([^"]*)">1\.202 eventos</a>', seen)
    listed = admin.get(unescape(link)).context["cl"]
    assert listed.result_count == 1202


@pytest.mark.parametrize("model", ["searchevent", "search", "savedsearch", "digest"])
def test_a_whole_identifier_is_found_by_the_index(admin, model):
    search, other = make_search(Owner(visitor="alice")), make_search(Owner(visitor="bob"))
    wanted = search.pk
    for each in (search, other):
        Digest.objects.create(search=each)
        saved = saved_services.save(each, owner=Owner(visitor=each.owner_visitor), name="Merenda")
        if model == "savedsearch" and each == search:
            wanted = saved.pk
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(f"/admin/searches/{model}/?q=%20{wanted}")
    assert page.context["cl"].result_count == 1
    assert str(wanted) in page.content.decode()
    assert [query["sql"] for query in queries if "LIKE" in query["sql"]] == []
    part = admin.get(f"/admin/searches/{model}/?q={str(wanted)[:13]}")
    assert part.context["cl"].result_count == 1


def test_the_list_of_events_reads_no_search(admin):
    search = make_search(Owner(visitor="alice"))
    with CaptureQueriesContext(connection) as queries:
        page = admin.get("/admin/searches/searchevent/").content.decode()
    assert str(search.pk) in page
    assert [query["sql"] for query in queries if '"searches_search"' in query["sql"]] == []


def test_the_filters_of_searches_are_known_beforehand(admin):
    for changes in ({"attempt": 1}, {"attempt": 3}, {"attempt": 2, "error_code": "source.down"}):
        search = make_search(Owner(visitor="alice"))
        Search.objects.filter(pk=search.pk).update(**changes)
    with CaptureQueriesContext(connection) as queries:
        page = admin.get("/admin/searches/search/")
    gathered = [query["sql"] for query in queries if "DISTINCT" in query["sql"]]
    assert [sql for sql in gathered if "created_at" not in sql] == []  # which has an index
    assert "artifact.large" in words(page.content.decode())
    counts = [
        admin.get(f"/admin/searches/search/?{asked}").context["cl"].result_count
        for asked in ("", "error_code=source.down", "attempt__gt=1", "error_code=internal")
    ]
    assert counts == [3, 1, 2, 0]


def act(client, action: str, search: Search):
    data = {"action": action, "_selected_action": [str(search.pk)]}
    return client.post("/admin/searches/search/", data, follow=True)


def staff(client, *permissions: str) -> User:
    user = User.objects.create_user("carla", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user


def test_who_may_only_look_neither_cancels_nor_repeats(client):
    staff(client, "view_search")
    search = make_search(Owner(visitor="alice"))
    page = client.get("/admin/searches/search/").content.decode()
    assert str(search.pk) in page
    for action in ("cancel", "run_again"):
        assert f'value="{action}"' not in page
        act(client, action, search)
    assert [each.status for each in Search.objects.all()] == ["queued"]
    assert not LogEntry.objects.exists()


def test_who_may_change_searches_cancels_and_repeats_them(client):
    carla = staff(client, "view_search", "change_search")
    search = make_search(Owner(visitor="alice"))
    assert "Cancelamento pedido: 1." in act(client, "cancel", search).content.decode()
    search.refresh_from_db()
    assert search.status == "cancelled"
    assert "Repetidas: 1." in act(client, "run_again", search).content.decode()
    again = Search.objects.exclude(pk=search.pk).get()
    assert (again.status, again.owner_visitor, again.query) == ("queued", "alice", search.query)
    notes = LogEntry.objects.filter(user=carla, object_id=str(search.pk))
    assert {note.change_message for note in notes} == {
        "cancelamento pedido", f"repetida como {again.pk}",
    }  # fmt: skip


def test_what_can_be_asked_no_more_keeps_no_other_from_being_repeated(admin):
    old, good = make_search(Owner(visitor="alice")), make_search(Owner(visitor="bob"))
    old.query |= {"setor_id": "setor-que-acabou"}
    old.save()
    data = {"action": "run_again", "_selected_action": [str(old.pk), str(good.pk)]}
    answer = admin.post("/admin/searches/search/", data, follow=True)
    said = words(answer.content.decode())
    assert f"Não repetida: {old.pk}. “setor-que-acabou” não é um setor conhecido." in said
    assert "Repetidas: 1." in said
    assert Search.objects.filter(owner_visitor="bob").count() == 2
    assert Search.objects.filter(owner_visitor="alice").count() == 1


def test_who_may_delete_users_deletes_what_they_saved_too(client, alice):
    search = make_search(Owner(user_id=alice.pk))
    saved_services.save(search, owner=Owner(user_id=alice.pk), name="Merenda")
    staff(client, "view_user", "view_savedsearch")
    assert client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    saved = SavedSearch.objects.get()
    path = f"/admin/searches/savedsearch/{saved.pk}/delete/"
    assert client.post(path, {"post": "yes"}).status_code == 403
    User.objects.get(username="carla").user_permissions.add(
        Permission.objects.get(codename="delete_user")
    )
    answer = client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not SavedSearch.objects.exists()
    assert Search.objects.get().owner_user_id is None  # the audit stays


def test_codes_have_portuguese_names(admin):
    search = make_search(Owner(visitor="alice"))
    seen = words(admin.get(f"/admin/searches/search/{search.pk}/change/").content.decode())
    assert "Estado: na fila Etapa: na fila" in seen
    for model in ("search", "searchevent"):
        seen = words(admin.get(f"/admin/searches/{model}/").content.decode())
        assert "na fila" in seen
        assert "gerando o Excel" in seen  # to filter by
        assert not {"queued", "running", "excel"} & set(seen.split()), seen
    Digest.objects.create(search=search)
    assert "aguarda" in words(admin.get("/admin/searches/digest/").content.decode())
