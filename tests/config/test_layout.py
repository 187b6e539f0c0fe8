"""One thing in a file changes, and nothing else: no comment, no blank line, no order."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.config.layout import Layout, NotEditable

FILE = """\
# What this host shares.

preempt = true  # we want the fast one
dscp = 0x38

# The web servers.
[[vhid]]
id = 1  # one
interface = 'eth0'
passphrase_file = "web.pass"  # see the safe
addresses = [
  "10.0.0.1/24",  # main
  "10.0.0.2/24",
  # about six
  "2001:db8::1/64",  # six
]
# end of the web servers

# What blue wants.
[[netns]]
name = "blue"
preempt = false

# The mail servers.
[[vhid]]
  id = 2
  interface = "eth0"
  passphrase = "secret"
# end of all
"""


def changed(before: str, after: str) -> str:
    """Return FILE with one part replaced."""
    assert FILE.count(before) == 1
    return FILE.replace(before, after)


def test_a_text_that_nobody_changes_stays_as_it_is() -> None:
    for text in ("", "\n", "# only\n", "a = 1", FILE, FILE.replace("\n", "\r\n"), FILE + "\n\n"):
        assert str(Layout(text)) == text


def test_a_key_of_the_top_gets_its_value_in_place() -> None:
    layout = Layout(FILE)
    layout.set_top({"preempt": False})
    assert str(layout) == changed("preempt = true  #", "preempt = false  #")


def test_a_new_key_of_the_top_follows_the_others() -> None:
    layout = Layout(FILE)
    layout.set_top({"log": 2})
    assert str(layout) == changed("dscp = 0x38\n", "dscp = 0x38\nlog = 2\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "log = 2\n"),
        ("# mine\n", "# mine\n\nlog = 2\n"),
        ("# mine", "# mine\n\nlog = 2\n"),
        ("# mine\n\n# and mine\n", "# mine\n\n# and mine\n\nlog = 2\n"),
        ("[[vhid]]\nid = 1\n", "log = 2\n\n[[vhid]]\nid = 1\n"),
        ("# mine\n[[vhid]]\nid = 1\n", "# mine\n\nlog = 2\n\n[[vhid]]\nid = 1\n"),
        ("# mine\n\n[[vhid]]\nid = 1\n", "# mine\n\nlog = 2\n\n[[vhid]]\nid = 1\n"),
        ("# mine\n\n# one\n[[vhid]]\n", "# mine\n\nlog = 2\n\n# one\n[[vhid]]\n"),
        ("dscp = 1", "dscp = 1\nlog = 2\n"),
        ("dscp = 1\n[[vhid]]\n", "dscp = 1\nlog = 2\n[[vhid]]\n"),
    ],
)
def test_the_first_key_of_the_top_comes_between_the_comments(before: str, after: str) -> None:
    layout = Layout(before)
    layout.set_top({"log": 2})
    assert str(layout) == after


def test_nothing_to_set_changes_nothing() -> None:
    layout = Layout("# mine\n[[vhid]]\n")
    layout.set_top({})
    layout.change("vhid", 0, {})
    assert str(layout) == "# mine\n[[vhid]]\n"


def test_a_key_of_a_table_gets_its_value_in_place_and_a_new_one_follows_the_others() -> None:
    layout = Layout(FILE)
    layout.change("vhid", 0, {"id": 9, "advskew": 100})
    expected = FILE.replace("id = 1  # one", "id = 9  # one")
    assert str(layout) == expected.replace("# six\n]\n", "# six\n]\nadvskew = 100\n")


def test_the_last_table_keeps_its_comments_at_the_end() -> None:
    layout = Layout(FILE)
    layout.change("vhid", 1, {"advskew": 100})
    before = '  passphrase = "secret"\n'
    assert tomllib.loads(str(layout))["vhid"][1]["advskew"] == 100
    assert [line.strip() for line in str(layout).splitlines()] == [
        line.strip() for line in changed(before, f"{before}  advskew = 100\n").splitlines()
    ]


def test_a_key_is_removed_with_its_line() -> None:
    layout = Layout(FILE)
    layout.change("netns", 0, {"preempt": None})
    assert str(layout) == changed('"blue"\npreempt = false\n', '"blue"\n')
    layout.change("netns", 0, {"preempt": None})
    assert str(layout) == changed('"blue"\npreempt = false\n', '"blue"\n')


def test_a_key_gets_another_name_and_value_in_place() -> None:
    layout = Layout(FILE)
    layout.change("vhid", 0, {"passphrase": 'n"w'}, ("passphrase_file", "passphrase"))
    assert str(layout) == changed(
        'passphrase_file = "web.pass"  # see the safe', 'passphrase = "n\\"w"  # see the safe'
    )


@pytest.mark.parametrize("key", ["'old'", '"old"', " old ", '"ol\\u0064"'])
def test_a_key_in_quotes_gets_another_name_as_well(key: str) -> None:
    layout = Layout(f"[[vhid]]\n{key}= 1 # mine\n")
    layout.change("vhid", 0, {"new": 2}, ("old", "new"))
    assert tomllib.loads(str(layout)) == {"vhid": [{"new": 2}]}


LIST = FILE[FILE.index("addresses") : FILE.index("# end of the web")]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["10.0.0.1/24", "10.0.0.2/24", "2001:db8::1/64"], LIST),
        (
            ["10.0.0.2/24", "2001:db8::1/64"],
            LIST.replace('  "10.0.0.1/24",  # main\n', ""),
        ),
        (
            ["10.0.0.1/24", "10.0.0.2/24", "2001:db8::1/64", "10.0.0.9/24"],
            LIST.replace("# six\n]", '# six\n  "10.0.0.9/24",\n]'),
        ),
        (
            ["10.0.0.1/24", "10.0.0.9/24", "10.0.0.2/24", "2001:db8::1/64"],
            LIST.replace("# main\n", '# main\n  "10.0.0.9/24",\n'),
        ),
        (
            ["10.0.0.2/24", "2001:db8::1/64", "10.0.0.1/24"],
            LIST.replace('  "10.0.0.1/24",  # main\n', "").replace(
                "# six\n]", '# six\n  "10.0.0.1/24",\n]'
            ),
        ),
    ],
)
def test_elements_of_a_list_that_stay_keep_their_lines(wanted: list[str], expected: str) -> None:
    layout = Layout(FILE)
    layout.change("vhid", 0, {"addresses": wanted})
    assert str(layout) == changed(LIST, expected)


@pytest.mark.parametrize(
    "text",
    [
        'a = [\n  "1" # one\n  , "2" # two\n]\n',
        'a = ["1", "2"]',
        'a = [ "1" , "2" , ]\n',
        'a = ["1" # one\n, "2"]\n',
        "a = ['1', '''2''']\n",
    ],
)
@pytest.mark.parametrize("wanted", [["1", "2", "3"], ["3", "1", "2"], ["1", "3", "2"], [], ["3"]])
def test_lists_in_any_layout_become_what_is_wanted(text: str, wanted: list[str]) -> None:
    layout = Layout(f"[[vhid]]\nb = 1\n{text}")
    layout.change("vhid", 0, {"a": wanted})
    assert tomllib.loads(str(layout)) == {"vhid": [{"a": wanted, "b": 1}]}


def test_a_long_new_list_has_a_line_for_each_element() -> None:
    layout = Layout("")
    layout.append("vhid", {"a": [f"10.0.0.{n}/24" for n in range(1, 9)], "b": ["10.0.0.1/24"]})
    assert str(layout).splitlines()[1:4] == ["a = [", '    "10.0.0.1/24",', '    "10.0.0.2/24",']
    assert str(layout).endswith(']\nb = ["10.0.0.1/24"]\n')


def test_a_removed_table_leaves_what_stands_apart() -> None:
    layout = Layout(FILE)
    layout.remove("vhid", 0)
    begin, end = FILE.index("[[vhid]]"), FILE.index("# What blue")
    assert str(layout) == FILE[:begin] + FILE[end:]


def test_a_removed_last_table_leaves_no_blank_lines_at_the_end() -> None:
    layout = Layout(FILE)
    layout.remove("vhid", 1)
    assert str(layout) == FILE[: FILE.index("[[vhid]]\n  id = 2")]
    layout.remove("netns", 0)
    layout.remove("vhid", 0)
    assert str(layout).endswith("# The web servers.\n# What blue wants.\n# The mail servers.\n")
    layout = Layout("[[vhid]]\nid = 1\n\n[[vhid]]\nid = 2\n")
    layout.remove("vhid", 1)
    assert str(layout) == "[[vhid]]\nid = 1\n"


def test_indices_are_those_of_the_text_as_it_was_given() -> None:
    layout = Layout(FILE)
    layout.remove("vhid", 0)
    layout.append("vhid", {"id": 3})
    layout.change("vhid", 1, {"id": 4})
    assert [table["id"] for table in tomllib.loads(str(layout))["vhid"]] == [4, 3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[[vhid]]\nid = 3\n"),
        ("# mine", "# mine\n\n[[vhid]]\nid = 3\n"),
        ("log = 1\n", "log = 1\n\n[[vhid]]\nid = 3\n"),
        ("log = 1\n\n", "log = 1\n\n[[vhid]]\nid = 3\n"),
        ("[[netns]]\r\nname = 'b'\r\n", "[[netns]]\r\nname = 'b'\r\n\r\n[[vhid]]\r\nid = 3\r\n"),
    ],
)
def test_a_new_table_comes_last_after_a_blank_line(before: str, after: str) -> None:
    layout = Layout(before)
    layout.append("vhid", {"id": 3})
    assert str(layout) == after


def test_lines_that_end_as_on_windows_are_kept_and_written() -> None:
    layout = Layout(FILE.replace("\n", "\r\n"))
    layout.set_top({"log": 2})
    layout.change("vhid", 0, {"id": 9, "addresses": ["10.0.0.1/24"]})
    layout.append("netns", {"name": "red"})
    text = str(layout)
    assert "\n" not in text.replace("\r\n", "")
    other = Layout(FILE)
    other.set_top({"log": 2})
    other.change("vhid", 0, {"id": 9, "addresses": ["10.0.0.1/24"]})
    other.append("netns", {"name": "red"})
    assert text == str(other).replace("\n", "\r\n")


def test_a_text_of_several_lines_is_not_taken_for_comments() -> None:
    text = '[[vhid]]\nid = 1\nname = """a\n# b"""\n# end\n'
    layout = Layout(text)
    layout.change("vhid", 0, {"id": 2})
    assert str(layout) == text.replace("id = 1", "id = 2")
    layout = Layout("a = '''\n\n# x\n'''\n[[vhid]]\nid = 1\n")
    layout.set_top({"b": 1})
    assert str(layout) == "a = '''\n\n# x\n'''\nb = 1\n[[vhid]]\nid = 1\n"


def test_exotic_ends_of_lines_in_a_comment_end_no_line() -> None:
    text = "# a\u2028\u2028# b\n# c\n[[vhid]]\nid = 1\n"
    layout = Layout(text)
    layout.set_top({"log": 1})
    assert str(layout) == text.replace("# c\n", "# c\n\nlog = 1\n\n")


@pytest.mark.parametrize("text", ["vhid = []\n", "vhid = [{id = 1}]\n[[netns]]\nname = 'b'\n"])
def test_tables_within_one_value_are_not_changed(text: str) -> None:
    layout = Layout(text)
    with pytest.raises(NotEditable, match=r"write \[\[vhid\]\] tables"):
        layout.append("vhid", {"id": 2})
    with pytest.raises(NotEditable):
        layout.change("vhid", 0, {"id": 2})
    with pytest.raises(NotEditable):
        layout.remove("vhid", 0)
    assert str(layout) == text


_COMMENTS = st.sampled_from(["", "# c", "  # [[vhid]]", '# "', "\t"])
_ENDS = st.sampled_from(["", " # e", "  "])


@st.composite
def files(draw: st.DrawFn) -> str:
    """Draw a text of tables, comments and blank lines in any order."""
    lines: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["vhid", "netns"]), max_size=4)):
        lines += draw(st.lists(_COMMENTS, max_size=2))
        lines += [f"[[{kind}]]{draw(_ENDS)}", f"id = {draw(st.integers(0, 9))}{draw(_ENDS)}"]
        lines += draw(st.lists(_COMMENTS, max_size=1))
        inner = draw(st.sampled_from([", ", ",\n  # i\n  ", " ,"]))
        elements = [f'"{n}"' for n in range(draw(st.integers(0, 3)))]
        lines += [f"a = [{inner.join(elements)}]{draw(_ENDS)}", *draw(st.lists(_COMMENTS))]
    end = draw(st.sampled_from(["", "\n"]))
    return "\n".join(lines) + end


@given(files(), st.lists(st.sampled_from("0123"), unique=True), st.booleans())
def test_any_file_says_what_is_wanted_and_keeps_its_other_comments(
    text: str, wanted: list[str], is_kept: bool
) -> None:
    layout = Layout(text)
    expected = tomllib.loads(text)
    comments = sum(line.count("#") for line in text.splitlines() if line.lstrip()[:1] == "#")
    for kind, tables in list(expected.items()):
        for index, table in enumerate(tables):
            if is_kept or kind == "netns":
                layout.change(kind, index, {"b": "new", "id": 7})
                tables[index] = {**table, "b": "new", "id": 7}
        if not is_kept:
            layout.change(kind, 0, {"a": wanted})
            tables[0] = {**tables[0], "a": wanted}
    layout.append("vhid", {"id": 8})
    expected.setdefault("vhid", []).append({"id": 8})
    assert tomllib.loads(str(layout)) == expected
    if is_kept:
        assert str(layout).count("\n# c") + str(layout).startswith("# c") == (
            text.count("\n# c") + text.startswith("# c")
        )
        assert sum(line.count("#") for line in str(layout).splitlines()) >= comments
