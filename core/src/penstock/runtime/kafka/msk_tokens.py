"""Amazon's signatures as tokens; needs the extra ``penstock[msk-iam]``."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, Final, NoReturn

from penstock.errors import BrokerError, ConfigError, Problem
from penstock.runtime.kafka.msk_iam import MSK, SignatureRequest
from penstock.runtime.kafka.oauth import Token

__all__ = ["signer"]

_MODULE: Final = "aws_msk_iam_sasl_signer.MSKAuthTokenProvider"
_SESSION: Final = "penstock"


def signer(request: SignatureRequest) -> Callable[[], Token]:
    """Return what signs a token; it reads credentials at each call, so that new ones count.

    Raises:
        ConfigError: the package is missing, or nothing says which region.
    """
    region = request.region or _region_around()
    if not region:
        _refuse(
            "bootstrap.servers",
            "holds no region of Amazon's",
            "set AWS_REGION in the worker's environment",
        )
    try:
        provider: Any = importlib.import_module(_MODULE)
    except ImportError:
        _refuse(
            "sasl.mechanism",
            f"is {MSK}, for which a package is missing",
            "pip install 'penstock[msk-iam]'",
        )
    return lambda: _signed(provider, request, region)


def _region_around() -> str:
    return os.environ.get("AWS_REGION", "") or os.environ.get("AWS_DEFAULT_REGION", "")


def _refuse(key: str, fault: str, remedy: str) -> NoReturn:
    raise ConfigError(Problem(key, f"'{key}' {fault}; {remedy}"))


def _signed(provider: Any, request: SignatureRequest, region: str) -> Token:
    try:
        if request.role:
            text, until_ms = provider.generate_auth_token_from_role_arn(
                region, request.role, request.session or _SESSION
            )
        elif request.profile:
            text, until_ms = provider.generate_auth_token_from_profile(region, request.profile)
        else:
            text, until_ms = provider.generate_auth_token(region)
    except Exception as problem:  # noqa: BLE001 - of Amazon's package, whatever it is
        # Its text may hold what an endpoint answered: only the kind is told.
        raise BrokerError(
            f"no credentials of Amazon's to sign with ({type(problem).__name__}); correct "
            "awsProfileName or awsRoleArn in sasl.jaas.config, or the worker's environment"
        ) from None
    return Token(str(text), until_ms / 1000, MSK)
