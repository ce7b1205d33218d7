"""The house as the README draws it: imports point down, rooms stay small, the domain stays pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: The longest matching prefix says on which floor a module is.
FLOORS = {
    "searches.domain": 0,
    "searches.single_flight": 0,
    "exports.errors": 0,
    "exports.headers": 0,
    "searches.messages": 1,
    "searches.wording": 1,
    "searches.pncp": 1,
    "searches.live": 1,
    "searches.database": 1,
    "searches.liveness": 1,
    "exports.workbook": 1,
    "exports.storage": 1,
    "exports.breaker": 1,
    "exports.chart": 1,
    "searches.models": 2,
    "searches.owners": 2,
    "exports.models": 2,
    "searches.selectors": 3,
    "searches.services": 3,
    "searches.tokens": 3,
    "searches.links": 3,
    "searches.health": 3,
    "exports.selectors": 3,
    "exports.services": 3,
    "exports.audit": 3,
    "searches.streams": 4,
    "searches.reports": 4,
    "searches.representation": 4,
    "searches.units": 4,
    "searches.digests": 4,
    "searches.addresses": 4,
    "searches.lists": 5,
    "searches.fetching": 5,
    "searches.pipeline": 5,
    "searches.runner": 5,
    "searches.tasks": 5,
    "searches.crew": 5,
    "searches.upkeep": 5,
    "searches.page_turns": 5,
    "searches": 6,
    "exports": 6,
    "bidiq": 7,
}
#: `searches` and `exports` themselves are only packages.
#: Of the project, what everybody may use: it imports nothing of ours.
GROUND = {"bidiq.logs", "bidiq.migrating", "bidiq.telemetry", "bidiq.tied"}
#: Imports inside functions that look up, each because of Django's loading order.
LAZY = {("exports.storage.database", "exports.models")}
IMPURE = {"django", "aiohttp", "channels", "asyncio", "redis", "boto3", "orjson", "requests"}
MOST_LINES = 400


def modules() -> Iterator[tuple[str, Path]]:
    for app in ("bidiq", "searches", "exports"):
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name.removesuffix(".__init__"), path


def floor_of(module: str) -> int:
    known = [name for name in FLOORS if module == name or module.startswith(f"{name}.")]
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
    return name.split(".")[0] in ("bidiq", "searches", "exports")


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_imports_point_down(module: str, path: Path) -> None:
    floor = floor_of(module)
    for name in filter(ours, imports_of(path)):
        if (module, name) in LAZY or name in GROUND:
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
        if module.startswith("searches.domain"):
            found = {name.split(".")[0] for name in imports_of(path)} & IMPURE
            assert not found, f"{module} imports {found}"


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


def test_no_async_orm_call_holds_a_connection() -> None:
    for module, path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & {"aget", "acount", "afirst", "aexists", "acreate", "asave"}, module


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
