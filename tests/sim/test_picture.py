from __future__ import annotations

from xml.etree import ElementTree

from tests.helpers.sim import SECOND, host, pair

from carpio.sim.faults import Fault, FaultKind
from carpio.sim.picture import as_html, as_svg
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.sim.text import as_text

CUT = Scenario(
    faults=(Fault(kind=FaultKind.PARTITION, at=20 * SECOND, lasts=20 * SECOND, hosts=("b",)),)
)
SVG = "{http://www.w3.org/2000/svg}"


def titles(svg: str) -> list[str]:
    return [str(one.text) for one in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def test_the_picture_shows_roles_faults_and_findings():
    svg = as_svg(run(pair(), CUT))
    found = titles(svg)
    assert any(title.startswith("b BACKUP, 0.651692") for title in found)
    assert any(title.startswith("answers: a, b, ") for title in found)
    assert "20.000s partition b for 20.00s" in found
    assert "two masters" in found


def test_the_picture_needs_nothing_from_elsewhere():
    page = as_html(run(pair(), CUT))
    assert "src=" not in page
    assert "href=" not in page
    assert page.count("http") == 1  # the name of the namespace
    assert "1@eth0  10.0.1.1, 2001:db8:1::1" in page


def test_names_are_escaped():
    report = run([host("a<b", 0), host("b", 100)], Scenario())
    ElementTree.fromstring(as_svg(report))
    assert "a<b" not in as_html(report)


def test_names_that_cannot_be_printed_are_escaped():
    report = run([host("a\x1b\n\udcff", 0), host("b", 100)], Scenario())
    svg, page = as_svg(report), as_html(report)
    assert any(title.startswith("answers: a\\x1b\\n\\udcff") for title in titles(svg))
    assert all(c.isprintable() or c == "\n" for c in page)
    assert "a\\x1b\\n\\udcff |" in as_text(report)
    assert f"b{' ' * 12} |" in as_text(report)
