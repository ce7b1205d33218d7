"""The house as the README draws it: imports point down, rooms stay small, the domain stays pure."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django import shortcuts
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Model, QuerySet

ROOT = Path(__file__).resolve().parent.parent
APPS = ("bidiq", "searches", "exports")
GROUND = -1


def read_floors() -> dict[str, int]:
    """Return the floor of each room in README's table: searches.pncp -> 1."""
    floors: dict[str, int] = {}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for floor, rooms in re.findall(r"^\| (\d|ground)\b[^|]*\| (.+) \|$", text, re.MULTILINE):
        for room in re.findall(r"`([\w/]+)`", rooms):
            name = room.rstrip("/").replace("/", ".")
            name = name if name.split(".")[0] in APPS else f"searches.{name}"
            assert name not in floors, f"README's table has {name} twice"
            floors[name] = GROUND if floor == "ground" else int(floor)
    return floors


#: The longest matching prefix says on which floor a module is.
FLOORS = read_floors()
#: Imports inside functions that look up, each because of Django's loading order.
LAZY = {("exports.storage.database", "exports.models")}
MOST_LINES = 400


def modules() -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of each module of ours; an empty `__init__` is only a folder."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts and path.stat().st_size:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name.removesuffix(".__init__"), path


def floor_of(module: str) -> int:
    known = [name for name in FLOORS if module == name or module.startswith(f"{name}.")]
    assert known, f"README's table has no floor for {module}"
    return FLOORS[max(known, key=len)]


def imports_of(path: Path) -> Iterator[str]:
    """Yield what a module imports when it is loaded; imports in functions break loading order."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*full.split("."))).with_suffix(".py").exists() or (
                    ROOT / Path(*full.split("."))
                ).is_dir()
                yield full if is_module else node.module


def ours(name: str) -> bool:
    return name.split(".")[0] in APPS


def test_the_readme_names_only_rooms_that_are_there() -> None:
    """That each module has a floor in it shows where its imports are looked at."""
    assert set(FLOORS.values()) == {GROUND, *range(8)}
    names = {name for name, _ in modules()}
    for room in FLOORS:
        assert any(name == room or name.startswith(f"{room}.") for name in names), room


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_a_docstring_says_the_floor_of_the_readme(module: str, path: Path) -> None:
    said = re.search(r"\bFloor (\d)", ast.get_docstring(ast.parse(path.read_text())) or "")
    assert said is None or int(said[1]) == floor_of(module)


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_imports_point_down(module: str, path: Path) -> None:
    floor = floor_of(module)
    for name in filter(ours, imports_of(path)):
        if (module, name) in LAZY:
            continue
        assert floor_of(name) <= floor, (
            f"{module} (floor {floor}) imports {name} (floor {floor_of(name)})"
        )


def test_exports_never_hears_of_a_search() -> None:
    for module, path in modules():
        if module.startswith("exports"):
            assert not [name for name in imports_of(path) if name.startswith("searches")], module


def test_the_domain_is_pure() -> None:
    for module, path in modules():
        found = {name.split(".")[0] for name in imports_of(path) if not ours(name)}
        if floor_of(module) == 0:
            assert found <= sys.stdlib_module_names, f"{module} imports {found}"
        if module.startswith("searches.domain"):
            assert "asyncio" not in found, module


def test_only_one_module_touches_the_channel_layer() -> None:
    for module, path in modules():
        if module != "searches.live":
            assert "channels.layers" not in set(imports_of(path)), module


def test_only_the_settings_read_the_environment() -> None:
    for module, path in modules():
        if module not in ("bidiq.env", "bidiq.asgi") and ".management." not in module:
            assert "os.environ" not in path.read_text(encoding="utf-8"), module


def test_streams_are_made_in_one_place_only() -> None:
    """A bare StreamingHttpResponse after an ORM read keeps a database connection for its life."""
    for module, path in modules():
        if module not in ("searches.sse", "exports.views"):
            assert "StreamingHttpResponse" not in path.read_text(encoding="utf-8"), module


def async_twins() -> set[str]:
    """Return the names under which Django reads and writes the database on the loop: aget, auser…

    Each has a twin without its `a`, by which it is known.
    """
    names = {"auser"}  # of requests, put there by a middleware
    for home in (
        *(QuerySet, Model, User, User.groups.related_manager_cls),
        *(SessionBase, auth, shortcuts),
    ):
        names |= {name for name in dir(home) if name[0] == "a" and hasattr(home, name[1:])}
    return names


def test_no_async_orm_call_holds_a_connection() -> None:
    """Nobody closes what Django's own async calls open: a stream would keep it for its life.

    One bridge does, `database_sync_to_async`, so none of the twins is allowed, whoever has it.
    """
    twins = async_twins()
    assert {"aget", "alast", "aupdate", "aget_or_create", "aiterator", "arefresh_from_db"} <= twins
    assert {"aadd", "aset", "auser", "aget_user", "alogin", "aget_object_or_404"} <= twins
    for module, path in modules():
        found = names_in(path) & twins
        assert not found, f"{module} uses {found}: leave it to database_sync_to_async"


def names_in(path: Path) -> set[str]:
    """Return the attributes that a module uses and the names that it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found


def test_rows_are_never_iterated_on_the_loop() -> None:
    """`async for row in queryset` is the same in other words: what may be iterated is named."""
    allowed = {
        "streams.follow",  # batches of events, read through the bridge
        "batches",  # the same, to be closed
        "failures",  # tenacity's attempts
        "response.content.iter_any",  # aiohttp's bytes
    }
    for module, path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.AsyncFor, ast.comprehension)):
                if isinstance(node, ast.comprehension) and not node.is_async:
                    continue
                source = node.iter.func if isinstance(node.iter, ast.Call) else node.iter
                assert ast.unparse(source) in allowed, f"{module}: {ast.unparse(node.iter)}"


def test_rooms_stay_small() -> None:
    for module, path in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= MOST_LINES, f"{module} has {lines} lines"


def test_the_top_level_is_fixed() -> None:
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {line.split("/")[0] for line in listed if "/" in line}
    assert folders <= {"bidiq", "searches", "exports", "templates", "tests", ".ci"}
