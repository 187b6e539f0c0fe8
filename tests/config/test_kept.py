"""What runs otherwise than the files say, and what becomes of it when they change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import group

from carpio.config.kept import Kept, differences_of, put_back
from carpio.config.model import DaemonConfig, NamespaceSettings, Process, VhidConfig
from carpio.core.model import InstanceConfig


def vhid(name: str, *addresses: str, netns: str | None = None, **more: int) -> VhidConfig:
    instance = replace(group(name, *(addresses or ("10.0.0.1/24",))), **more)
    return VhidConfig(
        instance=instance, netns=netns, name=name if netns is None else f"{name}@{netns}"
    )


def config(*vhids: VhidConfig, **settings: int) -> DaemonConfig:
    return DaemonConfig(vhids=vhids, **settings)  # type: ignore[arg-type]  # a few ints


ONE, TWO = vhid("1@eth0"), vhid("2@eth0", "10.0.0.2/24")
FASTER = vhid("1@eth0", advskew=7)


def test_the_same_in_another_order_is_no_difference() -> None:
    assert differences_of(config(ONE, TWO), config(TWO, ONE)).is_empty


def test_what_was_made_changed_and_removed_comes_back_over_the_same_files() -> None:
    three = vhid("3@eth0", "10.0.0.3/24")
    files, running = config(ONE, TWO), config(FASTER, three)
    assert put_back(differences_of(files, running), files) == (running, ())


def test_group_made_at_run_time_stays_when_the_files_speak_of_others() -> None:
    kept = differences_of(config(), config(ONE))
    assert put_back(kept, config(TWO)) == (config(TWO, ONE), ())


def test_group_made_at_run_time_that_the_files_have_by_now_is_theirs() -> None:
    kept = differences_of(config(), config(ONE))
    assert put_back(kept, config(ONE)) == (config(ONE), ())
    running, (line,) = put_back(kept, config(FASTER))
    assert running == config(FASTER)
    assert line == "1@eth0: the configuration files changed, and say what it is"


def test_group_of_the_files_that_was_changed_or_removed_is_theirs_when_they_change() -> None:
    newer = vhid("1@eth0", advskew=200)
    for running in (config(FASTER), config()):
        merged, lost = put_back(differences_of(config(ONE), running), config(newer))
        assert merged == config(newer)
        assert len(lost) == 1


def test_changed_group_whose_table_was_removed_is_gone() -> None:
    merged, lost = put_back(differences_of(config(ONE), config(FASTER)), config())
    assert merged == config()
    assert len(lost) == 1


def test_address_that_the_files_give_to_another_group_is_theirs() -> None:
    kept = differences_of(config(), config(ONE, TWO))
    other = vhid("9@eth0", "10.0.0.1/32")
    merged, lost = put_back(kept, config(other))
    assert merged == config(other, TWO)
    assert lost == ("1@eth0: is as in the configuration files, for 10.0.0.1 is of 9@eth0",)


def test_address_may_move_between_groups_of_the_files() -> None:
    files = config(ONE, vhid("2@eth0", "10.0.0.2/24"))
    running = config(vhid("1@eth0", "10.0.0.2/24"), vhid("2@eth0", "10.0.0.1/24"))
    assert put_back(differences_of(files, running), files) == (running, ())


def test_name_that_the_files_give_to_another_group_is_theirs() -> None:
    kept = differences_of(config(), config(ONE))
    named = replace(TWO, name="1@eth0")
    merged, (line,) = put_back(kept, config(named))
    assert merged == config(named)
    assert "the name 1@eth0" in line


def test_the_same_address_in_another_namespace_is_no_clash() -> None:
    kept = differences_of(config(), config(ONE))
    assert put_back(kept, config(vhid("1@eth0", netns="jail")))[1] == ()


def test_link_local_addresses_belong_to_their_interface() -> None:
    made, in_file = vhid("1@eth0", "fe80::1/64"), vhid("1@eth1", "fe80::1/64")
    assert put_back(differences_of(config(), config(made)), config(in_file))[1] == ()


def test_setting_counts_until_the_files_say_something_else() -> None:
    kept = differences_of(config(dscp=56), config(dscp=8, preempt=True))
    assert put_back(kept, config())[0] == config(dscp=8, preempt=True)
    merged, lost = put_back(kept, config(dscp=40))
    assert merged == config(dscp=40, preempt=True)
    assert lost == ("dscp: the configuration files changed, and say what it is",)


def test_settings_of_namespaces_are_kept_each_for_itself() -> None:
    files = DaemonConfig(namespaces=(("a", NamespaceSettings(dscp=1)), ("e", NamespaceSettings())))
    running = replace(
        files,
        namespaces=(
            ("a", NamespaceSettings(dscp=2)),
            ("e", NamespaceSettings()),
            ("b", NamespaceSettings(preempt=True)),
        ),
    )
    kept = differences_of(files, running)
    assert kept.places == {"a", "b"}
    assert put_back(kept, files) == (running, ())
    newer = replace(files, namespaces=(("a", NamespaceSettings(dscp=3)),))
    merged, lost = put_back(kept, newer)
    assert dict(merged.namespaces)["a"].dscp == 3
    assert lost == ("dscp of a: the configuration files changed, and say what it is",)


def test_what_is_about_a_namespace_that_is_gone_can_be_left_out() -> None:
    kept = differences_of(config(), config(ONE, vhid("2@eth0", netns="jail")))
    assert put_back(kept.without({"jail"}), config()) == (config(ONE), ())


def test_namespace_of_the_daemon_may_have_another_name_next_time() -> None:
    here = vhid("1@eth0", netns="web")
    kept = differences_of(config(), config(here)).renamed("web", None)
    assert kept.places == set()
    again, _ = put_back(kept, config())
    assert [one.netns for one in again.vhids] == [None]


_GROUPS = st.dictionaries(
    st.sampled_from(["1@eth0", "2@eth0", "3@eth0", "1@eth1"]),
    st.tuples(st.integers(0, 3), st.lists(st.integers(1, 6), unique=True, max_size=2)),
)
"""Groups by name: advskew, and addresses by their last byte."""


def made(groups: dict[str, tuple[int, list[int]]]) -> DaemonConfig:
    """Return a valid configuration: an address of an earlier group is left out of later ones."""
    used: set[int] = set()
    vhids = []
    for name, (advskew, numbers) in groups.items():
        free = [number for number in numbers if number not in used]
        used |= {*free}
        texts = [f"10.0.0.{number}/24" for number in free]
        instance: InstanceConfig = replace(group(name, *texts), advskew=advskew)
        if not texts:
            instance = replace(instance, addresses=())
        vhids.append(VhidConfig(instance=instance, name=name, attach=Process(1, advskew)))
    return DaemonConfig(vhids=tuple(vhids))


@given(_GROUPS, _GROUPS, _GROUPS)
def test_whatever_the_files_say_now_what_runs_is_valid_and_theirs_where_they_changed(
    before: dict[str, tuple[int, list[int]]],
    then: dict[str, tuple[int, list[int]]],
    now: dict[str, tuple[int, list[int]]],
) -> None:
    old, running, new = made(before), made(then), made(now)
    merged, lost = put_back(differences_of(old, running), new)
    held = [a.address for one in merged.vhids for a in one.instance.addresses]
    assert len(held) == len({*held})
    assert len(merged.vhids) == len({one.name for one in merged.vhids})
    by_name = {one.name: one for one in merged.vhids}
    was = {one.name: one for one in old.vhids}
    for one in new.vhids:
        if was.get(one.name) != one:
            assert by_name.get(one.name) == one
    assert put_back(Kept(), new) == (new, ())
    if lost:
        assert new != old


@given(_GROUPS, _GROUPS)
def test_over_the_same_files_the_same_runs(
    files: dict[str, tuple[int, list[int]]], running: dict[str, tuple[int, list[int]]]
) -> None:
    old, new = made(files), made(running)
    merged, lost = put_back(differences_of(old, new), old)
    assert {one.name: one for one in merged.vhids} == {one.name: one for one in new.vhids}
    assert lost == ()
