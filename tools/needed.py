"""Of a notebook's code, the statements that one value depends on."""

import ast
import re
import symtable
from collections.abc import Sequence

__all__ = ["needed_for", "plain"]

_BINDS = ast.Assign | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom


def needed_for(sources: Sequence[str]) -> str:
    """The statements that the value of the last cell's last line depends on.

    Found from the end: a statement is kept if it gives a value to a needed name or
    changes what the name stands for (`x.append(...)`, `x[0] = ...`, any use of a
    random generator); then the names it reads are needed too. Assertions, prints and
    pictures fall out. A star import stays, because nobody can say what it brings. The
    last line's value ends up in the variable `_shown`.

    Raises:
        ValueError: the last line is not an expression.
        SyntaxError: a cell is not Python.
    """
    statements = [s for source in sources for s in ast.parse(plain(source)).body]
    if not statements or not isinstance(statements[-1], ast.Expr):
        raise ValueError("the last line of the cell must be an expression")
    last = statements.pop()
    generators, modules = set(), set()
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            modules |= _stored(statement)
        elif "default_rng(" in ast.unparse(statement):
            generators |= _stored(statement)
    kept = [ast.Assign([ast.Name("_shown", ast.Store())], last.value, lineno=0)]
    needed = _read(last)
    for statement in reversed(statements):
        if isinstance(statement, ast.Assert):
            continue
        stored, read = _stored(statement), _read(statement)
        changed = stored | _changed(statement) | (read & generators)
        if not ("*" in stored or ".config." in ast.unparse(statement)):
            changed -= modules - stored  # a call of a module changes nothing in it
        if not (changed & needed or "*" in changed):
            continue
        kept.append(statement)
        if isinstance(statement, _BINDS):  # whatever it was before does not matter
            needed -= stored
        needed |= read
    return ast.unparse(ast.Module(kept[::-1], []))


def plain(source: str) -> str:
    """A cell as Python: magics and shell lines have no place here."""
    try:
        ast.parse(source)
    except SyntaxError:
        line = re.compile(r"^([ \t]*)(?:([\w, ]+=)[ \t]*)?[%!].*$", re.MULTILINE)
        return line.sub(lambda m: m[1] + (f"{m[2]} None" if m[2] else "pass"), source)
    return source


class _AsGenerators(ast.NodeTransformer):
    """Comprehensions as generators: from Python 3.12 on the names of the others count
    as the notebook's own."""

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        self.generic_visit(node)
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return ast.GeneratorExp(pair, node.generators)


def _scope(statement: ast.stmt) -> symtable.SymbolTable:
    copy = ast.parse(ast.unparse(statement))
    return symtable.symtable(ast.unparse(_AsGenerators().visit(copy)), "cell", "exec")


def _read(statement: ast.stmt) -> set[str]:
    """Names of the notebook that the statement, or a function in it, looks up."""

    def inside(scope: symtable.SymbolTable) -> set[str]:
        names = {s.get_name() for s in scope.get_symbols() if s.is_referenced()}
        if scope.get_type() != "module":
            names = {name for name in names if scope.lookup(name).is_global()}
        return names.union(*map(inside, scope.get_children()))

    return inside(_scope(statement))


def _stored(statement: ast.stmt) -> set[str]:
    """Names of the notebook that the statement gives a value to."""
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
        return {"*"}
    symbols = _scope(statement).get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}


def _changed(statement: ast.stmt) -> set[str]:
    """Names whose object the statement may change without a new assignment."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return set()
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            target = node.value.func  # called for what it does, as in x.append(1)
        elif isinstance(node, ast.Subscript | ast.Attribute):
            target = node if isinstance(node.ctx, ast.Store | ast.Del) else None
        else:
            target = None
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Call):
            inner = target.func if isinstance(target, ast.Call) else target.value
            if isinstance(inner, ast.Name):
                found.add(inner.id)
            target = inner
    return found
