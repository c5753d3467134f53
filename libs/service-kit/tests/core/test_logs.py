import json
import logging
import os
import re
import subprocess
import sys
from datetime import datetime

import pytest
from service_kit.logs import bound_contextvars, configure_logging, get_logger

log = get_logger("kit.tests")


def test_a_line_has_time_level_event_service_and_logger(logged):
    log.info("thing.done", count=3)

    [line] = logged()
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "info",
        "event": "thing.done",
        "service": "kit",
        "logger": "kit.tests",
        "count": 3,
    }


def test_bound_context_is_on_every_line_within(logged):
    with bound_contextvars(trace_id="t1"):
        log.info("inside")
        logging.getLogger("some.library").warning("it says %s", "so")
    log.info("outside")

    assert [line.get("trace_id") for line in logged()] == ["t1", "t1", None]


def test_what_libraries_log_takes_the_same_form_once(logged):
    logging.getLogger("some.library").warning("it says %s", "so")

    [line] = logged()
    assert (line["level"], line["event"]) == ("warning", "it says so")
    assert (line["logger"], line["service"]) == ("some.library", "kit")


def test_the_narration_of_libraries_is_left_out(logged):
    logging.getLogger("uvicorn.error").info("Waiting for application startup.")
    logging.getLogger("aio_pika.queue").info("Deleting a queue")
    logging.getLogger("aiormq.connection").warning("Cancelling cause reader exited abnormally")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application")

    assert [line["event"] for line in logged()] == ["Exception in ASGI application"]


def test_a_traceback_is_one_field_of_one_line(logged):
    try:
        int("boom")
    except ValueError:
        log.exception("thing.failed")

    [line] = logged()
    assert line["level"] == "error"
    assert "Traceback" in line["exception"]
    assert line["exception"].endswith("'boom'")


@pytest.mark.parametrize("value", ["two\nlines", "\ud800", b"\xff", object(), float("nan"), {1: 2}])
def test_no_value_can_break_a_line(logged, value):
    log.info("thing.done", value=value)

    [line] = logged()
    assert line["event"] == "thing.done"


def test_a_closed_output_never_fails_the_work():
    program = """
import os
from service_kit.logs import configure_logging, get_logger
configure_logging("kit", format="json", level="INFO")
os.close(1)
get_logger("kit.tests").info("thing.done")
os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_lines_below_the_level_are_dropped(capsys):
    configure_logging("kit", format="json", level="WARNING")

    get_logger("other").info("dropped")
    logging.getLogger("some.library").info("dropped")
    get_logger("other").warning("kept")

    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["kept"]


def test_auto_means_json_where_there_is_no_terminal(capsys):
    configure_logging("kit", format="auto", level="INFO")

    get_logger("other").info("thing.done")

    assert json.loads(capsys.readouterr().out)["event"] == "thing.done"


def test_console_lines_are_for_people_and_show_no_local_variables():
    program = """
import json
import logging
from service_kit.logs import configure_logging, get_logger
log = get_logger("kit.tests")  # before it is configured, as modules do
configure_logging("kit", format="console", level="INFO")
logging.getLogger("some.library").warning("it says so")
def fail(address):
    raise ValueError("boom")
try:
    fail("someone@" + "example.com")
except ValueError:
    log.exception("thing.failed", count=3)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], env=dict(os.environ), capture_output=True, check=True
    )

    said = re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout.decode())
    assert "[warning  ] it says so" in said
    assert re.search(r"\[error    \] thing\.failed .*count=3 service=kit", said)
    assert "ValueError: boom" in said
    assert "someone@example.com" not in said
