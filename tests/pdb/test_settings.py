"""The file with settings."""

from __future__ import annotations

import re
import sys

import pytest

from stackscope_pdb import settings


class TestSettings:
    def test_keys(self, tmp_path, monkeypatch):
        inputrc = tmp_path / "inputrc"
        monkeypatch.setenv("INPUTRC", str(inputrc))
        monkeypatch.delenv("STACKSCOPE_PDB_KEYS", raising=False)
        assert not settings.wants_vi_keys()
        inputrc.write_text("# set editing-mode emacs\n set editing-mode  vi\n")
        assert settings.wants_vi_keys()
        monkeypatch.setenv("STACKSCOPE_PDB_KEYS", "emacs")
        assert not settings.wants_vi_keys()
        inputrc.write_text("")
        monkeypatch.setenv("STACKSCOPE_PDB_KEYS", "vi")
        assert settings.wants_vi_keys()

    def test_history_file(self, tmp_path, monkeypatch):
        monkeypatch.setenv("STACKSCOPE_PDB_HISTORY", "")
        assert settings.history_file() is None
        monkeypatch.delenv("STACKSCOPE_PDB_HISTORY")
        if sys.platform.startswith("linux"):
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
            assert settings.history_file() == str(tmp_path / "stackscope" / "pdb_history")

    def test_complaints(self, monkeypatch):
        for name in settings.VALUES:
            monkeypatch.delenv(name, raising=False)
        assert list(settings.complaints()) == []
        right = {"PROMPT": "Plain", "KEYS": "vi", "STICKY": "on", "SKIP": "No", "CONTEXT": " 7 "}
        for name, value in right.items():
            monkeypatch.setenv(f"STACKSCOPE_PDB_{name}", value)
        assert list(settings.complaints()) == []
        assert settings.prompt_kind() == "plain"
        assert settings.context_lines() == 7

    @pytest.mark.parametrize(
        "name", ["PROMPT", "KEYS", "STICKY", "SKIP", "CONTEXT", "RPROMPT", "DEBUG"]
    )
    def test_a_wrong_value_is_told_and_ignored(self, name, monkeypatch):
        for known in settings.VALUES:
            monkeypatch.delenv(known, raising=False)
        monkeypatch.setenv(f"STACKSCOPE_PDB_{name}", "zz\x1b")
        (sentence,) = settings.complaints()
        assert sentence.startswith(f"STACKSCOPE_PDB_{name}='zz\\x1b' is ignored: it must be ")
        assert settings.prompt_kind() == settings.keys() == ""
        assert settings.context_lines() == settings.STICKY_LINES

    def test_an_unknown_name_is_told(self, monkeypatch):
        monkeypatch.setenv("STACKSCOPE_PDB_COLOUR", "1")
        (sentence,) = settings.complaints()
        assert sentence.startswith("STACKSCOPE_PDB_COLOUR is not a setting.")
        assert all(name in sentence for name in settings.VALUES)

    def test_every_setting_is_documented(self):
        assert set(settings.VALUES) == set(
            re.findall(r"``(STACKSCOPE_PDB_[A-Z]+)``", settings.__doc__)
        )
