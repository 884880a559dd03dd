"""The `jaxguide` command, beyond what its parts test themselves."""

import argparse
import importlib
import subprocess
import sys

import pytest

from jaxguide import checkpoint_settings
from jaxguide import cli
from jaxguide import commands
from jaxguide import parallel
from jaxguide.commands import evaluate
from jaxguide.commands import experiment_options
from jaxguide.convert import errors


def test_help_lists_the_commands_and_does_not_start_jax():
  code = ("import sys\nfrom jaxguide import cli\n"
          "try:\n  cli.main(['--help'])\nfinally:\n"
          "  sys.stderr.write(str('jax' in sys.modules))")
  done = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True)
  assert done.returncode == 0
  assert done.stderr == "False"
  for command in ("demo", "inspect", "convert", "evaluate", "table", "compare"):
    assert command in done.stdout


def test_no_command_is_refused_with_the_usage(capsys):
  assert cli.main([]) == 2
  assert "usage: jaxguide" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [
    ["inspect", "no/such/file.pt"],
    ["convert", "no/such/file.pt", "--card", "ffhq_10m", "--out", "x"],
])
def test_bad_input_is_one_line_that_names_it(argv, capsys, tmp_path):
  argv = [str(tmp_path / "x") if a == "x" else a for a in argv]
  assert cli.main(argv) == 1
  captured = capsys.readouterr()
  assert captured.out == ""
  assert captured.err.startswith("error: ")
  assert captured.err.count("\n") == 1
  assert "no/such/file.pt" in captured.err
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", ("0", "65"))
def test_demo_refuses_a_number_of_images_that_makes_no_sense(
    tmp_path, capsys, count):
  assert cli.main(["demo", "--out", str(tmp_path), "--images", count]) == 1
  assert "images must be in 1..64" in capsys.readouterr().err


@pytest.mark.parametrize("argv, message", [
    (["evaluate", "x.py", "--no_such_flag=1"], "unknown option --no_such_flag"),
    (["evaluate", "x.py", "--lim=1"], "--lim; did you mean --limit?"),
    (["demo", "--out", "x", "--image=3"], "did you mean --images?"),
    (["demo", "--out", "x", "y"], "unexpected argument 'y'"),
    (["demo"], "required: --out"),
    (["demos"], "invalid choice: 'demos'"),
])
def test_what_cannot_be_read_is_one_line(argv, message, capsys):
  assert cli.main(argv) == 2
  err = capsys.readouterr().err
  assert err.startswith("error: ") and err.count("\n") == 1
  assert message in err


@pytest.mark.parametrize("error, status", [
    (KeyboardInterrupt(), 130), (MemoryError("no\nroom"), 1),
    (FileNotFoundError("x does not exist"), 1), (ValueError("wrong"), 1),
    (errors.ConversionError("damaged"), 1), (commands.UsageError("both"), 2)])
def test_every_kind_of_end_has_a_status_and_a_line(
    error, status, monkeypatch, capsys):

  def end(args):
    raise error

  monkeypatch.setattr(evaluate, "run", end)
  assert cli.main(["evaluate", "x.py"]) == status
  err = capsys.readouterr().err
  assert err.count("\n") == 1
  assert err == "interrupted\n" or err.startswith("error: ")


@pytest.mark.parametrize("error", [
    TypeError("a defect"), UnicodeDecodeError("utf-8", b"", 0, 1, "a defect")])
def test_defects_are_not_hidden(error, monkeypatch):

  def end(args):
    raise error

  monkeypatch.setattr(evaluate, "run", end)
  with pytest.raises(type(error)):
    cli.main(["evaluate", "x.py"])


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_command_says_what_it_is_and_shows_examples(name, capsys):
  module = importlib.import_module(f"jaxguide.commands.{name}")
  assert module.SUMMARY.endswith(".") and module.SUMMARY[0].isupper()
  assert cli.main([name, "--help"]) == 0
  text = capsys.readouterr().out
  assert "examples:\n" in text and f"  jaxguide {name} " in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_an_argument_is_a_sentence_on_a_noun(name):
  parser = argparse.ArgumentParser()
  importlib.import_module(f"jaxguide.commands.{name}").add_arguments(parser)
  for action in parser._actions[1:]:
    first = action.help.split()[0]
    assert first[0].isupper() and first not in ("Of", "See", "For", "The")
    assert action.help.endswith("."), action.help


def test_settings_of_convert_are_those_of_the_converter(capsys):
  assert cli.main(["convert", "--help"]) == 0
  text = capsys.readouterr().out
  for option in checkpoint_settings.options():
    assert f"--{option.name}" in text


def test_backends_are_those_of_the_library():
  assert experiment_options.BACKENDS == parallel.BACKENDS
