"""The documents tell the truth where that can be checked: links, configurations, the diagram."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from carpio.config.load import load_config
from carpio.core import table

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    dead = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert dead == []


def toml_blocks() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.S)):
            found.append((f"{page.relative_to(ROOT)}-{number}", block))
    return found


@pytest.mark.parametrize("block", [b for _, b in toml_blocks()], ids=[n for n, _ in toml_blocks()])
def test_configurations_of_the_documents_are_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "carpio.toml"
    secret = tmp_path / "secret"
    secret.write_text("passphrase\n")
    file.write_text(re.sub(r'passphrase_file = "[^"]*"', f'passphrase_file = "{secret}"', block))
    load_config(file, secrets=False)


def test_diagram_is_that_of_the_table() -> None:
    assert table.mermaid().strip() in (ROOT / "docs/explanation/protocol.md").read_text()
