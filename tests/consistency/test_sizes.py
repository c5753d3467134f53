import ast

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources(tracked):
    return [path for path in tracked if path.suffix == ".py"]


def test_files_fit_on_a_few_screens(tracked):
    long = {
        str(path): lines
        for path in tracked
        if path.suffix in {".py", ".js", ".css"}
        and (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES
    }

    assert not long


def length(node):
    return node.end_lineno - node.lineno + 1


def own_length(function):
    """Lines of a function without its docstring and the functions that it defines, as routes."""
    inner = [node for node in function.body if isinstance(node, FUNCTIONS)]
    docstring = function.body[0] if ast.get_docstring(function) else None
    return length(function) - sum(length(node) for node in (*inner, docstring) if node)


def test_functions_fit_on_one_screen(tracked):
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in sources(tracked)
        if "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FUNCTIONS) and own_length(node) > MAX_FUNCTION_LINES
    ]

    assert not long


def test_readmes_are_short(root, tracked):
    for path in tracked:
        if path.name == "README.md" and path.parent != root / "docs/decisions":
            limit = 200 if path.parent == root else 100
            assert len(path.read_text().splitlines()) <= limit, path
