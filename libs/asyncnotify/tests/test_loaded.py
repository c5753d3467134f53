"""Services that `asyncnotify up` loads once and forks."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from testkit.running import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

# It stands in for a service: it says what it finds, and waits.
SERVICE = """
import json, os, signal, sys
from pathlib import Path

def run():
    files = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.exists()]
    print(json.dumps({
        "pid": os.getpid(),
        "own": os.environ["OWN"],
        "others": "PARENT" in os.environ,
        "seen as": Path("/proc/self/cmdline").read_text().split("\\0")[0],
        "name": Path("/proc/self/comm").read_text().strip(),
        "leads": os.getsid(0) == os.getpid(),
        "pipes": sum("pipe" in each for each in files),
        "stdin": os.readlink("/proc/self/fd/0"),
    }), flush=True)
    if os.environ["OWN"] == "ends":
        sys.exit(3)
    signal.pause()
"""
SUPERVISOR = """
import asyncio, json, os, sys
from asyncnotify.local.loaded import fork_loaded
from asyncnotify.local.system import ServiceProcess

def process(name):
    command = ("/usr/bin/python", "-m", "stand_in", "with", "more", "words", "than", "ours", name)
    return ServiceProcess(
        name=name, prefix="", command=command, main="stand_in.main", environment={}, port=0
    )

async def run():
    ends, lasts, _ = loaded
    ends.run({"OWN": "ends"})
    print(await ends.wait(), ends.returncode, flush=True)
    lasts.run({"OWN": "lasts"})
    sys.stdin.readline()
    lasts.kill()
    print(await lasts.wait(), flush=True)
    try:
        lasts.kill()
    except ProcessLookupError:
        print("gone", flush=True)

loaded = fork_loaded([process("ends"), process("lasts"), process("waits")])
print(*(each.pid for each in loaded), flush=True)
asyncio.run(run())
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "stand_in").mkdir()
    (tmp_path / "stand_in" / "__init__.py").touch()
    (tmp_path / "stand_in" / "main.py").write_text(SERVICE)
    return os.environ | {"PYTHONPATH": str(tmp_path), "PARENT": "yes"}


def runs(pid):
    """Whether the process is there, and not only waits to be asked how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_loaded_services_run_as_processes_of_their_own_and_end_with_the_supervisor(
    environment,
):
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    lines = supervisor.stdout
    ends, lasts, waits = map(int, (await lines.readline()).split())
    expected = {
        "others": False,
        "leads": True,
        "pipes": 1,  # what it prints to
        "stdin": "/dev/null",
    }
    command = "/usr/bin/python -m stand_in with more words than ours"

    assert json.loads(await lines.readline()) == expected | {
        "pid": ends,
        "own": "ends",
        "name": "ends",
        "seen as": f"{command} ends",
    }
    assert await lines.readline() == b"3 3\n"
    assert json.loads(await lines.readline()) == expected | {
        "pid": lasts,
        "own": "lasts",
        "name": "lasts",
        "seen as": f"{command} lasts",
    }
    assert runs(waits)
    supervisor.stdin.write(b"\n")
    assert await lines.readline() == b"-9\n"
    assert await lines.readline() == b"gone\n"
    await supervisor.wait()  # which kills itself
    await until(lambda: not runs(waits))


async def test_one_that_died_before_it_ran_says_so(environment):
    code = (
        SUPERVISOR.partition("loaded = ")[0]
        + """
async def run():
    loaded[0].run({"OWN": "x" * 100_000})
    print(await loaded[0].wait())

loaded = fork_loaded([process("ends")])
os.kill(loaded[0].pid, 9)
os.waitid(os.P_PID, loaded[0].pid, os.WEXITED | os.WNOWAIT)
asyncio.run(run())
"""
    )
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=environment, stdout=asyncio.subprocess.PIPE
    )

    said, _ = await supervisor.communicate()

    assert said == b"-9\n"


async def test_a_service_reads_from_nowhere_though_the_supervisor_has_no_standard_input(
    environment,
):
    """Else the next thing that it opens would be taken for its input."""
    code = (
        SUPERVISOR.partition("async def run")[0]
        + """
async def run():
    loaded[0].run({"OWN": "ends"})
    await loaded[0].wait()

os.close(0)
loaded = fork_loaded([process("ends"), process("waits")])
asyncio.run(run())
"""
    )
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=environment, stdout=asyncio.subprocess.PIPE
    )

    said, _ = await supervisor.communicate()

    assert json.loads(said)["stdin"] == "/dev/null"


@pytest.mark.parametrize("error", ["OSError(38)", "PermissionError()", "AttributeError()"])
async def test_where_the_end_of_a_process_cannot_be_awaited_none_is_forked(environment, error):
    """By an older kernel than the interpreter was built for, or by a container's filter."""
    code = (
        SUPERVISOR.partition("async def run")[0]
        + f"""
def refuse(_):
    raise {error}

os.pidfd_open = refuse
print(fork_loaded([process("ends")]))
"""
    )
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=environment, stdout=asyncio.subprocess.PIPE
    )

    said, _ = await supervisor.communicate()

    assert said == b"[]\n"
