"""The dependency rule: arrows point to the pure centre."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "carpio"
MODULES = sorted(SOURCE.rglob("*.py"))

PURE_STDLIB = frozenset(
    """
    __future__ abc bisect collections dataclasses enum functools hashlib heapq hmac ipaddress
    itertools math operator re string struct types typing
    """.split()  # noqa: SIM905
)
"""What of the standard library neither looks at the world nor changes it."""

MAY_IMPORT = {
    "wire": {"errors"},
    "core": {"errors", "wire"},
    "ports": {"errors", "wire", "core"},
    "config": {"errors", "wire", "core.model"},
    "control": {"errors", "core.model"},
    "trace": {"errors", "wire", "core"},
    "runtime": {"errors", "wire", "core", "config", "ports", "control", "trace"},
    "sim": {"errors", "wire", "core", "config", "ports", "trace"},
    "lab": {"errors", "wire"},
    "bsd": {"errors", "core.model", "control"},
    "jail": {"errors", "bsd", "control"},
    "insight": {"errors", "wire", "core.model", "config", "control"},
}
"""Per package the parts of carpio that it knows, beside itself. `cli` may import anything.

Everybody knows `errors` and `carpio.__version__`; who knows `config` or `control` knows the
values of `core.model`, of which they are made.
"""

THIRD_PARTY = {
    "config": {"msgspec", "tomlkit"},
    "control": {"msgspec"},
    "trace": {"msgspec"},
    "sim": {"distributed", "numpy"},
}
"""What packages with a short list may import from outside: none in wire, core and ports."""

RESTRICTED = ("wire", "core", "ports", "sim", "config", "control", "trace")


def package_of(module: Path) -> str:
    """Return the first name below carpio: the package, or the module if it lies directly there."""
    relative = module.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def names_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0, names=names):
            return [f"{module}.{alias.name}" for alias in names] if module == "carpio" else [module]
        case ast.ImportFrom():
            raise AssertionError("relative imports hide what is imported")
        case _:
            return []


def imports(module: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, at the top and within functions."""
    for node in ast.walk(ast.parse(module.read_text(), str(module))):
        yield from names_of(node)


def is_known(name: str, known: set[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in known)


def with_its_place(module: Path) -> str:
    return str(module.relative_to(SOURCE))


@pytest.mark.parametrize("module", MODULES, ids=with_its_place)
def test_a_module_imports_only_packages_nearer_to_the_centre(module: Path):
    package = package_of(module)
    if package not in MAY_IMPORT:
        pytest.skip(f"{package} may import anything")
    known = MAY_IMPORT[package] | {package, "__version__"}
    inner = [name.removeprefix("carpio.") for name in imports(module) if name.startswith("carpio.")]
    assert [name for name in inner if not is_known(name, known)] == []


@pytest.mark.parametrize("module", MODULES, ids=with_its_place)
def test_nobody_imports_the_command_line(module: Path):
    if package_of(module) != "cli":
        assert [name for name in imports(module) if name.startswith("carpio.cli")] == []


def modules_of(*packages: str) -> list[Path]:
    return [module for module in MODULES if package_of(module) in packages]


@pytest.mark.parametrize("module", modules_of("wire", "core"), ids=with_its_place)
def test_the_centre_uses_only_the_pure_part_of_the_standard_library(module: Path):
    roots = {name.split(".")[0] for name in imports(module)} - {"carpio"}
    assert roots <= PURE_STDLIB


@pytest.mark.parametrize("module", modules_of(*RESTRICTED), ids=with_its_place)
def test_third_party_packages_stay_where_they_are_allowed(module: Path):
    roots = {name.split(".")[0] for name in imports(module)} - {"carpio"}
    allowed = THIRD_PARTY.get(package_of(module), set())
    assert roots - sys.stdlib_module_names <= allowed


def test_a_forbidden_import_would_be_seen():
    tree = ast.parse("def f():\n    from carpio.runtime.stack import Stack\nimport time as t")
    found = [name for node in ast.walk(tree) for name in names_of(node)]
    assert sorted(found) == ["carpio.runtime.stack", "time"]
    assert not is_known("runtime.stack", MAY_IMPORT["core"] | {"core"})
    assert not is_known("core.engine", MAY_IMPORT["control"])


@pytest.mark.parametrize(
    "package", [package for package in ("wire", "core") if modules_of(package)]
)
def test_importing_the_centre_loads_neither_world_nor_third_party(package: str):
    names = [
        f"carpio.{'.'.join(module.relative_to(SOURCE).with_suffix('').parts)}"
        for module in modules_of(package)
        if module.name != "__init__.py"
    ]
    script = (
        "import sys; before = set(sys.modules)\n"
        f"import carpio.{package}, {', '.join(names)}\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    command = [sys.executable, "-I", "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    outside = {"asyncio", "logging", "random", "select", "selectors", "socket", "threading"}
    assert outside.isdisjoint(loaded)
    assert {name for name in loaded if not name.startswith("_")} - sys.stdlib_module_names == {
        "carpio"
    }
