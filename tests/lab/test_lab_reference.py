"""The tables of docs/reference/lab.md are those of the code; this file prints what they must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpio.lab.actions import VERBS
from carpio.lab.scenario import read_scenario, scenario_names, scenario_path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "lab.md"


def scenarios() -> str:
    lines = ["| Scenario | What happens | Variants |", "|---|---|---|"]
    for name in scenario_names():
        scenario = read_scenario(scenario_path(name))
        variants = ", ".join(f"`{variant}`" for variant in scenario.variants)
        lines.append(f"| `{name}` | {scenario.title} | {variants} |")
    return "\n".join(lines)


def verbs() -> str:
    lines = ["| `do` | What it does |", "|---|---|"]
    for verb, facts in VERBS.items():
        place = "HOST " if facts.is_of_host else "" if verb.value == "wait" else "TRUNK "
        needs = facts.needs.value.replace("|", "\\|")
        lines.append(f"| `{f'{verb.value} {place}{needs}'.strip()}` | {facts.does} |")
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "table"), [("scenarios", scenarios()), ("verbs", verbs())])
def test_table_of_the_reference_is_up_to_date(name: str, table: str) -> None:
    text = PAGE.read_text()
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
    inside = text[text.index(begin) + len(begin) : text.index(end)]
    assert inside.strip() == table, f"write into {PAGE}:\n{table}"
