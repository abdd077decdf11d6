"""The hook reference for people, made from the catalogue.

`docs/plugins/hooks.md` is written by hand around two regions, each between `<!-- NAME: begin -->` and
`<!-- NAME: end -->`: `hooks at a glance`, one table of all hooks, and `every hook`, one section per hook. `filled` puts
into them what `plugin_host.hookspec` says.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Final

from plugin_host.hookspec import HOOKS, MAX_ACTION_LIMIT_SECONDS, PROTOCOLS, HookKind, HookSpec

# The parameters of the health check are not in its signature, which two public forms share.
_TYPES: Final[Mapping[str, str]] = {
    "ctx": "HookContext",
    "check_type": "str",
    "target": "str",
    "check": "HealthCheckDefinition",
    "execution_ctx": "HealthCheckContext",
}
_WRAPPED = re.compile(r"MaybeAwaitable\[(.*)\]")
# The sentence that ends a hook's text; the line of facts says the same with the exceptions.
_LIMIT = re.compile(r"\s+Limit: [^.]*\.$")


def filled(page: str) -> str:
    """Return a page with its regions made anew.

    Raises:
        ValueError: where a region is missing.
    """
    for name, make in _REGIONS.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"The page has no region between {begin!r} and {end!r}.")
        page = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return page


def hook_table() -> str:
    """Return one row for each hook: name, kind, arguments, protocol."""
    rows = [
        f"| [`{spec.name}`](#{spec.name}) | {spec.kind.value} | `{', '.join(spec.arguments)}` | `{spec.protocol}` |"
        for spec in HOOKS.values()
    ]
    return "\n".join(["| hook | kind | arguments | protocol |", "|---|---|---|---|", *rows])


def hook_sections() -> str:
    """Return a section for each protocol, and in it one for each hook."""
    parts = []
    for protocol in PROTOCOLS:
        parts.append(f"### {protocol.__name__}\n\n{inspect.getdoc(protocol)}")
        for spec in HOOKS.values():
            if spec.protocol == protocol.__name__:
                parts.append(_section(spec, getattr(protocol, spec.name)))
    return "\n\n".join(parts)


def _section(spec: HookSpec, method: Callable[..., object]) -> str:
    forms = "\n\n".join(_forms(spec, method))
    return f"#### {spec.name}\n\n```python\n{forms}\n```\n\n{_facts(spec)}\n\n{_LIMIT.sub('', spec.doc)}"


def _forms(spec: HookSpec, method: Callable[..., object]) -> list[str]:
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    answer = _WRAPPED.sub(r"\1", str(signature.return_annotation))
    if spec.other_arguments is None:
        # A slash says that names are free, which the page says once for all hooks.
        return [_form(spec.name, [str(parameter) for parameter in _readable(parameters)], answer)]
    return [
        _form(spec.name, [f"{name}: {_TYPES[name]}" for name in names], answer)
        for names in (spec.arguments, spec.other_arguments)
    ]


def _readable(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return [parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters]


def _form(name: str, arguments: list[str], answer: str) -> str:
    lines = "".join(f"    {argument},\n" for argument in ("self", *arguments))
    # `inspect` prints annotations that are texts in quotes.
    return f"def {name}(\n{lines}) -> {answer}: ...".replace("'", "")


def _facts(spec: HookSpec) -> str:
    if spec.kind is HookKind.EXECUTE:
        limit = f"the item's `timeout_seconds`, {spec.time_limit_seconds:g} seconds where it names none"
    elif spec.kind is HookKind.ACTION:
        limit = f"{spec.time_limit_seconds:g} seconds, up to {MAX_ACTION_LIMIT_SECONDS:g} by `time_limits`"
    else:
        limit = f"{spec.time_limit_seconds:g} seconds"
    where = "somebody waits for it" if spec.is_inline else "in a worker"
    return f"Kind: [{spec.kind.value}](#kinds), {where}. Time limit: {limit}."


_REGIONS: Final[Mapping[str, Callable[[], str]]] = {
    "hooks at a glance": hook_table,
    "every hook": hook_sections,
}
