import dataclasses
import subprocess
import sys

from jaxguide import checkpoint_settings


def test_every_setting_is_an_option_with_a_sentence():
  options = checkpoint_settings.options()
  fields = dataclasses.fields(checkpoint_settings.Settings)
  assert [o.name for o in options] == [f.name for f in fields]
  for option in options:
    assert option.help[0].isupper() and option.help.endswith(".")
    assert option.default is None or type(option.default) is option.kind
    assert f"{option.name}:" in checkpoint_settings.Settings.__doc__


def test_said_are_those_that_differ_from_their_defaults():
  assert not checkpoint_settings.Settings().said()
  for option in checkpoint_settings.options():
    value = {int: 7, str: "x", bool: True}[option.kind]
    settings = checkpoint_settings.Settings(**{option.name: value})
    assert settings.said() == (option.name,)


def test_they_are_read_without_starting_jax():
  code = ("import sys\nfrom jaxguide import checkpoint_settings\n"
          "print('jax' in sys.modules)")
  done = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert done.stdout.strip() == "False"
