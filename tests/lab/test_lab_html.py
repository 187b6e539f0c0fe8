from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.helpers.lab_result import NIC, VIP, VMAC, a_long_result, a_result, named

from carpio.lab.court import Verdict
from carpio.lab.html import page_of, template_text, write_page
from carpio.lab.html_moments import Moment, Tone, group_to_show, moments_of, sequence_of
from carpio.lab.html_topology import draw
from carpio.lab.html_view import MARKS, duration_text, gap_row, view_of
from carpio.lab.markdown import markdown_of
from carpio.lab.result import GapSeen, Kind, Outcome, Proof, Result

HOSTILE = "<script>alert('&\"')</script>"
VOID = {"meta", "link", "br", "img", "line", "rect", "input", "hr"}
MOST_BYTES = 5_000_000


class Reader(HTMLParser):
    """Checks that elements are closed in order; keeps what stands in the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.texts: list[str] = []
        self.scripts = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.links += [str(values[name]) for name in ("href", "src") if name in values]
        self.scripts += tag == "script"
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def data_of(page: str) -> dict[str, object]:
    """Return what the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_every_element_is_closed_in_order_and_every_id_is_there_once() -> None:
    reader = Reader(page_of(a_result()))
    assert reader.open == []
    assert sorted(reader.ids) == sorted(set(reader.ids))


def test_page_that_is_not_closed_in_order_would_be_seen() -> None:
    with pytest.raises(AssertionError):
        Reader("<p><b>x</p></b>")


def test_links_lead_into_the_page_or_to_what_lies_beside_it() -> None:
    reader = Reader(page_of(a_result()))
    parts = [link for link in reader.links if link.startswith("#")]
    assert parts
    assert {link[1:] for link in parts} <= set(reader.ids)
    others = sorted({link for link in reader.links if not link.startswith("#")})
    assert others == ["capture.pcapng", "data:,", "result.json"]


def test_page_asks_the_browser_to_load_nothing_from_anywhere() -> None:
    page = page_of(a_result())
    assert "default-src 'none'" in page
    assert not re.search(r"(https?:)?//[a-z0-9]", page.replace("// ", ""))
    assert "@import" not in page
    assert "url(" not in page


def test_headings_leave_out_no_level() -> None:
    levels = [int(heading[1]) for heading in Reader(page_of(a_result())).headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_text_from_outside_is_text_wherever_it_stands() -> None:
    page = page_of(named(HOSTILE))
    reader = Reader(page)
    assert reader.open == []
    assert reader.scripts == 2
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;&amp;&#34;&#39;)&lt;/script&gt;" in page
    assert data_of(page)["machines"] == [HOSTILE, "b", "client"]


@pytest.mark.parametrize(
    ("outcome", "word", "symbol"),
    [
        (Outcome.RIGHT, "Right", "✓"),
        (Outcome.WRONG, "Wrong", "✕"),
        (Outcome.UNPROVED, "Not proved", "?"),
    ],
)
def test_verdict_is_told_by_word_and_symbol_not_by_colour_alone(
    outcome: Outcome, word: str, symbol: str
) -> None:
    page = page_of(replace(a_result(), outcome=outcome))
    assert f'<strong id="verdict">{word}</strong>' in page
    assert f'<span class="stamp" aria-hidden="true">{symbol}</span>' in page


def test_every_verdict_of_the_judge_has_a_shape_of_its_own() -> None:
    assert [mark.verdict for mark in MARKS] == [verdict.value for verdict in Verdict]
    assert len({mark.shape for mark in MARKS}) == len(MARKS)


@pytest.mark.parametrize(
    "text",
    [
        "a loses power: 3 wrong claims",
        "ARP reply: 10.77.0.100 is at 02:00:00:00:00:02 (wrong MAC, the first of 3)",
        f"arp: {VIP} moved from {VMAC} to {NIC} on eth0",
        "b took over 0.7 ms after the limit",
        "2.40 s",
        "2.39 s protocol",
        "over the limit",
        "4 / 4",
        "carpio lab run crash",
        "preempt = true",
        "Internet 10.77.0.100 0 0200.0000.0002 ARPA eth0",
        "kernel 6.1",
        "Two hosts and a client on one switch",
    ],
)
def test_page_tells(text: str) -> None:
    assert text in Reader(page_of(a_result())).text


def test_timeline_has_a_table_with_every_moment() -> None:
    view = view_of(a_result())
    text = Reader(page_of(a_result())).text
    assert f"Timeline as a table ({len(view.moments)} moments)" in text
    assert all(" ".join(moment.text.split()) in text for moment in view.moments)


def test_data_of_the_timeline_has_roles_adverts_claims_silences_and_tables() -> None:
    groups = data_of(page_of(a_result()))["groups"]
    assert isinstance(groups, list)
    (group,) = groups
    host = group["hosts"]["b"]
    assert host["roles"] == [[6.4, 9.0, "end of run"]]
    assert host["adverts"] == [[6.4, 4, 0, 100, 1.0]]
    assert host["claims"]["wrong MAC"] == [0.01, [650], [3]]
    assert group["silences"] == {VIP: [[4.0, 6.4, 2400, 2]]}
    assert group["forwarding"] == {f"lan {VMAC}": [[3.0, "a"], [6.4, "b"]]}
    assert group["neighbours"] == {f"client {VIP}": [[3.1, VMAC, True], [6.5, NIC, False]]}


def test_silence_within_its_limit_is_not_marked_as_too_long() -> None:
    result = a_result()
    gap = replace(result.events[1].gaps[0], limit_ms=2500.0)
    events = (result.events[0], replace(result.events[1], gaps=(gap,)))
    groups = data_of(page_of(replace(result, events=events)))["groups"]
    assert isinstance(groups, list)
    assert groups[0]["silences"] == {VIP: [[4.0, 6.4, 2400, 0]]}


def test_sixty_seconds_at_five_thousand_claims_a_second_stay_small() -> None:
    result = a_long_result()
    assert sum(sum(one.counts) for one in result.claim_density) == 8 * 2 * 60 * 5000
    page = page_of(result)
    assert len(page.encode()) < MOST_BYTES
    assert page.count("<tr") < 1500


def test_run_of_255_groups_is_rendered_and_stays_small() -> None:
    page = page_of(a_long_result(groups=255, duration_s=8))
    assert len(page.encode()) < MOST_BYTES
    assert "and 235 more groups" in page


def test_run_in_which_nothing_happened_is_rendered() -> None:
    result = a_result()
    bare = Result(
        outcome=Outcome.UNPROVED,
        scenario=result.scenario,
        started=result.started,
        started_ns=result.started_ns,
        duration_s=0.0,
        topology=replace(result.topology, machines=(), groups=(), networks=(), trunks=()),
        events=(),
        proof=Proof(sent=0, seen=0),
        observers=result.observers,
    )
    reader = Reader(page_of(bare))
    assert "Not proved" in reader.text
    assert "No event had a service before it" in reader.text
    assert "Not proved" in markdown_of(bare)


def test_page_is_written_beside_the_result(tmp_path: Path) -> None:
    path = write_page(a_result(), tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == page_of(a_result())


def test_moments_are_in_order_and_tell_who_did_what() -> None:
    moments = moments_of(a_result())
    assert [moment.at_s for moment in moments] == sorted(moment.at_s for moment in moments)
    told = [(moment.source, moment.text.split(" (")[0]) for moment in moments]
    assert ("b", "advertises first: it is MASTER") in told
    assert ("lan", f"learns that {VMAC} is at b") in told
    assert ("client", f"{VIP} answers again after 2.40 s, 2,400 probes lost") in told
    assert ("client", f"believes that {VIP} is at {NIC}") in told


def test_silence_that_lasts_to_the_end_is_not_said_to_end() -> None:
    result = a_result()
    silence = replace(result.silences[0], start_s=7.0, end_s=9.0)
    texts = [moment.text for moment in moments_of(replace(result, silences=(silence,)))]
    assert f"{VIP} has not answered for 2.00 s when the run ends" in texts
    assert not any("answers again" in text for text in texts)


def test_mac_that_a_switch_moves_to_and_fro_is_told_once() -> None:
    result = a_result()
    ports = ("port-a", "port-b") * 10
    changes = tuple(
        replace(result.forwarding[0], at_s=5 + number / 20, port=port)
        for number, port in enumerate(ports)
    )
    moments = moments_of(replace(result, forwarding=changes))
    told = [(m.at_s, m.text) for m in moments if m.source == "lan"]
    assert told == [
        (5.0, f"learns that {VMAC} is at a"),
        (5.05, f"moves {VMAC} 18 times, between a and b"),
        (5.95, f"learns that {VMAC} is at b"),
    ]


def test_gap_over_its_limit_is_late_where_nothing_else_is_wrong() -> None:
    event = replace(a_result().events[1], problems=())
    assert gap_row(event, GapSeen(address=VIP, gap_ms=30.0, limit_ms=20.0)).state == "late"


def test_sequence_keeps_the_heaviest_moments_in_order() -> None:
    result = a_result()
    event = result.events[1]
    light = [
        Moment(at_s=5 + n / 100, source="b", text=f"light {n}", group="1@lan") for n in range(40)
    ]
    heavy = Moment(at_s=8.0, source="b", text="heavy", tone=Tone.BAD, group="1@lan", weight=8)
    found = sequence_of(result, [*light, heavy], event, "1@lan")
    assert len(found) == 18
    assert found[-1] is heavy
    assert [moment.at_s for moment in found] == sorted(moment.at_s for moment in found)


def test_group_with_wrong_claims_is_the_one_whose_sequence_is_shown() -> None:
    result = a_result()
    other = replace(result.topology.groups[0], name="2@lan")
    result = replace(
        result, topology=replace(result.topology, groups=(other, *result.topology.groups))
    )
    assert group_to_show(result, result.events[1]) == "1@lan"


@pytest.mark.parametrize(
    ("gap_ms", "limit_ms", "is_over", "state", "share"),
    [
        (10.0, 20.0, True, "within", 25.0),
        (20.0, 20.0, True, "within", 50.0),
        (30.0, 20.0, True, "over", 75.0),
        (900.0, 20.0, True, "over", 100.0),
        (900.0, 20.0, False, "silent", 100.0),
        (900.0, None, True, "free", 0.0),
    ],
)
def test_gap_is_told_beside_its_limit(
    gap_ms: float, limit_ms: float | None, is_over: bool, state: str, share: float
) -> None:
    gap = GapSeen(address=VIP, gap_ms=gap_ms, limit_ms=limit_ms, is_over=is_over)
    row = gap_row(a_result().events[1], gap)
    assert (row.state, row.share) == (state, share)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0.25, "0.2 ms"), (9.96, "10.0 ms"), (12.4, "12 ms"), (2786.0, "2.79 s"), (-3.0, "-3.0 ms")],
)
def test_durations_are_told_as_people_say_them(milliseconds: float, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_drawing_has_every_machine_once_and_none_over_another() -> None:
    drawing = draw(a_result().topology)
    assert sorted(box.machine.name for box in drawing.boxes) == ["a", "b", "client"]
    for number, box in enumerate(drawing.boxes):
        assert 0 <= box.x <= drawing.width - box.width
        assert 0 <= box.y <= drawing.height - box.height
        for other in drawing.boxes[:number]:
            assert abs(box.x - other.x) >= box.width or abs(box.y - other.y) >= box.height


def test_machine_on_two_networks_stands_between_them() -> None:
    topology = a_result().topology
    (lan,) = topology.networks
    wan = replace(lan, name="wan", switches=("wan",))
    host, *others = topology.machines
    second = replace(host.cables[0], switch="wan", interface="eth1")
    gateway = replace(host, cables=(host.cables[0], second))
    drawing = draw(replace(topology, networks=(lan, wan), machines=(gateway, *others), trunks=()))
    y = {bar.name: bar.y for bar in drawing.bars}
    (box,) = [box for box in drawing.boxes if box.machine.name == host.name]
    assert y["lan"] < box.y < y["wan"]
    assert [line.label for line in drawing.lines if line.x1 > box.x].count("eth1") == 1


def test_clients_stand_apart_from_hosts_on_a_single_network() -> None:
    drawing = draw(a_result().topology)
    rows = {box.machine.kind: box.y for box in drawing.boxes}
    assert rows[Kind.HOST] < drawing.bars[0].y < rows[Kind.CLIENT]


def test_markdown_has_verdict_gaps_sequence_and_commands() -> None:
    text = markdown_of(a_result())
    assert text.startswith("# ✕ Wrong: The master loses power\n")
    assert f"| a loses power | {VIP} | 2.40 s | 2.39 s | protocol | over the limit |" in text
    assert f"learns that {VMAC} is at b" in text
    assert "```sh\ncarpio lab run crash\n```" in text


def test_markdown_takes_text_from_outside_for_text() -> None:
    text = markdown_of(named("a|b\n<img> `c` [d](e)\n```"))
    outside = re.sub(r"```.*?```|(?<!\\)`[^`\n]*`", "", text, flags=re.DOTALL)
    assert "<img>" in text
    assert "<img>" not in outside
    assert "a\\|b &lt;img> \\`c\\` \\[d\\](e) \\`\\`\\`" in text
    assert text.count("```") % 2 == 0


def test_lab_works_without_the_library_until_pages_are_written() -> None:
    script = (
        "import sys; sys.modules['jinja2'] = None\n"
        "import carpio.lab.html, carpio.lab.markdown\n"
        "from pathlib import Path; from carpio.lab.pages import write_pages\n"
        "from tests.helpers.lab_result import a_result\n"
        "said = []; print(write_pages(a_result(), Path('/nonexistent'), said.append), *said)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "False the report needs the library jinja2; pip install 'carpio[lab]', then carpio lab"
        " report DIRECTORY\n"
    )


READABLE = 4.5
"""Least contrast of small text, as WCAG 2 has it for level AA."""
PAIRS = (
    *((ink, ground) for ink in ("ink", "soft") for ground in ("paper", "card", "code")),
    *((ink, "card") for ink in ("right", "wrong", "not-master", "early", "reverse", "accent")),
    *(("on-host", f"host-{number}") for number in range(4)),
    ("wrong", "wrong-soft"),
    ("doubt", "card"),
    ("soft", "accent-soft"),
)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(scheme: str) -> None:
    light, _, rest = template_text("report.css").partition("@media (prefers-color-scheme: dark)")
    style = light if scheme == "light" else rest.partition("*, *::before")[0]
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", style))
    for ink, ground in PAIRS:
        dim, bright = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (bright + 0.05) / (dim + 0.05) >= READABLE, (ink, ground)
