"""What a worker tells others of its listeners."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from penstock.errors import ConfigError, StartupError
from penstock.modes.addresses import advertised, shown_url
from penstock.modes.serving import bind_all
from penstock.rest.server import BoundListener, bind, parse_listener


@contextlib.contextmanager
def listening(*texts: str) -> Iterator[list[BoundListener]]:
    bound = [BoundListener(one, bind(one)) for one in map(parse_listener, texts)]
    try:
        yield bound
    finally:
        for one in bound:
            one.close()


def test_listeners_are_parsed() -> None:
    found = parse_listener("HTTPS://Worker-1:8443/")
    assert (found.scheme, found.host, found.port) == ("https", "worker-1", 8443)
    assert parse_listener("http://").port == 8083
    for wrong in ("ftp://a:1", "a:1", "https://a:1/path", "http://a:x"):
        with pytest.raises(StartupError, match="listeners: '"):
            parse_listener(wrong)


def test_http_is_advertised_before_https_unless_told_otherwise() -> None:
    with listening("https://127.0.0.1:0", "http://127.0.0.1:0") as (secure, plain):
        both = (secure, plain)
        assert advertised(both, None, None, None).url == f"http://127.0.0.1:{plain.port}/"
        assert advertised(both, None, None, "https").url == f"https://127.0.0.1:{secure.port}/"
        assert advertised((secure,), None, None, None).scheme == "https"
        assert advertised(both, "worker-1", 99, "https").id == "worker-1:99"
        assert advertised(both, "::1", 99, "https").id == "[::1]:99"
        assert shown_url(secure) == f"https://127.0.0.1:{secure.port}"
        with pytest.raises(StartupError, match=r"rest\.advertised\.listener is https, but no"):
            advertised((plain,), None, None, "https")


def test_https_without_a_key_is_refused_before_anything_is_bound() -> None:
    with pytest.raises(ConfigError, match=r"listeners\.https\.ssl\.keystore\.location is missing"):
        bind_all(["https://127.0.0.1:0"], {"listeners.https.ssl.client.auth": "none"})
