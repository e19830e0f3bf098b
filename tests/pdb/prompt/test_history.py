"""The history file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
