"""The history file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from stackscope_pdb.prompt import history


class TestHistory:
    def test_entries_come_back(self, tmp_path):
        path = str(tmp_path / "deep" / "history")
        history.add(path, "tasks")
        history.add(path, "for x in y:\n    print('ä', x)")
        history.add(path, "   ")
        assert history.load(path) == ["tasks", "for x in y:\n    print('ä', x)"]

    def test_no_file_and_broken_files(self, tmp_path):
        assert history.load(None) == []
        assert history.load(str(tmp_path / "none")) == []
        broken = tmp_path / "broken"
        broken.write_bytes(b'"fine"\nnot json\n\xff\xfe\n3\n"also"\n')
        assert history.load(str(broken)) == ["fine", "also"]
        history.add(str(broken / "below"), "x")
        history.add(None, "x")

    def test_a_long_one_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(history, "MOST_ENTRIES", 10)
        path = tmp_path / "history"
        path.write_text("".join(json.dumps(f"entry {n}") + "\n" for n in range(30)))
        assert history.load(str(path)) == [f"entry {n}" for n in range(20, 30)]
        assert len(path.read_text().splitlines()) == 10

    def test_the_rest_of_the_last_line(self, tmp_path):
        path = str(tmp_path / "history")
        for line in ("p first", "p second", "for x in y:\n    pass", "where"):
            history.note(path, line)
        assert history.rest_of_last(path, "p ") == "second"
        assert history.rest_of_last(path, "p f") == "irst"
        for text in ("where", "for", "nothing", "", " ", "p first\n"):
            assert history.rest_of_last(path, text) == ""

    def test_two_debuggers_at_once(self, tmp_path):
        path = str(tmp_path / "history")
        code = (
            "import sys; from stackscope_pdb.prompt import history\n"
            "for n in range(200): history.add(sys.argv[1], sys.argv[2] * 50 + str(n))\n"
        )
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        programs = [
            subprocess.Popen([sys.executable, "-c", code, path, name], env=env) for name in "ab"
        ]
        assert [program.wait() for program in programs] == [0, 0]
        entries = history.load(path)
        for name in "ab":
            assert [e for e in entries if e[0] == name] == [name * 50 + str(n) for n in range(200)]

    def test_cutting_while_another_one_adds(self, tmp_path):
        path = str(tmp_path / "history")
        add = (
            "import sys; from stackscope_pdb.prompt import history\n"
            "for n in range(300): history.add(sys.argv[1], sys.argv[2] + str(n))\n"
        )
        cut = (
            "import sys; from stackscope_pdb.prompt import history\n"
            "history._is_too_long = lambda lines: True\n"
            "for n in range(300): history.load(sys.argv[1])\n"
        )
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        programs = [
            subprocess.Popen([sys.executable, "-c", code, path, name], env=env)
            for code, name in ((add, "a"), (add, "b"), (cut, ""))
        ]
        assert [program.wait() for program in programs] == [0, 0, 0]
        assert sorted(history.load(path)) == sorted(
            name + str(n) for name in "ab" for n in range(300)
        )
        assert os.listdir(str(tmp_path)) == ["history"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links")
class TestOthers:
    @pytest.fixture(autouse=True)
    def _umask(self):
        before = os.umask(0)
        yield
        os.umask(before)

    def mode(self, path):
        return stat.S_IMODE(os.stat(str(path)).st_mode)

    def long_file(self, path):
        path.write_text("".join(json.dumps(f"entry {n}") + "\n" for n in range(10_001)))

    def test_only_the_owner_can_read_it(self, tmp_path):
        path = tmp_path / "new" / "deep" / "history"
        history.add(str(path), "password")
        assert self.mode(path) == 0o600
        assert {self.mode(path.parent), self.mode(path.parent.parent)} == {0o700}
        self.long_file(path)
        path.chmod(0o644)
        history.load(str(path))
        assert self.mode(path) == 0o600
        assert path.read_text().startswith('"entry 5001"')

    @pytest.mark.parametrize("use", [history.load, lambda path: history.add(path, "x")])
    def test_one_that_others_can_read_is_closed_to_them(self, tmp_path, use):
        path = tmp_path / "history"
        path.touch()
        path.chmod(0o666)
        use(str(path))
        assert self.mode(path) == 0o600

    def test_no_link_is_followed(self, tmp_path):
        precious = tmp_path / "precious"
        self.long_file(precious)
        precious.chmod(0o644)
        before = precious.read_text()
        path = tmp_path / "history"
        path.symlink_to(precious)
        history.add(str(path), "x")
        assert history.load(str(path)) == []
        path.unlink()
        self.long_file(path)
        (tmp_path / f"history.{os.getpid()}").symlink_to(precious)
        assert len(history.load(str(path))) == 5000
        assert precious.read_text() == before
        assert self.mode(precious) == 0o644

    def test_neither_a_pipe_nor_a_folder_is_taken_for_it(self, tmp_path):
        path = tmp_path / "history"
        os.mkfifo(str(path))
        history.add(str(path), "x")
        assert history.load(str(path)) == []
        assert history.load(str(tmp_path)) == []

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="it takes root to give files away"
    )
    def test_the_file_of_another_user_is_left_alone(self, tmp_path):
        path = tmp_path / "history"
        path.write_text('"theirs"\n')
        os.chown(str(path), 65534, 65534)
        history.add(str(path), "x")
        assert history.load(str(path)) == []
        assert path.read_text() == '"theirs"\n'

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        path = tmp_path / "file" / "history"
        path.parent.touch()
        history.add(str(path), "x")
        assert history.load(str(path)) == []
