"""Configuration: declared once as an attrs class, then parsed, checked, described and masked."""

from penstock.config._interpolate import Lookup, interpolate, references
from penstock.config._javaregex import compile_java, regex_problem
from penstock.config._keys import REQUIRED, ClassName, KeySpec, KeyType, Long, Short, key
from penstock.config._parse import to_text
from penstock.config._report import ConfigInfos, ConfigValue, KeyReport
from penstock.config._secret import HIDDEN, Password
from penstock.config._spec import ConfigSpec, NoConfig, config

__all__ = [
    "HIDDEN",
    "REQUIRED",
    "ClassName",
    "ConfigInfos",
    "ConfigSpec",
    "ConfigValue",
    "KeyReport",
    "KeySpec",
    "KeyType",
    "Long",
    "Lookup",
    "NoConfig",
    "Password",
    "Short",
    "compile_java",
    "config",
    "interpolate",
    "key",
    "references",
    "regex_problem",
    "to_text",
]
