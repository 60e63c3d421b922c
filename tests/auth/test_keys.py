import json
import threading

import pytest

from cds_service.auth import Keys, read_keys
from cds_service.auth.keys import _MOST_WAITING, KeysFault

from .forge import jwks, private_jwk, public_jwk


class Server:
    """A key set that can change, fail, and counts who asks."""

    def __init__(self, *keys):
        self.body = jwks(*keys)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if isinstance(self.body, Exception):
            raise self.body
        return self.body


def test_a_key_counts_for_what_its_kind_can_do_and_its_alg_says():
    found = read_keys(jwks("ec", "p256", public_jwk("rsa", alg="RS384")))
    assert sorted(found) == [("ec", "ES384"), ("p256", "ES256"), ("rsa", "RS384")]


@pytest.mark.parametrize(
    "key",
    [
        public_jwk("ec", use="enc"),
        public_jwk("ec", key_ops=["sign"]),
        public_jwk("ec", key_ops="verify"),
        public_jwk("ec", alg="RS384"),
        public_jwk("ec", alg=None),
        public_jwk("ec", kid=7),
        public_jwk("ec", crv="P-256"),
        public_jwk("ec", crv=["P-384"]),
        public_jwk("ec", crv="secp256k1"),
        public_jwk("ec", x="AAAA"),
        public_jwk("ec", y=None),
        public_jwk("rsa", n=""),
        public_jwk("rsa", e=7),
        public_jwk("ed"),
        public_jwk("weak"),
        private_jwk("ec"),
        private_jwk("rsa"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"},
        {"kty": "oct", "kid": "s"},
        {},
    ],
    ids=range(20),
)
def test_keys_that_must_not_be_used_are_left_out(key):
    assert sorted(read_keys(jwks(key, public_jwk("ec", kid="other")))) == [("other", "ES384")]
    with pytest.raises(KeysFault, match="no key that can be used"):
        read_keys(jwks(key))


def test_two_keys_of_one_name_are_none():
    with pytest.raises(KeysFault):
        read_keys(jwks("ec", public_jwk("foreign", kid="ec")))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":["a"]}',
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b" " * 300_000,
    ],
)
def test_what_is_no_key_set_is_refused(body):
    with pytest.raises(KeysFault):
        read_keys(body)


def test_a_key_set_of_more_than_a_hundred_keys_is_refused():
    with pytest.raises(KeysFault):
        read_keys(json.dumps({"keys": [public_jwk("ec", kid=str(count)) for count in range(101)]}).encode())


def test_keys_are_fetched_once_and_again_when_old():
    server = Server("ec")
    keys = Keys(server)
    assert keys.find("ec", "ES384", 1000) is not None
    assert keys.find("ec", "ES384", 1899) is not None
    assert server.asked == 1
    assert keys.find("ec", "ES384", 1900) is not None
    assert server.asked == 2


def test_JWT_12_a_new_kid_is_looked_for_once_a_minute():
    server = Server("ec")
    keys = Keys(server)
    keys.find("ec", "ES384", 1000)
    server.body = jwks("foreign")
    assert keys.find("foreign", "ES384", 1059) is None
    assert keys.find("foreign", "ES384", 1060) is not None
    assert keys.find("ec", "ES384", 1061) is None
    for second in range(1062, 1110):
        assert keys.find("attack", "ES384", second) is None
    assert server.asked == 2


def test_a_withdrawn_key_ends_when_the_set_is_old():
    server = Server("ec", "foreign")
    keys = Keys(server)
    keys.find("ec", "ES384", 1000)
    server.body = jwks("foreign")
    assert keys.find("ec", "ES384", 1900) is None


@pytest.mark.parametrize("fault", [OSError("down"), b"<html>"])
def test_kept_keys_outlast_a_failing_server_for_a_while(fault):
    server = Server("ec")
    keys = Keys(server)
    keys.find("ec", "ES384", 1000)
    server.body = fault
    assert keys.find("ec", "ES384", 5000) is not None
    assert keys.find("ec", "ES384", 1000 + 4 * 3600) is None
    server.body = jwks("ec")
    assert keys.find("ec", "ES384", 1060 + 4 * 3600) is not None


def test_without_keys_the_server_is_asked_again_soon_but_not_at_once():
    server = Server("ec")
    server.body = OSError("down")
    keys = Keys(server)
    assert [keys.find("ec", "ES384", second) for second in (1000, 1001, 1004)] == [None] * 3
    assert server.asked == 1
    server.body = jwks("ec")
    assert keys.find("ec", "ES384", 1005) is not None


def test_a_clock_set_back_does_not_keep_keys_for_ever():
    server = Server("ec")
    keys = Keys(server)
    keys.find("ec", "ES384", 10_000)
    assert keys.find("ec", "ES384", 5000) is not None
    assert server.asked == 2


def test_who_has_a_key_does_not_wait_for_a_fetch():
    entered, release = threading.Event(), threading.Event()
    asked = []

    def load():
        asked.append(1)
        if len(asked) == 1:
            return jwks("ec")
        entered.set()
        release.wait(30)
        return jwks("foreign")

    keys = Keys(load)
    keys.find("ec", "ES384", 1000)
    slow = threading.Thread(target=keys.find, args=("foreign", "ES384", 1060))
    slow.start()
    assert entered.wait(30)
    assert keys.find("ec", "ES384", 1061) is not None
    assert keys.find("ec", "ES384", 2000) is not None
    release.set()
    slow.join(30)
    assert not slow.is_alive()


def test_many_threads_cause_one_fetch():
    server = Server("ec")
    keys = Keys(server)
    barrier = threading.Barrier(16)

    def ask():
        barrier.wait()
        found.append(keys.find("ec", "ES384", 1000))

    found = []
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == 1
    assert None not in found


def test_made_up_kids_hold_only_so_many_threads_while_the_key_server_is_slow():
    release, refused = threading.Event(), threading.Semaphore(0)

    def load():
        assert release.wait(60)
        return jwks("ec")

    keys = Keys(load)

    def ask():
        assert keys.find("made-up", "ES384", 1000) is None
        refused.release()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(_MOST_WAITING + 50)]
    for thread in threads:
        thread.start()
    refused_meanwhile = [refused.acquire(timeout=30) for _ in range(50)]
    release.set()
    for thread in threads:
        thread.join()
    assert all(refused_meanwhile)
    assert keys.find("ec", "ES384", 1001) is not None
