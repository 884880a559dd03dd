"""The `jaxguide` command, beyond what its parts test themselves."""

import subprocess
import sys

import pytest

from jaxguide import checkpoint_settings
from jaxguide import cli


def test_help_lists_the_commands_and_does_not_start_jax():
  code = ("import sys\nfrom jaxguide import cli\n"
          "try:\n  cli.main(['--help'])\nfinally:\n"
          "  sys.stderr.write(str('jax' in sys.modules))")
  done = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True)
  assert done.returncode == 0
  assert done.stderr == "False"
  for command in ("demo", "inspect", "convert", "evaluate"):
    assert command in done.stdout


def test_no_command_is_refused_with_the_usage(capsys):
  with pytest.raises(SystemExit) as stop:
    cli.main([])
  assert stop.value.code == 2
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


def test_evaluate_takes_the_flags_of_the_script(capsys):
  assert cli.main(["evaluate", "--no_such_flag=1"]) == 2
  assert "no_such_flag" in capsys.readouterr().err


def test_settings_of_convert_are_those_of_the_converter(capsys):
  with pytest.raises(SystemExit) as stop:
    cli.main(["convert", "--help"])
  assert stop.value.code == 0
  text = capsys.readouterr().out
  for option in checkpoint_settings.options():
    assert f"--{option.name}" in text
