"""Keys: Go's forms are read and written, a key file is for its owner alone, nothing of a key shows."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_pair
from libp2p.crypto.secp256k1 import create_new_key_pair as create_secp256k1_pair

from dms_events.errors import ConfigError
from dms_events.types.network_config import KeyType, PrivateKey
from dms_events_libp2p.keys.node_key import key_pair, load_key, new_key, peer_id, read_key_file


def test_a_new_key_is_in_gos_form() -> None:
    key = new_key()
    assert key.type is KeyType.ED25519
    assert len(key.raw) == 64
    assert peer_id(key).startswith("12D3KooW")
    assert peer_id(PrivateKey.from_base64(key.to_base64())) == peer_id(key)
    assert peer_id(new_key()) != peer_id(key)


def test_other_kinds_of_keys_are_taken() -> None:
    for pair, kind in (
        (create_secp256k1_pair(), KeyType.SECP256K1),
        (create_rsa_pair(), KeyType.RSA),
    ):
        key = PrivateKey(pair.private_key.serialize())
        assert key.type is kind
        assert key_pair(key).public_key.to_bytes() == pair.public_key.to_bytes()


def test_an_ed25519_key_in_each_form_that_go_reads_is_the_same_key() -> None:
    key = new_key()
    seed, public = key.raw[:32], key.raw[32:]
    for raw in (seed, seed + public, seed + public + public):
        form = PrivateKey(b"\x08\x01\x12" + bytes([len(raw)]) + raw)
        assert peer_id(form) == peer_id(key)


def test_a_key_that_cannot_be_used_is_refused_and_does_not_show() -> None:
    key = new_key()
    mixed = PrivateKey(key.marshal()[:-32] + new_key().raw[32:])
    with pytest.raises(ConfigError, match="public half") as caught:
        key_pair(mixed)
    with pytest.raises(ConfigError, match="ECDSA"):
        key_pair(PrivateKey(b"\x08\x03\x12\x03abc"))
    with pytest.raises(ConfigError, match=r"^private_key: not a readable RSA key"):
        key_pair(PrivateKey(b"\x08\x00\x12\x06secret"))
    with pytest.raises(ConfigError, match="private_key"):
        load_key(key.to_base64()[:-8] + "!", None)
    assert key.to_base64()[:20] not in str(caught.value)


def test_a_key_file_is_made_on_first_use_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    made = load_key(None, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(None, path) == made
    assert path.read_text() == made.to_base64() + "\n"
    assert [p.name for p in tmp_path.iterdir()] == ["node.key"]


def test_those_who_make_a_key_file_at_once_have_one_key(tmp_path: Path) -> None:
    path, keys, begin = tmp_path / "node.key", list[PrivateKey](), threading.Barrier(8)

    def read() -> None:
        begin.wait()
        keys.append(read_key_file(path))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 8


def test_a_key_file_may_hold_the_bytes_themselves(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "node.key"
    path.write_bytes(key.marshal())
    path.chmod(0o600)
    assert read_key_file(path) == key


def test_a_key_file_that_others_may_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "node.key"
    path.write_text(new_key().to_base64())
    path.chmod(0o644)
    read_key_file(path)
    assert "chmod 600" in caplog.text


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "other").write_text("not a key")
    for name in ("empty", "other", "missing/node.key"):
        with pytest.raises(ConfigError, match="key_file"):
            read_key_file(tmp_path / name)
    with pytest.raises(ConfigError, match="not both"):
        load_key(new_key(), tmp_path / "node.key")
