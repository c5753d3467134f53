import os

import pytest
from asyncnotify.local.private_data import keep_private


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path):
    return path.stat().st_mode & 0o777


def test_a_new_folder_and_what_is_made_in_it_is_its_users_alone(tmp_path):
    folder = tmp_path / "new" / ".data"

    keep_private(folder)
    (folder / "outbox.jsonl").write_text("")

    assert (mode_of(folder), mode_of(folder / "outbox.jsonl")) == (0o700, 0o600)


def test_what_was_open_is_closed(tmp_path):
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "redis" / "appendonlydir" / "log").write_text("")
    for name in ("users.db", "users.db-wal", "outbox.jsonl"):
        (tmp_path / name).write_text("")

    keep_private(tmp_path)

    modes = {mode_of(path) for path in tmp_path.rglob("*")}
    assert (mode_of(tmp_path), modes) == (0o700, {0o700, 0o600})


def test_foreign_files_are_left_as_they_are(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "users.db").write_text("")
    (tmp_path / "thesis.tex").write_text("")
    (tmp_path / "outbox.jsonl").symlink_to(tmp_path / "thesis.tex")

    keep_private(tmp_path)

    assert mode_of(tmp_path) == 0o755
    assert mode_of(tmp_path / "thesis.tex") == 0o644
    assert mode_of(tmp_path / "users.db") == 0o600
