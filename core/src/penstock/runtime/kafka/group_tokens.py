"""Tokens of OAUTHBEARER, as kafka-python asks for them."""

from __future__ import annotations

from kafka.net.sasl.oauth import AbstractTokenProvider

from penstock.errors import BrokerError, RetriableError
from penstock.runtime.kafka.oauth_tokens import TokenSource

__all__ = ["GroupTokens"]


class GroupTokens(AbstractTokenProvider):  # type: ignore[misc]  # it has no types
    """Asked by kafka-python's network thread at each connection; mostly a token is at hand."""

    def __init__(self, source: TokenSource) -> None:
        super().__init__()
        self._source = source

    def token(self) -> str:
        """Return a token that has not expired; raises OSError, as a network's failure."""
        try:
            return self._source.token().text
        except (BrokerError, RetriableError) as problem:
            raise ConnectionError(str(problem)) from problem

    def extensions(self) -> dict[str, str]:
        """Return what goes to the broker along with the token."""
        return self._source.extensions
