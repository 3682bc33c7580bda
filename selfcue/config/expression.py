"""``${...}`` in launch files: a launch argument, or arithmetic on arguments. Nothing else is evaluated."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_PATTERN = re.compile(r"\$\{([^{}]*)\}")


def substitute(value: Any, arguments: Mapping[str, Any]) -> Any:
    """Return ``value`` with every ``${...}`` in its strings replaced, in maps and lists too.

    A string that is one expression takes the expression's type; inside a longer string it becomes text.
    Raises ValueError that names the expression.
    """
    if isinstance(value, dict):
        return {key: substitute(item, arguments) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, arguments) for item in value]
    if not isinstance(value, str):
        return value
    whole = _PATTERN.fullmatch(value)
    if whole:
        return evaluate(whole.group(1), arguments)
    return _PATTERN.sub(lambda match: str(evaluate(match.group(1), arguments)), value)


def evaluate(text: str, arguments: Mapping[str, Any]) -> Any:
    """Return the value of an expression of names, numbers and ``+ - * /``."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, arguments)
    except (SyntaxError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"expression {text!r}: {error}") from error


def _value(node: ast.expr, arguments: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in arguments:
            known = ", ".join(sorted(arguments)) or "none"
            raise ValueError(f"argument {node.id!r} is not declared under 'args'; declared: {known}")
        return arguments[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, arguments), _value(node.right, arguments))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, arguments)
    raise ValueError("only names, numbers and + - * / are allowed in ${...}")
