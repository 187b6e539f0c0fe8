"""The table of words holds together."""

from carpio.bsd.keywords import FAMILIES, KEYWORDS, About


def test_only_words_without_a_value_are_a_whole_step():
    assert all(not word.has_value for word in KEYWORDS.values() if word.link is not None)
    plain = {w for w, k in KEYWORDS.items() if k.about is About.LINK and not k.has_value}
    assert all(KEYWORDS[word].link is not None for word in plain)


def test_words_that_mean_the_same_have_one_name():
    names = {KEYWORDS[word].name for word in ("ether", "link", "lladdr")}
    assert names == {"ether"}
    assert {KEYWORDS[word].name for word in ("-alias", "delete", "remove")} == {"-alias"}


def test_words_of_families_are_no_keywords_but_for_those_of_the_mac():
    assert set(FAMILIES) & set(KEYWORDS) == {"ether", "link", "lladdr"}
