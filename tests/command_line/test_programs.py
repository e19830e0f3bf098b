"""Programs that are to be run, looked for in this process."""

from __future__ import annotations

import os
import runpy  # noqa: F401  (which is not found any more on the path that the tests have)
import sys
import zipfile

import pytest

from stackscope.command_line.programs import ProgramError, target_for


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    """The path of the interpreter, which finding a program changes, and no modules of others."""
    monkeypatch.setattr(sys, "path", ["first", str(tmp_path)])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return sys.path


def run(target):
    exec(target.code(), target.namespace)
    return target.namespace


SOURCE = "seen = (__name__, __file__, __package__, __spec__ and __spec__.name)\n"


def test_a_script(tmp_path, path):
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "program.py").write_text(SOURCE)
    (tmp_path / "link.py").symlink_to(folder / "program.py")
    target = target_for(str(tmp_path / "link.py"), is_module=False)
    real = os.path.realpath(folder / "program.py")
    assert (target.name, target.filename) == (str(tmp_path / "link.py"), real)
    if not getattr(sys.flags, "safe_path", False):
        assert path == [os.path.dirname(real), str(tmp_path)]
    assert run(target)["seen"] == ("__main__", real, None, None)


def test_it_is_read_anew_for_each_run(tmp_path):
    (tmp_path / "program.py").write_text("one = 1\n")
    target = target_for(str(tmp_path / "program.py"), is_module=False)
    assert "one" in run(target)
    (tmp_path / "program.py").write_text("two = 2\n")
    assert "two" in run(target)


@pytest.mark.parametrize("name, why", [("nowhere.py", "does not exist"), ("", "is a directory")])
def test_no_script(tmp_path, name, why):
    name = str(tmp_path / name)
    with pytest.raises(ProgramError, match=f"{name} {why}$") as caught:
        target_for(name, is_module=False)
    assert caught.value.kind == "Error"


def test_a_module(tmp_path):
    (tmp_path / "some_module.py").write_text(SOURCE)
    target = target_for("some_module", is_module=True)
    path = str(tmp_path / "some_module.py")
    assert run(target)["seen"] == ("__main__", path, "", "some_module")
    assert target.namespace["__loader__"] is target.namespace["__spec__"].loader


def test_a_package(tmp_path):
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "__init__.py").touch()
    (tmp_path / "some_package" / "__main__.py").write_text(SOURCE)
    seen = run(target_for("some_package", is_module=True))["seen"]
    assert seen[2:] == ("some_package", "some_package.__main__")


def test_a_module_whose_loader_gives_no_code_again(tmp_path):
    (tmp_path / "some_module.py").write_text(SOURCE)
    target = target_for("some_module", is_module=True)
    target.spec.loader = object()
    assert target.code() is target.first_code


@pytest.mark.parametrize(
    "name, source, kind",
    [("no_such_module", None, "ImportError"), ("a_package", "", "ImportError")],
)
def test_no_module(tmp_path, name, source, kind):
    if source is not None:  # without a __main__
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(source)
    with pytest.raises(ProgramError, match=name) as caught:
        target_for(name, is_module=True)
    assert caught.value.kind == kind
    assert caught.value.__cause__ is None


def test_a_package_that_fails(tmp_path):
    """The error is the program's own."""
    (tmp_path / "failing").mkdir()
    (tmp_path / "failing" / "__init__.py").write_text("1 / 0")
    with pytest.raises(ProgramError, match="^failing.inner can't be imported$") as caught:
        target_for("failing.inner", is_module=True)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_package_that_exits(tmp_path):
    (tmp_path / "exiting").mkdir()
    (tmp_path / "exiting" / "__init__.py").write_text("raise SystemExit(3)")
    with pytest.raises(SystemExit):
        target_for("exiting.inner", is_module=True)


def zipped(path, **sources):
    with zipfile.ZipFile(path, "w") as file:
        for name, source in sources.items():
            file.writestr(f"{name}.py", source)
    return str(path)


def test_an_application(tmp_path, path):
    name = zipped(tmp_path / "app.pyz", __main__=SOURCE, other="")
    target = target_for(name, is_module=False)
    assert path[0] == os.path.realpath(name)
    seen = run(target)["seen"]
    assert seen == ("__main__", os.path.join(os.path.realpath(name), "__main__.py"), "", "__main__")


def test_an_archive_that_is_no_application(tmp_path):
    name = zipped(tmp_path / "app.pyz", other="")
    with pytest.raises(ProgramError, match="__main__") as caught:
        target_for(name, is_module=False)
    assert caught.value.kind == "ImportError"
