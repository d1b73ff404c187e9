"""Keys, and bytes encrypted for them."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import ConfigError
from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
from dms_events.errors import DecryptError, NoMatchingKeyError
from dms_events.types.encryption import Decryptor, Encryptor

KEY = AgeIdentity.generate()
CHUNK = 65_536
EDGES = [n * CHUNK + d for n in (1, 2) for d in (-1, 0, 1)]
DATA = st.binary(max_size=300) | st.builds(
    lambda size, byte: bytes([byte]) * size, st.sampled_from(EDGES), st.integers(0, 255)
)


def opens(encrypted: bytes, identity: AgeIdentity) -> bool:
    try:
        AgeDecryptor(identity).decrypt(encrypted)
    except NoMatchingKeyError:
        return False
    return True


@given(DATA)
def test_what_is_decrypted_is_what_was_encrypted(data: bytes) -> None:
    encrypted = AgeEncryptor(KEY.recipient).encrypt(data)
    assert data == b"" or data not in encrypted or len(data) < 8
    assert AgeDecryptor(KEY).decrypt(encrypted) == data


def test_they_are_the_protocols_of_the_types(
    encryptor: AgeEncryptor, decryptor: AgeDecryptor
) -> None:
    one: Encryptor = encryptor
    other: Decryptor = decryptor
    assert isinstance(one, Encryptor)
    assert isinstance(other, Decryptor)


def test_each_recipient_can_decrypt_and_nobody_else(identity: AgeIdentity) -> None:
    second, third = AgeIdentity.generate(), AgeIdentity.generate()
    encrypted = AgeEncryptor(identity.recipient, second.recipient).encrypt(b"for two")
    assert [opens(encrypted, one) for one in (identity, second, third)] == [True, True, False]
    assert AgeDecryptor(third, second).decrypt(encrypted) == b"for two"


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_every_changed_byte_is_refused(
    encryptor: AgeEncryptor, decryptor: AgeDecryptor, flip: int
) -> None:
    encrypted = encryptor.encrypt(b"five!")
    for place in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[place] ^= flip
        with pytest.raises(DecryptError):
            decryptor.decrypt(bytes(changed))


def test_every_cut_is_refused(encryptor: AgeEncryptor, decryptor: AgeDecryptor) -> None:
    encrypted = encryptor.encrypt(b"five!")
    for length in range(len(encrypted)):
        with pytest.raises(DecryptError, match="not an age file, or was changed or cut"):
            decryptor.decrypt(encrypted[:length])


def test_a_wrong_key_is_told_apart_from_damage(
    encryptor: AgeEncryptor, decryptor: AgeDecryptor
) -> None:
    encrypted = encryptor.encrypt(b"five!")
    with pytest.raises(NoMatchingKeyError, match="none of the identities opens it"):
        AgeDecryptor(AgeIdentity.generate()).decrypt(encrypted)
    with pytest.raises(DecryptError) as damage:
        decryptor.decrypt(encrypted[:-1])
    assert type(damage.value) is DecryptError


def test_a_key_survives_as_text_and_in_the_file_of_age_keygen() -> None:
    key = AgeIdentity.generate()
    file = f"# created: 2026-11-23\n# public key: {key.recipient}\n{key.reveal()}\n\n"
    for text in (key.reveal(), file):
        read = AgeIdentity(text)
        assert (read.reveal(), read.recipient) == (key.reveal(), key.recipient)
    assert key.reveal() != AgeIdentity.generate().reveal()


def test_a_secret_key_shows_only_where_it_is_revealed(identity: AgeIdentity) -> None:
    secret = identity.reveal()
    assert secret.startswith("AGE-SECRET-KEY-1")
    shown = f"{identity} {identity!r} {AgeDecryptor(identity)!r} {identity._key!r}"
    assert secret not in shown
    assert repr(identity) == f"AgeIdentity(recipient={identity.recipient!r})"
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(identity)


@pytest.mark.parametrize("spoil", ["{0}x", "{0}\n{0}", "x{0}", "{0} {0}"])
def test_a_key_that_cannot_be_read_is_in_no_error(identity: AgeIdentity, spoil: str) -> None:
    secret = identity.reveal()
    text = spoil.format(secret)
    with pytest.raises(ConfigError, match="identity: expected one line AGE-SECRET-KEY-1") as caught:
        AgeIdentity(text)
    with pytest.raises(ConfigError, match="recipients: expected X25519 public keys") as misplaced:
        AgeEncryptor(secret)
    for error in (caught.value, misplaced.value):
        told = f"{error!r} {error.args} {error.__context__!r}"
        told += "".join(traceback.format_exception(error))
        assert secret not in told


@pytest.mark.parametrize("text", ["", "# only a comment", "age1…", "\0"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="identity"):
        AgeIdentity(text)
    with pytest.raises(ConfigError, match="recipients"):
        AgeEncryptor(text)


def test_nobody_is_no_recipient() -> None:
    with pytest.raises(ConfigError, match="recipients: at least one"):
        AgeEncryptor()
    with pytest.raises(ConfigError, match="identities: at least one"):
        AgeDecryptor()
