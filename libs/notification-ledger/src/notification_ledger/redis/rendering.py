"""The rules of records as Lua: comparisons, since each run of a script would build a table anew."""

from collections.abc import Collection, Iterable, Iterator

from notification_contracts.states import Status
from service_kit.epoch import whole_ms

from notification_ledger.redis.rows import (
    DELETED,
    FORMER_FIELDS,
    LETTERS,
    LIST_STEP,
    LISTED,
    NOT_IN_REST,
    RANK_STEP,
    RANKS,
    TOLD,
)
from notification_ledger.rules import (
    ENDED,
    FINAL,
    KEPT_FIELDS,
    MAX_PARKED,
    MAYBE_SENT,
    NOT_REPLAYABLE,
    OPEN,
    PARKED_FOR,
    RECEIPTS,
    RULES,
    UNSENT,
    Rule,
    is_first,
)


def lua_rules() -> str:
    """Render the table of `rules.py`, and its lists, for `record.lua`."""
    return "\n".join(
        (
            *_columns(),
            lua_ranks(),
            *_letters(),
            _predicate("is_listed", LISTED),
            f"local MAYBE_SENT = '{MAYBE_SENT}'",
            _predicate("has_ended", {*ENDED, DELETED}),
            _predicate("is_final", {*FINAL, DELETED}),
            _predicate("is_unsent", UNSENT),
            _predicate("is_first", {change for change in RULES if is_first(change)}),
            "-- Returns a rule's status, whether it heeds the update, its reason and its detail.",
            "local function rule_of(change)",
            *(_case("change", name, _values(rule)) for name, rule in RULES.items()),
            "end",
            "local function keeps_status(change, was, to)",
            f"  if to ~= '{Status.VALIDATED}' then return false end",
            *(
                _case("change", name, f"was == '{rule.keeps}'")
                for name, rule in RULES.items()
                if rule.keeps
            ),
            "end",
            _predicate("is_kept_elsewhere", NOT_IN_REST),
            _predicate("is_receipt", RECEIPTS),
            _predicate("is_not_replayable", NOT_REPLAYABLE),
            f"local MAX_PARKED, PARKED_FOR_MS = {MAX_PARKED}, {whole_ms(PARKED_FOR)}",
            "local function moves(change, was, to)",
            *(
                _case("change", name, _moves(rule))
                for name, rule in RULES.items()
                if not is_first(name) and (rule.moves_from != OPEN or rule.moves_to is not None)
            ),
            "  return not is_final(was)",
            "end",
        )
    )


def _columns() -> Iterator[str]:
    yield lua_list("KEPT_FIELDS", KEPT_FIELDS)
    yield lua_list("FORMER_FIELDS", FORMER_FIELDS)
    yield lua_list("NOTHING", [""] * (len(TOLD) + 1))
    yield f"local FIRST_KEPT, TIMELINE = {1 + TOLD.index(KEPT_FIELDS[0])}, {len(TOLD) + 1}"
    yield "local TOLD = '^" + r"([^\t\n]*)\t" * (len(TOLD) - 1) + r"([^\t\n]*)\n(.*)$'"
    for name in ("channel", "user_id", "reference", "tags"):
        yield f"local {name.upper()} = {1 + TOLD.index(name)}"


def lua_ranks() -> str:
    """Render the ranks of the statuses in their index."""
    return "\n".join(
        (
            f"local RANK_STEP, LIST_STEP = {RANK_STEP}, {LIST_STEP}",
            "local function rank_of(status)",
            *(_case("status", name, str(rank)) for name, rank in RANKS.items()),
            "end",
        )
    )


def _letters() -> Iterator[str]:
    yield "local function letter_of(status)"
    yield from (_case("status", name, f"'{letter}'") for name, letter in LETTERS.items())
    yield "end"


def lua_list(name: str, values: Iterable[str]) -> str:
    """Render a local list of words."""
    words = ", ".join(f"'{value}'" for value in values)
    return f"local {name} = {{{words}}}"


def lua_set(name: str, values: Collection[str]) -> str:
    """Render a local table whose keys are words."""
    return f"local {name} = {{{', '.join(f'{value} = true' for value in sorted(values))}}}"


def _moves(rule: Rule) -> str:
    if rule.moves_to is None:
        return _is_any("was", rule.moves_from)
    ways = (
        f"to == '{to}' and ({_is_any('was', sources)})" for to, sources in rule.moves_to.items()
    )
    return " or ".join(ways)


def _predicate(name: str, values: Collection[str]) -> str:
    return f"local function {name}(value) return {_is_any('value', values)} end"


def _case(variable: str, value: str, result: str) -> str:
    return f"  if {variable} == '{value}' then return {result} end"


def _is_any(variable: str, values: Collection[str]) -> str:
    return " or ".join(f"{variable} == '{value}'" for value in sorted(values))


def _values(rule: Rule) -> str:
    words = (rule.reason, rule.detail)
    status = f"'{rule.to}'" if rule.to else "nil"
    quoted = (f"'{word}'" if word else "nil" for word in words)
    return ", ".join((status, str(rule.heeds_update).lower(), *quoted))
