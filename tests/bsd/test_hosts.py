"""Names of hosts."""

from pathlib import Path

from carpio.bsd.formats import Formats
from carpio.bsd.hosts import namer, resolver


def test_names_of_the_hosts_file_are_found_in_any_case(tmp_path: Path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text(
        "# comment\n\n10.0.0.1 other\nwww broken\n10.0.0.3\tWWW web # www2\n"
        "fe80::3%em0 link\n2001:db8::3 www\n"
    )
    resolve = resolver(tmp_path)
    assert resolve("www", 4) == "10.0.0.3"
    assert resolve("web", 4) == "10.0.0.3"
    assert resolve("www", 6) == "2001:db8::3"
    assert resolve("link", 6) == "fe80::3"
    assert resolve("www2", 4) is None
    assert resolve("broken", 4) is None


def test_a_single_word_is_not_asked_for_outside(tmp_path: Path):
    assert resolver(tmp_path)("localhost", 4) is None  # the resolver would know it


def test_a_name_that_nobody_knows_has_no_address(tmp_path: Path):
    assert resolver(tmp_path)("no.such.host.invalid", 4) is None


def test_an_address_without_a_name_is_shown_as_it_is():
    assert namer(Formats())("10.0.0.1") == "10.0.0.1"
    assert namer(Formats(addr="fqdn"))("192.0.2.77") == "192.0.2.77"
    assert namer(Formats(addr="host"))("127.0.0.1") in ("localhost", "127.0.0.1")


def test_an_address_in_words_of_the_resolver_is_taken_as_it_is(tmp_path: Path):
    assert resolver(tmp_path)("127.0.0.1", 4) == "127.0.0.1"
    assert resolver(tmp_path)("127.0.0.1", 6) is None
