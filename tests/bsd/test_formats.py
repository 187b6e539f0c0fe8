"""Format texts are read part by part."""

from carpio.bsd.formats import DEFAULT, Formats, parse_formats


def test_each_type_has_its_choice():
    formats, remarks = parse_formats("addr:fqdn,ether:dotted,inet:dotted,inet6:cidr")
    assert formats == Formats(addr="fqdn", ether="dotted", inet="dotted", inet6="cidr")
    assert remarks == []


def test_short_forms():
    assert parse_formats("cidr")[0] == Formats(inet="cidr", inet6="cidr")
    assert parse_formats("cidr,default")[0] == DEFAULT
    assert parse_formats("cidr,inet:default")[0] == Formats(inet6="cidr")


def test_what_is_not_known_is_told_and_left_out():
    formats, remarks = parse_formats("inet:roman,hex,inet:cidr")
    assert formats == Formats(inet="cidr")
    assert remarks == [
        "format 'inet:roman' is not known and left out",
        "format 'hex' is not known and left out",
    ]
