"""Cast, Flatten, MaskField and ValueToKey beside the Java originals."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.api import Side
from penstock.data import (
    Batch,
    Date,
    Decimal,
    EpochMillis,
    Record,
    Schema,
    SinkOrigin,
    SinkRecord,
    SourceRecord,
    Time,
    Timestamp,
    Type,
)
from penstock.data.values import moment_ms
from penstock.errors import ConfigError, DataError, PenstockError
from penstock.runtime.plugins import registry
from tests.conformance.jvm.javadata import text
from tests.conformance.jvm.transform_kit import (
    JAVA,
    TEXTS,
    java_outcome,
    our_outcomes,
    shown,
)
from tests.parts.jvm_classes import java_class, java_map

pytestmark = pytest.mark.integration

RELAXED = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)
NAMES = ["a", "b", "a.b", "c", "ab"]
BITS = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
FLOAT_MAX = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]
FLOAT_END = FLOAT_MAX + 2.0**103
LOGICAL_NAMES = (Timestamp.NAME, Date.NAME, Time.NAME, Decimal.NAME)
TARGETS = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"]

NUMBER_WORDS = (
    "true False TRUE + +7 -0 5. .5 . 1.5d 1f 1_0 yes 1 1e5 1E+5 1e 1e400 1e40 -1e40 1e-400"
    " NaN -NaN Infinity +Infinity inf nan 0x1p3 0X.8P-1 0x1 0x1p1024 0x1p128 0x1.000001p0"
    " 0x1.000003000000000001p0 3.4028235677973366e38 1.00000017881393432617187499"
    " 1.000000178813934326171875"
)
NUMBER_TEXTS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-200, 200).map(str),
    st.floats(allow_nan=False).map(repr),
    st.floats(width=32, allow_nan=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(float.hex),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000).map(str),
    st.sampled_from(NUMBER_WORDS.split()),
    st.sampled_from(["", " 5 ", "5 ", "1\n", "\x001", "\u0663", "\uff11\uff12", "\U0001d7cf"]),
    TEXTS,
)
FLOATS32 = st.floats(width=32, allow_nan=False)
FLOATS = st.one_of(
    st.floats(allow_nan=False), FLOATS32, st.floats(-300, 300), st.sampled_from([FLOAT_END, -0.0])
)
MS = st.integers(0, 253_402_300_799_999)
PLAIN: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (Schema.INT8, st.integers(-(2**7), 2**7 - 1)),
    (Schema.INT16, st.integers(-(2**15), 2**15 - 1)),
    (Schema.INT32, st.integers(-(2**31), 2**31 - 1)),
    (Schema.INT64, st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300))),
    (Schema.FLOAT32, FLOATS32),
    (Schema.FLOAT64, FLOATS),
    (Schema.BOOLEAN, st.booleans()),
    (Schema.STRING, NUMBER_TEXTS),
    (Schema.BYTES, st.binary(max_size=4)),
    (Schema.INT32.evolve(name="own", version=3, doc="d"), st.integers(-200, 200)),
]
LOGICAL: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (Timestamp.SCHEMA, MS.map(Timestamp.from_ms)),
    (Date.SCHEMA, st.integers(0, 2_900_000).map(Date.from_days)),
    (Time.SCHEMA, st.integers(0, 86_399_999).map(Time.from_ms)),
    (
        Decimal.schema(2),
        st.integers(-(10**25), 10**25).map(lambda n: decimal.Decimal(n).scaleb(-2)),
    ),
    (Decimal.schema(0), st.integers(-300, 300).map(decimal.Decimal)),
]


@st.composite
def schemas(
    draw: st.DrawFn, depth: int = 2, *, within: bool = False
) -> tuple[Schema, st.SearchStrategy[Any]]:
    """Draw a schema of any kind, and a strategy for values that fit it, null where it may be.

    ``within`` an array or map there are no logical types, since the bridge to Java knows none.
    """
    kind = 0 if within else draw(st.integers(0, 5 if depth else 2))
    if kind <= 1:
        schema, values = draw(st.sampled_from(PLAIN))
    elif kind == 2:
        schema, values = draw(st.sampled_from(LOGICAL))
    elif kind == 3 and draw(st.booleans()):
        inner, values = draw(schemas(depth - 1, within=True))
        if draw(st.integers(0, 3)):
            schema, values = Schema.array(inner), st.lists(values, max_size=2)
        else:
            schema = Schema.map(Schema.STRING, inner)
            values = st.dictionaries(TEXTS, values, max_size=2)
    else:
        return draw(structs(depth))
    if draw(st.booleans()):
        schema, values = schema.as_optional(), st.one_of(st.none(), values)
    has_default = not within and schema.name is None and schema.type.is_primitive
    if has_default and draw(st.integers(0, 3)) == 0:
        default = draw(values)
        schema, values = schema.evolve(default=default), st.one_of(st.none(), values)
        if default is None and not schema.optional:
            schema = schema.as_optional()
    return schema, values


@st.composite
def structs(draw: st.DrawFn, depth: int = 2) -> tuple[Schema, st.SearchStrategy[Any]]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    parts = {name: draw(schemas(depth - 1)) for name in names}
    schema = Schema.struct(
        {name: part[0] for name, part in parts.items()},
        name=draw(st.sampled_from([None, "S"])),
        doc=draw(st.sampled_from([None, "D"])),
        optional=draw(st.booleans()),
    )
    values: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {name: part[1] for name, part in parts.items()}
    )
    return schema, st.one_of(st.none(), values, values) if schema.optional else values


BARE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(-200, 200),
        FLOATS,
        NUMBER_TEXTS,
        st.binary(max_size=3),
    ),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from([*NAMES, ""]), inner, max_size=4),
        st.dictionaries(st.sampled_from([*NAMES, ""]), inner, max_size=4),
        st.lists(inner, max_size=2),
    ),
    max_leaves=6,
)
BARE_MAPS = st.dictionaries(st.sampled_from(NAMES), BARE, max_size=4)


@st.composite
def columns(draw: st.DrawFn) -> tuple[Schema | None, list[Any]]:
    """Draw a column: several values of one schema, or of none; nearly always of dicts."""
    if draw(st.integers(0, 2)) == 0:
        values = draw(st.sampled_from([BARE_MAPS, BARE_MAPS, BARE]))
        return None, draw(st.lists(values, min_size=1, max_size=4))
    schema, values = draw(st.one_of(structs(), structs(), schemas()))
    return schema, draw(st.lists(values, min_size=1, max_size=4))


def records_of(name: str, schema: Schema | None, values: list[Any], *, sink: bool) -> list[Record]:
    side = "key" if name.endswith("$Key") else "value"
    made: list[Record] = []
    for i, value in enumerate(values):
        parts: dict[str, Any] = {"topic": "t", side: value, f"{side}_schema": schema}
        if sink:
            made.append(SinkRecord(**parts, partition=3, offset=i, timestamp=i))
        else:
            made.append(SourceRecord(**parts, timestamp=i))
    return made


def by_batch(name: str, config: dict[str, str], records: list[Record]) -> Any:
    """Return what a batch of all records becomes, in order, or the word for an exception."""
    cls = registry().load("transforms", JAVA + name)
    origin = SinkOrigin(topic="t", partition=3, offsets=range(len(records)))
    if isinstance(records[0], SourceRecord):
        batches = Batch.of_records([one for one in records if isinstance(one, SourceRecord)])
    else:
        batches = Batch.regroup(origin, range(len(records)), records)
    (batch,) = batches
    before = repr(batch.values), repr(batch.keys)
    try:
        transform = cls(cls.config_spec().parse(config))
        transform.side = Side.KEY if name.endswith("$Key") else Side.VALUE
        transform.open()
        changed = transform.apply_batch(batch)
    except PenstockError as error:
        return "config" if isinstance(error, ConfigError) else "data"
    finally:
        assert (repr(batch.values), repr(batch.keys)) == before
    parts = [changed] if isinstance(changed, Batch) else list(changed)
    found = [
        (row, shown(one))
        for part in parts
        for row, one in zip(part.rows, part.records(), strict=True)
    ]
    return [exact(one) for _, one in sorted(found, key=lambda pair: pair[0])]


def exact(outcome: Any) -> Any:
    """Return an outcome in which 1, 1.0 and True differ, and -0.0 from 0.0."""
    if isinstance(outcome, bool | int | float):
        return type(outcome).__name__, repr(outcome)
    if isinstance(outcome, dict):
        return {key: exact(one) for key, one in outcome.items()}
    if isinstance(outcome, list | tuple):
        return [exact(one) for one in outcome]
    if isinstance(outcome, Schema):
        return outcome, [exact(field.schema) for field in outcome.fields], exact(outcome.default)
    return outcome


def compare(
    name: str,
    config: dict[str, str],
    schema: Schema | None,
    values: list[Any],
    refused: Callable[[Any], bool] | None = None,
) -> None:
    """Assert that Java and we make the same of each record, and we of all in one batch.

    ``refused`` tells the values that Java changes in silence, and we refuse.
    """
    records = records_of(name, schema, values, sink=len(values) % 2 == 1)
    expected = [exact(java_outcome(name, config, record)) for record in records]
    for i, value in enumerate(values):
        if refused is not None and expected[i] != "config" and refused(value):
            expected[i] = "data"
    for record, one in zip(records, expected, strict=True):
        assert [exact(ours) for ours in our_outcomes(name, config, record)] == [one, one]
    wrong = next((one for one in expected if isinstance(one, str)), None)
    assert by_batch(name, config, records) == (expected if wrong is None else wrong)


def whole_part(value: Any) -> int | None:
    """Return the integer that Java's narrowing starts from, None if there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dt.date | dt.time | EpochMillis):
        ms = moment_ms(value)
        return ms // 86_400_000 if type(value) is dt.date else ms
    return int(value)


def changed_in_silence(schema: Schema | None, value: Any, target: str) -> bool:
    """Return whether Java's Cast gives another value for this one, without a word."""
    if isinstance(value, str):
        return text_changed_in_silence(value, target)
    if value is None or isinstance(value, bool | bytes | list | dict):
        return False
    kind = Type(target)
    if kind in BITS:
        whole = whole_part(value)
        return whole is None or not -(1 << (BITS[kind] - 1)) <= whole < 1 << (BITS[kind] - 1)
    if kind is Type.BOOLEAN:
        return isinstance(value, float) and math.isnan(value)
    is_moment = isinstance(value, dt.date | dt.time | EpochMillis)
    if kind is Type.FLOAT32 and not is_moment and (schema is None or schema.type is not kind):
        return FLOAT_END <= abs(value) < math.inf
    return False


def text_changed_in_silence(given: str, target: str) -> bool:
    if target == "boolean":
        return given.lower() not in ("true", "false")
    if not target.startswith("float") or "nfinity" in given:
        return False
    java = java_class("java.lang.Float" if target == "float32" else "java.lang.Double")
    parse = java.parseFloat if target == "float32" else java.parseDouble
    try:
        return math.isinf(parse(text(given)))
    except jpype.JException:
        return False


def spec_changed_in_silence(config: dict[str, str], schema: Schema | None, value: Any) -> bool:
    """Return whether Java's Cast changes a value or one of its fields in silence."""
    for one in config["spec"].split(","):
        name, _, target = one.rpartition(":")
        if target.strip().lower() not in TARGETS:
            continue
        kind = target.strip().lower()
        if ":" not in one:
            return changed_in_silence(schema, value, kind)
        if not isinstance(value, dict) or (schema is not None and schema.type is not Type.STRUCT):
            return False
        field = None if schema is None else schema.field(name.strip())
        inner = None if field is None else field.schema
        default = None if inner is None else inner.default
        given = value.get(name.strip())
        if given is None and config.get("replace.null.with.default") != "false":
            given = default
        if any(changed_in_silence(inner, part, kind) for part in (given, default)):
            return True
    return False


CAST_SPECS = st.one_of(
    st.sampled_from(TARGETS),
    st.dictionaries(
        st.sampled_from([*NAMES, "none"]), st.sampled_from(TARGETS), min_size=1, max_size=3
    ).map(lambda casts: ",".join(f"{name}:{kind}" for name, kind in casts.items())),
)
ODD_SPEC_WORDS = (
    "bytes a:bytes int8,a:int8 INT8 a:b:int8 a a: a:int8: :int8 struct a:array int8,int16"
    " a:int8,a:int16 \u0131nt8"
)
ODD_SPECS = st.sampled_from([*ODD_SPEC_WORDS.split(), "", " a : Int16 "])
REPLACES = st.sampled_from([{}, {}, {"replace.null.with.default": "false"}])
SIDES = st.sampled_from(["$Value", "$Value", "$Key"])


@RELAXED
@given(column=columns(), spec=CAST_SPECS, replaces=REPLACES, side=SIDES)
def test_cast_is_java_s(
    jvm: ModuleType,
    column: tuple[Schema | None, list[Any]],
    spec: str,
    replaces: dict[str, str],
    side: str,
) -> None:
    schema, values = column
    config = {"spec": spec, **replaces}
    # The original leaves the name of a logical type on another one; see the test of it below.
    assume(":" in spec or schema is None or schema.name not in LOGICAL_NAMES)
    compare(
        f"Cast{side}", config, schema, values, lambda v: spec_changed_in_silence(config, schema, v)
    )


@settings(RELAXED, max_examples=60)
@given(spec=ODD_SPECS, row=BARE_MAPS)
def test_specs_are_read_as_java_reads_them(jvm: ModuleType, spec: str, row: dict[str, Any]) -> None:
    config = {"spec": spec}
    compare("Cast$Value", config, None, [row], lambda v: spec_changed_in_silence(config, None, v))


@RELAXED
@given(given_text=NUMBER_TEXTS, target=st.sampled_from(TARGETS))
def test_text_is_read_as_java_reads_it(jvm: ModuleType, given_text: str, target: str) -> None:
    compare(
        "Cast$Value",
        {"spec": target},
        Schema.STRING,
        [given_text],
        lambda value: text_changed_in_silence(value, target),
    )


@settings(RELAXED, max_examples=300)
@given(number=st.floats(allow_nan=False, allow_infinity=False), digits=st.integers(1, 25))
def test_text_near_two_floats_is_rounded_once(jvm: ModuleType, number: float, digits: int) -> None:
    (single,) = struct.unpack(">f", struct.pack(">f", number % 1e30))
    above = math.nextafter(single, math.inf)
    bits = struct.unpack(">I", struct.pack(">f", abs(single)))[0]
    midway = (abs(single) + struct.unpack(">f", struct.pack(">I", bits + 1))[0]) / 2
    tiny = decimal.Decimal(10) ** -digits * decimal.Decimal(midway)
    with decimal.localcontext(prec=200):
        near = [decimal.Decimal(midway), decimal.Decimal(midway) + tiny]
        near += [decimal.Decimal(midway) - tiny, decimal.Decimal(above)]
    for one in near:
        compare("Cast$Value", {"spec": "float32"}, Schema.STRING, [f"{one:e}"])
        compare("Cast$Value", {"spec": "float32"}, Schema.STRING, [midway.hex()])


FLATTEN_CONFIGS = st.sampled_from(
    [{}, {}, {"delimiter": "_"}, {"delimiter": ""}, {"delimiter": " "}, {"delimiter": "b"}]
)


@RELAXED
@given(column=columns(), config=FLATTEN_CONFIGS, side=SIDES)
def test_flatten_is_java_s(
    jvm: ModuleType,
    column: tuple[Schema | None, list[Any]],
    config: dict[str, str],
    side: str,
) -> None:
    compare(f"Flatten{side}", config, *column)


FIELDS = st.lists(st.sampled_from([*NAMES, "none"]), min_size=1, max_size=3).map(",".join)
MASKS = ["7", "-1.9", "300", "1e3", "x", "", " ", "99999999999999999999", "1e400", "1e40", "0.125"]
MASK_CONFIGS = st.fixed_dictionaries(
    {"fields": FIELDS},
    optional={
        "replacement": st.sampled_from(MASKS),
        "replace.null.with.default": st.sampled_from(["true", "false"]),
    },
)


def mask_changed_in_silence(config: dict[str, str], schema: Schema | None, value: Any) -> bool:
    """Return whether Java's MaskField puts another number in a field than the one asked for."""
    wanted = config.get("replacement", "").strip()
    if not wanted or wanted == "x" or not isinstance(value, dict):
        return False
    number = decimal.Decimal(wanted)
    for name in config["fields"].split(","):
        field = None if schema is None else schema.field(name)
        given = value.get(name)
        if (
            given is None
            and field is not None
            and config.get("replace.null.with.default") != "false"
        ):
            given = field.schema.default
        inner = Schema.INT64 if field is None else field.schema
        scale = Decimal.scale_of(inner) if inner.name == Decimal.NAME else 0
        if type(given) is int and inner.type in BITS:
            end = 1 << (BITS[inner.type] - 1)
            if not -end <= int(number) < end:
                return True
        if type(given) is float:
            single = inner.type is Type.FLOAT32
            if abs(number) >= (FLOAT_END if single else 1.7976931348623157e308):
                return True
        if isinstance(given, decimal.Decimal) and int(number * 10**scale) != number * 10**scale:
            return True
    return False


@RELAXED
@given(column=columns(), config=MASK_CONFIGS, side=SIDES)
def test_mask_field_is_java_s(
    jvm: ModuleType,
    column: tuple[Schema | None, list[Any]],
    config: dict[str, str],
    side: str,
) -> None:
    schema, values = column
    compare(
        f"MaskField{side}",
        config,
        schema,
        values,
        lambda value: mask_changed_in_silence(config, schema, value),
    )


@RELAXED
@given(column=columns(), fields=FIELDS, replaces=REPLACES)
def test_value_to_key_is_java_s(
    jvm: ModuleType,
    column: tuple[Schema | None, list[Any]],
    fields: str,
    replaces: dict[str, str],
) -> None:
    compare("ValueToKey", {"fields": fields, **replaces}, *column)


@pytest.mark.parametrize("name", ["MaskField$Value", "ValueToKey", "Cast$Key", "Flatten$Key"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"fields": "", "spec": ""},
        {"fields": ",", "spec": ","},
        {"fields": "a,,b", "spec": "a:int8,,b:int8"},
        {"fields": "a,a", "spec": "a:int8,a:int8"},
        {"fields": "a", "spec": "a:int8", "replace.null.with.default": "maybe"},
        {"fields": "a", "spec": "a:int8", "replacement": ""},
    ],
    ids=range(7),
)
def test_configurations_are_refused_as_java_does(
    jvm: ModuleType, name: str, config: dict[str, str]
) -> None:
    compare(name, config, None, [{"a": 1}])


def test_a_type_said_twice_is_said_once(jvm: ModuleType) -> None:
    record = SourceRecord(topic="t", value=7, value_schema=Schema.INT64)
    assert java_outcome("Cast$Value", {"spec": "int8,int8"}, record) == "config"
    assert our_outcomes("Cast$Value", {"spec": "int8,int8"}, record) == our_outcomes(
        "Cast$Value", {"spec": "int8"}, record
    )


SILENT_CASTS: list[tuple[Schema | None, Any, str, Any]] = [
    (Schema.INT32, 300, "int8", 44),
    (Schema.INT32, 40_000, "int16", -25_536),
    (Schema.INT64, 1 << 31, "int32", -(1 << 31)),
    (None, 300, "int8", 44),
    (Schema.FLOAT64, math.nan, "int32", 0),
    (Schema.FLOAT64, math.inf, "int64", (1 << 63) - 1),
    (Schema.FLOAT64, 1e10, "int32", (1 << 31) - 1),
    (Schema.FLOAT64, 1e300, "float32", math.inf),
    (Schema.FLOAT64, math.nan, "boolean", False),
    (Decimal.schema(0), decimal.Decimal(300), "int8", 44),
    (Decimal.schema(0), decimal.Decimal(10) ** 400, "float64", math.inf),
    (Timestamp.SCHEMA, Timestamp.from_ms(1 << 32), "int32", 0),
    (Schema.STRING, "1e400", "float64", math.inf),
    (Schema.STRING, "1e40", "float32", math.inf),
    (Schema.STRING, "0x1p1024", "float64", math.inf),
    (Schema.STRING, "yes", "boolean", False),
    (Schema.STRING, "1", "boolean", False),
]


@pytest.mark.parametrize(
    ("schema", "value", "target", "java"), SILENT_CASTS, ids=range(len(SILENT_CASTS))
)
def test_what_java_casts_in_silence_is_refused(
    jvm: ModuleType, schema: Schema | None, value: Any, target: str, java: Any
) -> None:
    for wrapped, spec in ((False, target), (True, f"a:{target}")):
        shown_schema = schema
        if wrapped and schema is not None:
            shown_schema = Schema.struct({"a": schema})
        given = {"a": value} if wrapped else value
        record = SourceRecord(topic="t", value=given, value_schema=shown_schema)
        theirs = java_outcome("Cast$Value", {"spec": spec}, record)
        assert exact(theirs[6]) == exact({"a": java} if wrapped else java)
        assert our_outcomes("Cast$Value", {"spec": spec}, record) == ("data", "data")


@pytest.mark.parametrize(
    ("schema", "value", "target"),
    [
        (Timestamp.SCHEMA, Timestamp.from_ms(86_400_001), "int64"),
        (Timestamp.SCHEMA, Timestamp.from_ms(86_400_001), "string"),
        (Date.SCHEMA.as_optional(), dt.date(2024, 2, 29), "int32"),
        (Time.SCHEMA, dt.time(1, 2, 3), "float64"),
        (Decimal.schema(2).evolve(doc="d"), decimal.Decimal("1.25"), "string"),
    ],
)
def test_a_logical_type_cast_as_a_whole_is_one_no_more(
    jvm: ModuleType, schema: Schema, value: Any, target: str
) -> None:
    record = SourceRecord(topic="t", value=value, value_schema=schema)
    theirs = java_outcome("Cast$Value", {"spec": target}, record)
    assert theirs[5].name == schema.name  # a converter refuses that: it is no such moment
    bare = Schema(Type(target), optional=schema.optional, doc=schema.doc)
    ours = (*theirs[:5], bare, *theirs[6:])
    assert [exact(one) for one in our_outcomes("Cast$Value", {"spec": target}, record)] == [
        exact(ours),
        exact(ours),
    ]


def test_moments_before_1970_keep_their_date_as_text(jvm: ModuleType) -> None:
    schema = Schema.struct({"a": Timestamp.SCHEMA})
    moment = dt.datetime(1969, 12, 31, 23, 0, tzinfo=dt.UTC)
    record = SourceRecord(topic="t", value={"a": moment}, value_schema=schema)
    config = {"spec": "a:string"}
    assert java_outcome("Cast$Value", config, record)[6] == {"a": "23:00:00.000Z"}
    for ours in our_outcomes("Cast$Value", config, record):
        assert ours[6] == {"a": "1969-12-31T23:00:00.000Z"}


def test_decimals_far_out_are_true(jvm: ModuleType) -> None:
    schema = Schema.struct({"a": Decimal.schema(0)})
    record = SourceRecord(topic="t", value={"a": decimal.Decimal(1 << 64)}, value_schema=schema)
    assert java_outcome("Cast$Value", {"spec": "a:boolean"}, record)[6] == {"a": False}
    for ours in our_outcomes("Cast$Value", {"spec": "a:boolean"}, record):
        assert ours[6] == {"a": True}


@pytest.mark.parametrize("name", ["Cast$Value", "Flatten$Value"])
@pytest.mark.parametrize(
    ("java", "ours"),
    [
        (("java.math.BigDecimal", "1.5"), decimal.Decimal("1.5")),
        (("java.util.Date", 5), Timestamp.from_ms(5)),
    ],
)
def test_logical_values_need_a_schema(
    jvm: ModuleType, name: str, java: tuple[str, Any], ours: Any
) -> None:
    given = java_class("java.util.HashMap")()
    kind, content = java
    content = text(content) if isinstance(content, str) else content
    given.put(text("a"), java_class(kind)(content))
    theirs = java_class(JAVA + name)()
    theirs.configure(java_map({"spec": text("a:string")}))
    with pytest.raises(jpype.JException, match="not supported by Connect's data API"):
        theirs.apply(
            java_class("org.apache.kafka.connect.source.SourceRecord")(
                None, None, text("t"), None, given
            )
        )
    record = SourceRecord(topic="t", value={"a": ours})
    assert our_outcomes(name, {"spec": "a:string"}, record) == ("data", "data")


SILENT_MASKS: list[tuple[Schema, Any, str, Any]] = [
    (Schema.INT8, 1, "300", 44),
    (Schema.INT64, 1, "99999999999999999999", 7_766_279_631_452_241_919),
    (Schema.FLOAT32, 1.0, "1e40", math.inf),
    (Schema.FLOAT64, 1.0, "1e400", math.inf),
    (Decimal.schema(2), decimal.Decimal("1.00"), "0.125", decimal.Decimal("0.125")),
]


@pytest.mark.parametrize(
    ("schema", "value", "replacement", "java"), SILENT_MASKS, ids=range(len(SILENT_MASKS))
)
def test_what_java_replaces_by_another_number_is_refused(
    jvm: ModuleType, schema: Schema, value: Any, replacement: str, java: Any
) -> None:
    config = {"fields": "a", "replacement": replacement}
    record = SourceRecord(topic="t", value={"a": value}, value_schema=Schema.struct({"a": schema}))
    assert exact(java_outcome("MaskField$Value", config, record)[6]) == exact({"a": java})
    assert our_outcomes("MaskField$Value", config, record) == ("data", "data")


@pytest.mark.parametrize("config", [{}, {"replacement": "7"}])
def test_masked_decimals_have_the_scale_of_their_schema(
    jvm: ModuleType, config: dict[str, str]
) -> None:
    schema = Schema.struct({"a": Decimal.schema(2)})
    record = SourceRecord(topic="t", value={"a": decimal.Decimal("1.25")}, value_schema=schema)
    theirs = java_outcome("MaskField$Value", {"fields": "a", **config}, record)[6]["a"]
    with pytest.raises(DataError, match="scale 0 but schema has scale 2"):
        Decimal.to_bytes(schema.schema_of("a"), theirs)
    for ours in our_outcomes("MaskField$Value", {"fields": "a", **config}, record):
        assert ours[6]["a"] == theirs
        assert len(Decimal.to_bytes(schema.schema_of("a"), ours[6]["a"])) in (1, 2)
