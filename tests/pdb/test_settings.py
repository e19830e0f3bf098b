"""The file with settings."""

from __future__ import annotations

import sys

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
