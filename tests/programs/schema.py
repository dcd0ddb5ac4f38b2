"""A JSON Schema validator of the few keywords that our schemas use. An unknown keyword is an error,
so that no rule goes unchecked in silence."""

import re

IGNORED = {"$schema", "title", "description", "definitions"}
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "null": type(None)}


def is_kind(value, kind):
    if kind == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, KINDS[kind])


def check(value, schema, root=None, where="$"):
    """Raises AssertionError with the place of the first thing that does not fit."""
    root = schema if root is None else root
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        check(value, target, root, where)
        return
    for keyword, rule in schema.items():
        if keyword not in IGNORED:
            RULES[keyword](value, rule, schema, root, where)


def rule_type(value, kinds, _schema, _root, where):
    kinds = [kinds] if isinstance(kinds, str) else kinds
    assert any(is_kind(value, kind) for kind in kinds), f"{where}: {value!r} is no {kinds}"


def rule_enum(value, allowed, _schema, _root, where):
    assert value in allowed, f"{where}: {value!r} is none of {allowed}"


def rule_const(value, constant, _schema, _root, where):
    assert value == constant, f"{where}: {value!r} is not {constant!r}"


def rule_required(value, names, _schema, _root, where):
    if isinstance(value, dict):
        missing = [name for name in names if name not in value]
        assert not missing, f"{where}: {missing} missing"


def rule_additional(value, allowed, schema, _root, where):
    assert allowed is False
    if isinstance(value, dict):
        unknown = [name for name in value if name not in schema["properties"]]
        assert not unknown, f"{where}: {unknown} not in the schema"


def rule_properties(value, properties, _schema, root, where):
    if isinstance(value, dict):
        for name, sub in properties.items():
            if name in value:
                check(value[name], sub, root, f"{where}.{name}")


def rule_items(value, sub, _schema, root, where):
    if isinstance(value, list):
        for i, item in enumerate(value):
            check(item, sub, root, f"{where}[{i}]")


def rule_pattern(value, pattern, _schema, _root, where):
    if isinstance(value, str):
        assert re.search(pattern, value), f"{where}: {value!r} does not fit {pattern}"


def rule_minimum(value, least, _schema, _root, where):
    assert not isinstance(value, int) or value >= least, f"{where}: {value} is below {least}"


RULES = {
    "type": rule_type,
    "enum": rule_enum,
    "const": rule_const,
    "required": rule_required,
    "additionalProperties": rule_additional,
    "properties": rule_properties,
    "items": rule_items,
    "pattern": rule_pattern,
    "minimum": rule_minimum,
}
