"""Which network addresses may be spoken to. Pure.

Whoever sets an endpoint chooses where this machine connects to. So only unicast addresses of the public internet are
allowed, judged by what they lead to: an IPv6 address that carries an IPv4 address is judged by that as well.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Not on the public internet, or not for us, whatever the installed Python's tables say.
_CLOSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # shared by carriers, and where some clouds keep their metadata
        "168.63.129.16/32",  # Azure's own services, in an otherwise public range
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # relays to IPv6
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments
        "2001:db8::/32",
        "3fff::/20",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError for a text that is no network."""
    return tuple(ip_network(text) for text in texts)


def may_reach(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether a connection to this address may be opened. `allowed`: networks that the operator has opened besides.

    Raises ValueError for a text that is no address.
    """
    address = ip_address(text.partition("%")[0])
    opened = tuple(allowed)
    carried = tuple(_carried(address))
    if carried:
        return all(_inside(each, opened) or _public(each) for each in carried)
    return _inside(address, opened) or _public(address)


def _public(address: Address) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return False
    return not _inside(address, _CLOSED)


def _inside(address: Address, within: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in within)


def _carried(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end at."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64 or int(address) >> 32 == 0:  # NAT64, and the old IPv4-compatible form
        yield IPv4Address(int(address) & 0xFFFFFFFF)
