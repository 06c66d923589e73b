"""The ``ssl.*`` properties for librdkafka: PEM and PKCS12, and how to come from JKS to them.

Pure: no file is opened. Files that librdkafka cannot read are refused with the command that
converts them. Source of the rules: ``DefaultSslEngineFactory`` of kafka-clients 4.3.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from penstock.runtime.kafka.properties_rules import Work
from penstock.runtime.secure_stores.pem import normal_pem

__all__ = ["apply_tls"]

_SUITE: Final = re.compile(r"(TLS|SSL)_[A-Za-z0-9_]+")
_PKCS12_ENDINGS: Final = (".p12", ".pfx", ".pkcs12")
_BOTH_VERSIONS: Final = frozenset({"TLSv1.2", "TLSv1.3"})


def apply_tls(work: Work) -> None:
    """Carry every ``ssl.*`` property of ``work`` that needs a look at another one."""
    given = [key for key in work.properties if key.startswith("ssl.")]
    if not str(work.config.get("security.protocol", "plaintext")).endswith("ssl"):
        for key in given:
            if not _noted(work, key):
                work.ignore(key, "security.protocol is not SSL or SASL_SSL")
        return
    _apply_truststore(work)
    _apply_keystore(work)
    _apply_endpoint(work)
    _apply_suites(work)
    _apply_versions(work)


def _noted(work: Work, key: str) -> bool:
    noted = {note.key for note in (*work.ignored, *work.unsupported)}
    return key in noted or any(problem.key == key for problem in work.problems)


def _apply_truststore(work: Work) -> None:
    location = work.value("ssl.truststore.location")
    certificates = work.value("ssl.truststore.certificates")
    kind = (work.value("ssl.truststore.type") or "JKS").upper()
    if location and certificates:
        work.refuse(
            "ssl.truststore.certificates",
            "must not be given together with ssl.truststore.location",
            "keep one of the two",
        )
    elif certificates and kind != "PEM":
        work.refuse("ssl.truststore.type", "must be PEM for certificates", "set it to PEM")
    elif certificates:
        pem = _pem(work, "ssl.truststore.certificates", certificates)
        if pem:
            work.config["ssl.ca.pem"] = pem
    elif location and kind == "PEM":
        work.config["ssl.ca.location"] = location
    elif location:
        _refuse_truststore(work, location, kind)
    if work.secret("ssl.truststore.password") and kind == "PEM":
        work.ignore("ssl.truststore.password", "a PEM file of certificates has no password")


def _refuse_truststore(work: Work, location: str, kind: str) -> None:
    source = shlex.quote(location)
    target = shlex.quote(f"{_stem(location)}.pem")
    if kind == "PKCS12":
        command = f"openssl pkcs12 -in {source} -nokeys -out {target}"
    else:
        command = f"keytool -list -rfc -keystore {source} -storetype {_word(kind)} > {target}"
    work.refuse(
        "ssl.truststore.location",
        f"is a {_word(kind)} truststore, which librdkafka cannot read",
        f"convert it with: {command}; then set ssl.truststore.type=PEM and "
        f"ssl.truststore.location={target} and remove ssl.truststore.password "
        "(if it is PEM already, only set the type)",
    )


def _apply_keystore(work: Work) -> None:
    location = work.value("ssl.keystore.location")
    key = work.value("ssl.keystore.key")
    chain = work.value("ssl.keystore.certificate.chain")
    kind = work.value("ssl.keystore.type").upper()
    if not kind:
        kind = "PKCS12" if location.lower().endswith(_PKCS12_ENDINGS) else "JKS"
    if location and (key or chain):
        work.refuse(
            "ssl.keystore.location",
            "must not be given together with ssl.keystore.key or ssl.keystore.certificate.chain",
            "keep the file or the texts",
        )
    elif key or chain:
        _apply_key_texts(work, key, chain, kind)
    elif location and kind == "PEM":
        # The original keeps both in one file, the key before or behind the chain.
        work.config["ssl.certificate.location"] = location
        work.config["ssl.key.location"] = location
        _apply_key_password(work)
    elif location and kind == "PKCS12":
        _apply_pkcs12(work, location)
    elif location:
        _refuse_keystore(work, location, kind)


def _apply_key_texts(work: Work, key: str, chain: str, kind: str) -> None:
    if kind != "PEM":
        work.refuse("ssl.keystore.type", "must be PEM for a key given as text", "set it to PEM")
    for name, text, target in (
        ("ssl.keystore.key", key, "ssl.key.pem"),
        ("ssl.keystore.certificate.chain", chain, "ssl.certificate.pem"),
    ):
        if not text:
            work.refuse(name, "is missing: the key and its chain go together", "add it")
            continue
        pem = _pem(work, name, text)
        if pem:
            work.config[target] = pem
    _apply_key_password(work)


def _apply_key_password(work: Work) -> None:
    password = work.secret("ssl.key.password")
    if password:
        work.config["ssl.key.password"] = password
    if work.secret("ssl.keystore.password"):
        work.ignore("ssl.keystore.password", "a PEM key has only ssl.key.password")


def _apply_pkcs12(work: Work, location: str) -> None:
    password = work.secret("ssl.keystore.password")
    if not password:
        work.refuse(
            "ssl.keystore.password", "is missing: librdkafka needs one for PKCS12", "add it"
        )
        return
    key_password = work.secret("ssl.key.password")
    if key_password not in {"", password}:
        work.refuse(
            "ssl.key.password",
            "must equal ssl.keystore.password: librdkafka knows one password for PKCS12",
            f"give the key the same password, or convert with: openssl pkcs12 -in "
            f"{shlex.quote(location)} -out {shlex.quote(_stem(location) + '.pem')}; "
            "then set ssl.keystore.type=PEM",
        )
        return
    work.config["ssl.keystore.location"] = location
    work.config["ssl.keystore.password"] = password


def _refuse_keystore(work: Work, location: str, kind: str) -> None:
    target = shlex.quote(f"{_stem(location)}.p12")
    work.refuse(
        "ssl.keystore.location",
        f"is a {_word(kind)} keystore, which librdkafka cannot read",
        f"convert it with: keytool -importkeystore -srckeystore {shlex.quote(location)} "
        f"-srcstoretype {_word(kind)} -destkeystore {target} -deststoretype PKCS12; "
        f"then set ssl.keystore.type=PKCS12 and ssl.keystore.location={target} "
        "(if it is PEM or PKCS12 already, only set the type)",
    )


def _apply_endpoint(work: Work) -> None:
    key = "ssl.endpoint.identification.algorithm"
    if key not in work.properties:
        return
    algorithm = work.value(key).lower()
    if algorithm in {"", "https"}:
        work.config[key] = algorithm or "none"
    else:
        work.refuse(key, "must be https or empty", "choose one of them")


def _apply_suites(work: Work) -> None:
    key = "ssl.cipher.suites"
    names = [name.strip() for name in work.value(key).split(",") if name.strip()]
    if not all(_SUITE.fullmatch(name) for name in names):
        work.refuse(
            key,
            "must list cipher suites by their standard names",
            "write names such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        )
        return
    # A name of TLS 1.3 has no _WITH_; librdkafka sets only the suites of TLS 1.2.
    older = [name for name in names if "_WITH_" in name]
    if older:
        work.config[key] = ":".join(older)
    if names and not older:
        work.drop(
            key,
            "librdkafka always offers the TLS 1.3 suites, and these say nothing of TLS 1.2",
            "list the TLS 1.2 suites too, or restrict them on the broker",
        )
    elif len(older) < len(names):
        work.ignore(key, "librdkafka always offers the TLS 1.3 suites; the others are obeyed")


def _apply_versions(work: Work) -> None:
    key = "ssl.enabled.protocols"
    asked = {name.strip() for name in work.value(key).split(",") if name.strip()}
    if key not in work.properties:
        return
    if asked == _BOTH_VERSIONS or not asked:
        work.ignore(key, "librdkafka offers TLS 1.2 and 1.3")
    else:
        work.drop(
            key,
            "librdkafka offers TLS 1.2 and 1.3 and cannot be told otherwise",
            "restrict the versions on the broker",
        )


def _pem(work: Work, key: str, text: str) -> str:
    """Return ``text`` with each PEM block on lines as OpenSSL wants them, or empty and a problem.

    The original reads PEM written on one line, as property files tend to hold it.
    """
    blocks = [whole for _, whole in normal_pem(text)]
    if not blocks:
        work.refuse(
            key,
            "holds no PEM block that can be read",
            "give text from '-----BEGIN ...-----' to '-----END ...-----' (keys as PKCS#8)",
        )
    return "".join(blocks)


def _stem(location: str) -> str:
    folder, slash, name = location.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}{slash}{stem}"


def _word(kind: str) -> str:
    """Return a store type fit for a command line and a message."""
    return re.sub(r"[^A-Z0-9]", "", kind)[:16] or "JKS"
