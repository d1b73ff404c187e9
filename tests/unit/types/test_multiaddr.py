"""What is a multiaddr, and what is none, as go-multiaddr 0.14 says (each verdict was asked of it)."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest

from dms_events.types._wire import from_wire, to_wire
from dms_events.types.network_config import Multiaddr, PrivateNetworkConfig

PEER = "QmQ2irHa8aFTLRhkbkQCRrounE4MbttNp8ki7Nmys4F9NP"
ED25519_PEER = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
ONION3 = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"

GOOD = [
    "/ip4/127.0.0.1/tcp/4001",
    "/ip4/127.0.0.1/tcp/4001//",
    "/ip4/::ffff:1.2.3.4",
    "/ip6/::1/udp/9000/quic-v1",
    "/ip6/1.2.3.4",
    "/ip6zone/eth0/ip6/fe80::1",
    "/ip4/1.2.3.4/ipcidr/24",
    f"/dns4/bootstrap.p2p.nunet.io/tcp/45678/p2p/{PEER}",
    f"/dnsaddr/bootstrap.libp2p.io/p2p/{ED25519_PEER}/p2p-circuit",
    f"/ipfs/{PEER}",
    "/p2p/k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs",
    "/p2p/bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
    "/ip4/1.2.3.4/udp/9/quic-v1/webtransport/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ",
    "/dns/example.com/tcp/443/tls/sni/example.com/http/http-path/a%2fb",
    "/onion/aaimaq4ygg2iegci:80",
    f"/onion3/{ONION3}:1234",
    "/garlic32/566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzuq",
    "/garlic64/" + "A" * 516,
    "/memory/18446744073709551615",
    "/unix/tmp/a",
    "/unix/tmp/a/ip4",
]

BAD = {
    "": "it is empty",
    "/": "it is empty",
    "boom": "it must begin with /",
    "ip4/1.2.3.4": "it must begin with /",
    "/nope/1": "unknown protocol 'nope'",
    "/IP4/1.2.3.4": "unknown protocol 'IP4'",
    "//ip4/1.2.3.4": "unknown protocol ''",
    "/ip4": "ip4 needs a value",
    "/ip4/1.2.3.4/tcp": "tcp needs a value",
    "/unix": "unix needs a value",
    "/ip4/1.2.3": "'1.2.3' is not a value for ip4",
    "/ip4/01.2.3.4": "'01.2.3.4' is not a value for ip4",
    "/ip4/::1": "'::1' is not a value for ip4",
    "/ip6/fe80::1%eth0": "'fe80::1%eth0' is not a value for ip6",
    "/tcp/65536": "'65536' is not a value for tcp",
    "/tcp/-1": "'-1' is not a value for tcp",
    "/tcp/٥": "'٥' is not a value for tcp",
    "/dns4//tcp/1": "'' is not a value for dns4",
    "/ipcidr/256": "'256' is not a value for ipcidr",
    "/memory/18446744073709551616": "'18446744073709551616' is not a value for memory",
    f"/p2p/{PEER[:-1]}": f"'{PEER[:-1]}' is not a value for p2p",
    "/p2p/Qm0": "'Qm0' is not a value for p2p",
    "/p2p/x": "'x' is not a value for p2p",
    "/p2p/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi": "is not a value for p2p",
    "/certhash/u": "'u' is not a value for certhash",
    "/http-path/a%zz": "'a%zz' is not a value for http-path",
    "/onion/aaimaq4ygg2iegci:0": "'aaimaq4ygg2iegci:0' is not a value for onion",
    "/onion/aaimaq4ygg2iegci": "'aaimaq4ygg2iegci' is not a value for onion",
    f"/onion3/{ONION3[:-1]}:80": "is not a value for onion3",
    "/garlic32/566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzu": "is not a value for garlic32",
    "/garlic64/AAAA": "'AAAA' is not a value for garlic64",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_multiaddr_is_the_text_it_was_made_of(text: str) -> None:
    assert Multiaddr(text) == text
    for again in (copy.deepcopy(Multiaddr(text)), pickle.loads(pickle.dumps(Multiaddr(text)))):
        assert (type(again), again) == (Multiaddr, text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_multiaddr_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match="is not a multiaddr: ") as caught:
        Multiaddr(text)
    assert str(caught.value).endswith(BAD[text])


@pytest.mark.parametrize("letter", ["1", "z", "Q"])
def test_a_huge_text_is_refused_quickly_and_in_few_words(letter: str) -> None:
    with pytest.raises(ValueError, match="is not a value for p2p") as caught:
        Multiaddr("/p2p/Qm" + letter * 10_000_000)
    assert len(str(caught.value)) < 400


def test_multiaddrs_go_over_the_wire_as_text() -> None:
    config = PrivateNetworkConfig(acl=[Multiaddr("/unix/tmp/a"), None])
    written = msgspec.json.encode(config, enc_hook=to_wire)
    assert written == b'{"WithSwarmKey":false,"ACL":["/unix/tmp/a",null]}'
    again = msgspec.json.decode(written, type=PrivateNetworkConfig, dec_hook=from_wire)
    assert again == config
    assert type(again.acl[0]) is Multiaddr


def test_the_error_says_which_address_is_wrong() -> None:
    with pytest.raises(
        msgspec.ValidationError, match=r"'boom' is not a multiaddr: .* - at `\$\.ACL\[1\]`"
    ):
        msgspec.json.decode(
            b'{"ACL":["/unix/a","boom"]}', type=PrivateNetworkConfig, dec_hook=from_wire
        )


@pytest.mark.parametrize("given", [b"1", b"true", b"[]", b"{}"])
def test_only_text_is_read_as_a_multiaddr(given: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="expected multiaddr, got"):
        msgspec.json.decode(
            b'{"ACL":[' + given + b"]}", type=PrivateNetworkConfig, dec_hook=from_wire
        )


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot encode object"):
        to_wire(object())
