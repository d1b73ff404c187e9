"""A secret shows in no repr, wherever it lies."""

from __future__ import annotations

import copy
import pickle
import pprint

import msgspec
import pytest

from dms_events import registry
from dms_events.types._secrets import holds_secret, secret_fields
from dms_events.types._wire import from_wire, to_wire
from dms_events.types.machine import IP
from dms_events.types.network_config import KeyType, Libp2pConfig, PrivateKey
from tests.kit.documents.secrets import CORE, filled, found_in

RAW = b"SECRET-" * 9 + b"!"
MARSHALLED = bytes([8, 1, 18, len(RAW)]) + RAW
KEY = PrivateKey(MARSHALLED)

SECRETS = {
    "firecracker.MMDSMetadata": {"pkey"},
    "machine.ElasticToken": {"token"},
    "machine.Libp2pInfo": {"private_key"},
    "network_config.Libp2pConfig": {"private_key"},
    "network_config.NetworkConfig": {"private_key", "nats_url"},
    "onboarding.BlockchainAddressPrivKey": {"private_key", "mnemonic"},
    "onboarding.LogBinAuth": {"token"},
}
HOLDERS = {*SECRETS, "firecracker.MMDSMsg"}
STRUCTS = [
    name
    for name in registry.names()
    if isinstance(registry.get(name), type) and issubclass(registry.get(name), msgspec.Struct)
]


@pytest.mark.parametrize("name", registry.names())
def test_no_way_of_showing_a_value_shows_a_secret(name: str) -> None:
    value = filled(registry.get(name))
    in_an_error = ValueError(value)
    for shown in (
        *(
            repr(value),
            str(value),
            f"{value}",
            f"{value!r}",
            pprint.pformat(value),
        ),
        *(repr([value]), repr({"a": value}), str(in_an_error), repr(in_an_error.args)),
    ):
        assert not found_in(shown)
    if hasattr(value, "__rich_repr__"):
        assert not found_in(repr(list(value.__rich_repr__())))


@pytest.mark.parametrize("name", STRUCTS)
def test_the_secrets_are_these(name: str) -> None:
    assert secret_fields(registry.get(name)) == SECRETS.get(name, set())


@pytest.mark.parametrize("name", registry.names())
def test_a_type_holds_a_secret_if_any_part_of_it_does(name: str) -> None:
    assert holds_secret(registry.get(name)) == (name in HOLDERS)


@pytest.mark.parametrize("name", STRUCTS)
def test_a_field_that_sounds_like_a_secret_is_one(name: str) -> None:
    type_ = registry.get(name)
    sounding = {
        field
        for field in type_.__struct_fields__
        if any(word in field for word in ("private_key", "mnemonic", "token", "password", "secret"))
        and not field.startswith("tokenomics")
    }
    assert sounding <= secret_fields(type_)


def test_what_is_not_secret_is_shown() -> None:
    token = filled(registry.get("onboarding.LogBinAuth"))
    assert "peer_id='shown'" in repr(token)
    assert "token='***'" in repr(token)


def test_a_secret_is_still_there_for_who_needs_it() -> None:
    token = filled(registry.get("onboarding.LogBinAuth"))
    assert CORE in token.token
    assert f'"token":"{token.token}"'.encode() in msgspec.json.encode(token)


def test_a_private_key_is_usable_and_shows_nothing() -> None:
    assert (KEY.type, KEY.raw, KEY.marshal()) == (KeyType.ED25519, RAW, MARSHALLED)
    assert PrivateKey.from_base64(KEY.to_base64()) == KEY
    assert repr(KEY) == str(KEY) == f"{KEY}" == "PrivateKey(ED25519, ***)"
    assert KEY != MARSHALLED
    assert hash(copy.deepcopy(KEY)) == hash(copy.copy(KEY)) == hash(KEY)
    assert pickle.loads(pickle.dumps(KEY)) == KEY


def test_a_long_private_key_is_read() -> None:
    raw = bytes(1190)
    marshalled = bytes([8, 0, 18, 1190 & 0x7F | 0x80, 1190 >> 7]) + raw
    assert (PrivateKey(marshalled).type, PrivateKey(marshalled).raw) == (KeyType.RSA, raw)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"SECRET",
        MARSHALLED[:-1],
        MARSHALLED + b"x",
        b"\x08\x09" + MARSHALLED[2:],
        b"\x08\x01\x12\x00",
    ],
)
def test_what_is_no_private_key_is_refused_without_showing_it(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a marshalled libp2p private key$"):
        PrivateKey(wrong)


def test_text_that_is_no_private_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match=r"^not a marshalled libp2p private key$") as caught:
        PrivateKey.from_base64("SECRET!")
    assert caught.value.__context__ is None


def test_a_private_key_is_written_as_null() -> None:
    written = msgspec.json.encode(Libp2pConfig(private_key=KEY), enc_hook=to_wire)
    assert b'"PrivateKey":null' in written
    assert msgspec.json.decode(written, type=Libp2pConfig, dec_hook=from_wire).private_key is None


@pytest.mark.parametrize("given", [b'"SECRET"', b"{}", b'{"Key":"SECRET"}', b"[]", b"1", b"true"])
def test_only_null_is_read_as_a_private_key(given: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="no JSON form") as caught:
        msgspec.json.decode(b'{"PrivateKey":' + given + b"}", type=Libp2pConfig, dec_hook=from_wire)
    assert "SECRET" not in str(caught.value)


def test_a_type_without_parts_holds_no_secret() -> None:
    assert not holds_secret(IP)
    assert not holds_secret(str)
