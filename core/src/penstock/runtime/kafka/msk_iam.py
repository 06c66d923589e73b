"""Amazon MSK's access control: ``sasl.mechanism=AWS_MSK_IAM``, told as tokens of OAUTHBEARER.

The mechanism is Amazon's own and only Java has it, but their brokers take the same signature as an
OAUTHBEARER token at the same port. Pure: ``oauth_tokens`` signs, with Amazon's package. Also
understood: ``sasl.mechanism=OAUTHBEARER`` with Amazon's ``IAMOAuthBearerLoginCallbackHandler``.
(source: IAMLoginModule of aws-msk-iam-auth)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.runtime.kafka.jaas import JAAS_KEY
from penstock.runtime.kafka.properties_rules import Work

__all__ = ["LOGIN_MODULE", "MSK", "SignatureRequest", "apply_msk"]

MSK: Final = "AWS_MSK_IAM"
LOGIN_MODULE: Final = "software.amazon.msk.auth.iam.IAMLoginModule"
_REGION: Final = re.compile(
    r"\.kafka(?:-serverless)?\.([a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.amazonaws\."
)
_ROLE: Final = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_KNOWN: Final = {"awsProfileName", "awsRoleArn", "awsRoleSessionName", "awsStsRegion"}
# Of no meaning here: Amazon's package retries and logs in its own way.
_HARMLESS: Final = {"awsMaxRetries", "awsMaxBackOffTimeMs", "awsDebugCreds"}


@attrs.frozen
class SignatureRequest:
    """Who signs: a profile, a role, or, with neither, what the surroundings say.

    Attributes:
        region: of the cluster; empty for the one of the surroundings (``AWS_REGION``).
        profile, role, session: names of Amazon's; empty without.
    """

    region: str = ""
    profile: str = ""
    role: str = ""
    session: str = ""


def apply_msk(work: Work, options: Mapping[str, str]) -> None:
    """Carry the options of Amazon's login module."""
    if not str(work.config.get("security.protocol")).endswith("ssl"):
        work.refuse("security.protocol", f"must be SASL_SSL with {MSK}", "set it to SASL_SSL")
    strange = sorted(set(options) - _KNOWN - _HARMLESS)
    role = options.get("awsRoleArn", "")
    if strange:
        work.refuse(
            JAAS_KEY,
            "has an option that cannot be honoured here",
            f"use those of {', '.join(sorted(_KNOWN))}",
        )
    elif role and not _ROLE.fullmatch(role):
        work.refuse(JAAS_KEY, "has an awsRoleArn that names no role", "write arn:aws:iam::...")
    elif role and options.get("awsProfileName"):
        work.refuse(JAAS_KEY, "has awsRoleArn and awsProfileName", "keep one of the two")
    elif options.get("awsStsRegion") and not role:
        work.refuse(JAAS_KEY, "has awsStsRegion without awsRoleArn", "remove it, or add the role")
    found = _REGION.search(work.value("bootstrap.servers"))
    work.tokens = SignatureRequest(
        region=options.get("awsStsRegion", "") or (found[1] if found else ""),
        profile=options.get("awsProfileName", ""),
        role=role,
        session=options.get("awsRoleSessionName", ""),
    )
