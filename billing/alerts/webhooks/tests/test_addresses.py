"""Which addresses may be spoken to."""

import pytest

from billing.alerts.webhooks.addresses import may_reach, networks


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.9"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "100::1"),
    ],
)
def test_what_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert not may_reach(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "2a00:1450:4001::1"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert may_reach(address)


def test_the_operator_opens_networks_and_nothing_besides() -> None:
    opened = networks(["10.1.0.0/16", "fd00::/8"])
    assert may_reach("10.1.2.3", opened)
    assert may_reach("::ffff:10.1.2.3", opened)
    assert may_reach("fd12::1", opened)
    assert not may_reach("10.2.0.1", opened)
    assert not may_reach("127.0.0.1", opened)


def test_an_opened_ipv6_network_does_not_open_ipv4_within() -> None:
    assert not may_reach("::ffff:127.0.0.1", networks(["::/0"]))


@pytest.mark.parametrize("text", ["localhost", "", "1.2.3", "10.0.0.1/8"])
def test_what_is_no_address_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        may_reach(text)
