"""What the plugin's own code shows; it is read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.sdk_names import is_public_module

_LEFT_OUT: Final = {"migrations", "tests", "__pycache__"}
_OURS: Final = ("plugin_host", "core", "tenants", "cms_project")
_CLIENTS: Final = {
    "requests": "requests",
    "urllib.request": "urllib.request",
    "urllib3": "urllib3",
    "aiohttp": "aiohttp",
    "http.client": "http.client",
}
_BLOCKING: Final = {
    "time.sleep": "await asyncio.sleep",
    "requests.get": "plugin_host.http",
    "requests.post": "plugin_host.http",
    "subprocess.run": "asyncio.create_subprocess_exec",
    "subprocess.check_output": "asyncio.create_subprocess_exec",
    "urllib.request.urlopen": "plugin_host.http",
    "open": "asyncio.to_thread",
    "input": "nothing: no one sits there",
}
_CHANGEABLE: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file of a plugin: its path from the package's parent folder, and its syntax tree."""

    name: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Return the place of a node as people and editors read it."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


def read(plugin: LoadedPlugin) -> list[SourceFile]:
    """Return a plugin's files, without its tests and migrations."""
    if plugin.path is None:
        return []
    found = []
    for path in sorted(plugin.path.rglob("*.py")):
        below = path.relative_to(plugin.path)
        if not _LEFT_OUT.intersection(below.parts[:-1]):
            tree = ast.parse(path.read_text(), filename=str(path))
            found.append(SourceFile(name=str(plugin.path.name / below), tree=tree))
    return found


def private_imports(files: Sequence[SourceFile]) -> list[str]:
    """Return where modules of Tenantry are imported that may change in any release."""
    return [
        f"{file.at(node)} imports {module}, which is private: docs/plugins/README.md has the public ones."
        for file in files
        for node, module in _imports(file.tree)
        if module.split(".")[0] in _OURS and not _is_open(module, file)
    ]


def other_clients(files: Sequence[SourceFile]) -> list[str]:
    """Return where another HTTP client is imported, which no guard keeps out of the operator's network."""
    return [
        f"{file.at(node)} imports {_CLIENTS[module]}: plugin_host.http keeps calls off the operator's network, "
        "within time limits, and on the proxy."
        for file in files
        for node, module in _imports(file.tree)
        if module in _CLIENTS
    ]


def printing(files: Sequence[SourceFile]) -> list[str]:
    """Return where something is printed."""
    return [
        f"{file.at(node)} prints: self.logger and get_logger(__name__) write where people look, with tenant and hook."
        for file, node in _calls(files)
        if _name_of(node.func) in {"print", "pprint.pprint", "sys.stdout.write"}
    ]


def module_state(files: Sequence[SourceFile]) -> list[str]:
    """Return where functions change what the module keeps: it is shared by all tenants of the process."""
    problems = []
    for file in files:
        names = {
            target.id: node
            for node in file.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, _CHANGEABLE)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        for function in _functions(file.tree):
            for node in ast.walk(function):
                if isinstance(node, ast.Global):
                    problems.append(
                        f"{file.at(node)} changes {', '.join(node.names)}: all tenants share it. Keep it in self."
                    )
                if (name := _changed(node)) in names:
                    problems.append(
                        f"{file.at(node)} changes {name}: all tenants share it. Keep it in self or in the store."
                    )
    return problems


def swallowed_exceptions(files: Sequence[SourceFile]) -> list[str]:
    """Return where an exception is caught and nothing is done about it."""
    problems = []
    for file in files:
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            if node.type is None:
                problems.append(
                    f"{file.at(node)} catches everything, the end of the process too: name the errors."
                )
            elif _catches_all(node.type) and all(_does_nothing(one) for one in node.body):
                problems.append(
                    f"{file.at(node)} drops every error: log it, or let it through, and the host tries again."
                )
    return problems


def blocking_calls(files: Sequence[SourceFile]) -> list[str]:
    """Return calls inside `async def` that hold up the event loop."""
    problems = []
    for file in files:
        for function in ast.walk(file.tree):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            for node in _own_nodes(function):
                if isinstance(node, ast.Call) and (name := _name_of(node.func)) in _BLOCKING:
                    problems.append(
                        f"{file.at(node)} {name}() holds up the event loop: use {_BLOCKING[name]}."
                    )
    return problems


def _imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node, name.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from plugin_host import http` names a module as well.
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield node, whole if node.module == "plugin_host" or whole in _CLIENTS else node.module


def _calls(files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, ast.Call]]:
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call):
                yield file, node


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _own_nodes(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Walk a function, without those inside it: they may run in a thread."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _is_open(module: str, file: SourceFile) -> bool:
    # The example for the contract suite is for tests, which may use the kit for them.
    is_kit = f"{module}.".startswith("plugin_host.testing.")
    return is_public_module(module) and (not is_kit or file.name.endswith("/contract.py"))


_CHANGERS: Final = {
    "append",
    "add",
    "update",
    "setdefault",
    "extend",
    "insert",
    "pop",
    "clear",
    "remove",
    "discard",
}


def _changed(node: ast.AST) -> str:
    """Return the name of what a node changes in place, empty where it changes nothing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGERS:
        return _name_of(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _name_of(node.value)
    return ""


def _catches_all(node: ast.expr) -> bool:
    types = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(_name_of(one) in {"Exception", "BaseException"} for one in types)


def _does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _name_of(node.value)):
        return f"{before}.{node.attr}"
    return ""
