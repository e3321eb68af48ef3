"""Addresses: who is meant by a chain of proxies, by a `Host` header, by what an operator writes."""

import pytest

from common.addresses import Hosts, Networks, host_in, host_name, household, network_of, origin_of

OURS = Networks([network_of("10.0.0.0/8"), network_of("2001:db8:1::/48")])


@pytest.mark.parametrize(
    ("hops", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what the client itself wrote stands before
        ("1.2.3.4, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("2001:db8:2::7", "2001:db8:2::7"),
        ("[2001:db8:2::7]:4711", "2001:db8:2::7"),
        ("203.0.113.9:4711, 10.0.0.7:80", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.9, 10.0.0.8", "10.0.0.9"),  # one of our own machines asks
        ("1.2.3.4, unknown", "10.0.0.1"),
        ("1.2.3.4, _hidden, 10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"),
        ("1.2.3.4,", "10.0.0.1"),
        ("1.2.3.400", "10.0.0.1"),
    ],
)
def test_a_chain_of_proxies_speaks_for_the_last_whom_we_do_not_trust(hops, found):
    assert OURS.first_outside("10.0.0.1", hops.split(",")) == found


def test_a_stranger_speaks_for_himself_alone():
    assert OURS.first_outside("192.0.2.1", ["10.0.0.1", "1.2.3.4"]) == "192.0.2.1"


@pytest.mark.parametrize(
    ("address", "one"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("testclient", "testclient"),
    ],
)
def test_whoever_has_an_ipv6_address_has_the_whole_64(address, one):
    assert household(address) == one


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("shop.example.com", True),
        ("SHOP.example.com:8443", True),
        ("a.b.example.org", True),
        ("example.org", False),
        ("evilexample.org", False),
        ("shop.example.com.evil.example", False),
        ("evil.example", False),
        ("[2001:db8::1]:443", True),
        ("[2001:db8::2]", False),
    ],
)
def test_a_host_is_one_of_the_names_or_below_a_star(header, taken):
    assert Hosts(["shop.example.com", "*.example.org", "[2001:db8::1]"]).has(header) is taken


@pytest.mark.parametrize("header", ["", "a b", "a/b", "a@b", "a:b", "a:123456", "a,b", "[::1", "é", "a\\b", "a#b"])
def test_what_is_no_host_names_nobody(header):
    assert host_in(header) is None


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "gateway", "*", "10.0.0", ""])
def test_a_network_is_written_as_such(text):
    with pytest.raises(ValueError, match="is no network"):
        network_of(text)


@pytest.mark.parametrize("text", ["https://shop.example.com", "shop.example.com:443", "*", "shop/", "a b", "*.*.com"])
def test_a_name_is_written_as_such(text):
    with pytest.raises(ValueError, match="is no host"):
        host_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "*",
            "null",
            "shop.example.com",
            "ftp://shop.example.com",
            "https://shop.example.com/",
            "https://*.example.com",
        ),
        *("https://Shop.example.com", "https://shop.example.com:443", "http://shop.example.com:80", "https://a@b.com"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text):
    with pytest.raises(ValueError, match="is no origin"):
        origin_of(text)
