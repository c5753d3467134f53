"""No test's verdict may depend on how fast the machine is: speed belongs in `benchmarks/`."""

import ast

import pytest

CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PATIENT_SECONDS = 30


def calls_a_clock(node):
    awaited = {each.value for each in ast.walk(node) if isinstance(each, ast.Await)}
    return any(
        isinstance(each, ast.Call)
        and each not in awaited  # a broker's clock
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in CLOCKS
        and not each.args
        for each in ast.walk(node)
    )


def names(node):
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def is_elapsed(node, timed):
    return calls_a_clock(node) or bool(names(node) & timed)


def timed_names(function):
    """Names that hold a moment of a clock, or what was reckoned from one."""
    timed = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and is_elapsed(node.value, timed):
            timed |= {name for target in node.targets for name in names(target)}
    return timed


def upper_bounds(function):
    """Find `elapsed < limit` among the assertions; a deadline that is a moment itself is none."""
    timed = timed_names(function)
    for node in ast.walk(function):
        if not isinstance(node, ast.Assert):
            continue
        for compare in (each for each in ast.walk(node) if isinstance(each, ast.Compare)):
            terms = [compare.left, *compare.comparators]
            for left, operator, right in zip(terms, compare.ops, terms[1:], strict=False):
                if isinstance(operator, ast.Gt | ast.GtE):
                    left, right = right, left  # noqa: PLW2901
                elif not isinstance(operator, ast.Lt | ast.LtE):
                    continue
                if is_elapsed(left, timed) and not is_elapsed(right, timed):
                    yield node.lineno


def short_patience(function):
    """Find limits of less than half a minute, unless running out of time is what is expected."""
    expected = any(
        isinstance(node, ast.Name) and node.id == "TimeoutError" for node in ast.walk(function)
    )
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not expected:
            limit = {"timeout": 0, "wait_for": 1}.get(node.func.attr)
            is_asyncio = isinstance(node.func.value, ast.Name) and node.func.value.id == "asyncio"
            if is_asyncio and limit is not None and len(node.args) > limit:
                seconds = node.args[limit]
                value = seconds.value if isinstance(seconds, ast.Constant) else None
                if isinstance(value, int | float) and value < PATIENT_SECONDS:
                    yield node.lineno


def lines_that(find, text):
    return [
        line
        for function in ast.walk(ast.parse(text))
        if isinstance(function, FUNCTIONS)
        for line in find(function)
    ]


@pytest.mark.parametrize("find", [upper_bounds, short_patience])
def test_no_verdict_depends_on_the_speed_of_the_machine(root, tracked, find):
    hasty = [
        f"{path.relative_to(root)}:{line}"
        for path in tracked
        if path.suffix == ".py" and {"tests", "testing"} & set(path.parts)
        for line in lines_that(find, path.read_text())
    ]

    assert not hasty


@pytest.mark.parametrize(
    ("find", "line"),
    [
        (upper_bounds, "began = time.monotonic(); work(); assert time.monotonic() - began < 2"),
        (upper_bounds, "began = loop.time(); took = loop.time() - began; assert 0 < took < 2"),
        (upper_bounds, "took = perf_counter_ns.perf_counter() - began; assert 2 > took"),
        (short_patience, "await asyncio.wait_for(work(), 3)"),
        (short_patience, "asyncio.timeout(2)"),
    ],
)
def test_what_depends_on_the_speed_of_the_machine_is_found(find, line):
    assert lines_that(find, f"async def test():\n  {line}")


@pytest.mark.parametrize(
    "line",
    [
        "began = time.monotonic(); work(); assert time.monotonic() - began >= 2",
        "deadline = time.monotonic() + 60; assert time.monotonic() < deadline",
        "before = await queue.time(); assert await queue.time() - before < HOUR",
        "asyncio.timeout(60)",
    ],
)
def test_patience_is_not_taken_for_haste(line):
    for find in (upper_bounds, short_patience):
        assert not lines_that(find, f"async def test():\n  {line}")
