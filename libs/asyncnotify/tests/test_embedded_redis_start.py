import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.supervised import NotStartable


@pytest.fixture
def said():
    return []


async def test_a_repair_is_reported_in_one_line(tmp_path, said):
    server = EmbeddedRedis(tmp_path, say=said.append)
    await server.start()
    await server.stop()
    (log,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"\0" * 4096)

    await server.start()
    await server.stop()

    [line] = said
    assert line.startswith("redis: cut 4096 damaged bytes off the end of")


async def test_a_server_that_can_never_read_the_data_is_said_once_with_what_to_do(tmp_path):
    (tmp_path / "written-by.json").write_text('{"program": "/none", "version": "99.1.0"}')

    with pytest.raises(NotStartable, match=r"written by /none 99\.1\.0.*REDIS_SERVER"):
        await EmbeddedRedis(tmp_path).start()
