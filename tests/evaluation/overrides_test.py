"""--set, and what experiments say of themselves."""

import dataclasses
import enum
import functools
import json
import pathlib
import typing
from typing import Literal

import numpy as np
import pytest

from jaxguide import convert
from jaxguide import data
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.models import attention
from jaxguide.models import convolution
from tests.evaluation import support


class TestOverride:

  def test_by_dotted_path_and_type(self):
    changed = overrides.override(support.experiment(), [
        "seed=3", "method.num_steps = 20", "method.variant=released",
        "method.clip_x0=true", "method.eta=0.5", "name=x=y", "data.count=7"])
    assert changed.seed == 3
    assert changed.method.num_steps == 20
    assert changed.method.variant == "released"
    assert changed.method.clip_x0 is True
    assert changed.method.eta == 0.5
    assert changed.name == "x=y"
    assert changed.data.count == 7

  def test_leaves_the_given_one_alone(self):
    before = support.experiment()
    overrides.override(before, ["seed=3"])
    assert before == support.experiment()

  @pytest.mark.parametrize("setting, near", [
      ("method.num_step=20", "method.num_steps"),
      ("metod.num_steps=20", "method.num_steps"),
      ("num_steps=20", "method.num_steps"),
      ("method.num_steps.x=20", "method.num_steps"),
      ("batchsize=2", "batch_size"),
      ("factor=2", "known names"),
  ])
  def test_unknown_names_get_near_ones(self, setting, near):
    with pytest.raises(overrides.OverrideError) as caught:
      overrides.override(support.experiment(), [setting])
    name = setting.partition("=")[0]
    assert f"--set {name}: unknown name" in str(caught.value)
    assert near in str(caught.value)
    assert "\n" not in str(caught.value)

  @pytest.mark.parametrize("setting, message", [
      ("seed", "needs name=value, got 'seed'"),
      ("seed=three", "seed: needs int, got 'three'"),
      ("seed=1.5", "seed: needs int"),
      ("method.clip_x0=maybe", "needs one of true, false, got 'maybe'"),
      ("method.variant=papers", "needs one of paper, released"),
      ("method.num_steps=0", "num_steps must be at least 1, got 0"),
      ("seed=-1", "seed must be in"),
      ("method=ddim", "is a group, set one of method.num_steps, "),
      ("metrics=psnr", "cannot be given as text"),
  ])
  def test_values_that_do_not_fit(self, setting, message):
    with pytest.raises(overrides.OverrideError, match=message):
      overrides.override(support.experiment(), [setting])

  def test_optional_fields(self, tmp_path):
    masks = sources.Masks(data.masks.thin(), folder="somewhere")
    experiment = support.experiment(task=tasks.Inpainting(masks))
    changed = overrides.override(experiment, [
        "task.masks.folder=none", "task.masks.threshold=0.5",
        "task.masks.drawn.strokes=1, 2"])
    assert changed.task.masks.folder is None
    assert changed.task.masks.threshold == 0.5
    assert changed.task.masks.drawn.strokes == (1, 2)

  def test_an_optional_group_can_be_left_out(self):
    method = methods.Vipaint(perceptual=sources.InstalledLpips())
    experiment = support.experiment(method=method)
    changed = overrides.override(experiment, ["method.perceptual=none"])
    assert changed.method == methods.Vipaint()
    changed = overrides.override(experiment, ["method.perceptual.net=alex"])
    assert changed.method.perceptual.net == "alex"
    with pytest.raises(overrides.OverrideError, match=(
        "method.perceptual.net, or none to do without")):
      overrides.override(experiment, ["method.perceptual=lpips"])
    # What a run cannot be without stays.
    with pytest.raises(
        overrides.OverrideError, match="method: is a group.*[^t]$"):
      overrides.override(experiment, ["method=none"])

  def test_every_settable_path_is_known(self):
    paths = list(overrides.settable_paths(support.experiment()))
    assert {"name", "seed", "batch_size", "method.num_steps", "prior.size",
            "task.noise_std"} <= set(paths)
    assert "metrics" not in paths and "published" not in paths
    for path in paths:
      value = functools.reduce(getattr, path.split("."), support.experiment())
      again = overrides.override(support.experiment(), [f"{path}={value}"])
      assert again == support.experiment()


class TestConvertedPrior:

  def _options(self, tmp_path, monkeypatch, *settings):
    """What the network is built with."""
    asked = []
    monkeypatch.setattr(
        convert, "load_prior",
        lambda path, **options: asked.append(options))
    prior = sources.ConvertedPrior(str(tmp_path), "adm.pt", "adm")
    overrides.override(
        support.experiment(prior=prior), settings).prior.load()
    return asked[0]

  def test_gives_the_chosen_formulations(self, tmp_path, monkeypatch):
    options = self._options(
        tmp_path, monkeypatch, "prior.conv_impl=winograd",
        "prior.attention_impl=matmul", "prior.remat=true")
    assert options["conv_impl"] == "winograd"
    assert options["attention_impl"] == "matmul" and options["remat"]

  def test_leaves_the_others_to_the_network(self, tmp_path, monkeypatch):
    """Not every network has them."""
    assert set(self._options(tmp_path, monkeypatch)) == {"dtype", "remat"}
    options = self._options(tmp_path, monkeypatch, "prior.conv_impl=lax")
    assert set(options) == {"dtype", "remat", "conv_impl"}

  def test_knows_every_formulation(self):
    kinds = typing.get_type_hints(sources.ConvertedPrior)
    assert typing.get_args(
        kinds["conv_impl"]) == convolution.IMPLEMENTATIONS
    assert typing.get_args(
        kinds["attention_impl"]) == attention.IMPLEMENTATIONS

  def test_refuses_others_before_anything_is_loaded(
      self, tmp_path, monkeypatch
  ):
    with pytest.raises(overrides.OverrideError, match="auto, lax, winograd"):
      self._options(tmp_path, monkeypatch, "prior.conv_impl=fft")


class _Colour(enum.Enum):
  RED = 1


@pytest.mark.parametrize("text, kind, value", [
    ("a/b", pathlib.Path, pathlib.Path("a/b")),
    ("RED", _Colour, _Colour.RED),
    ("1,2,3", tuple[int, ...], (1, 2, 3)),
    ("(1, 0.5)", tuple[int, float], (1, 0.5)),
    ("", tuple[int, ...], ()),
    ("None", int | None, None),
    ("4", int | None, 4),
    ("2", Literal[1, 2], 2),
    ("1e-3", float, 1e-3),
])
def test_parse(text, kind, value):
  assert overrides.parse(text, kind, "field") == value


def test_parse_counts_tuples():
  with pytest.raises(overrides.OverrideError, match="needs 2 comma-separated"):
    overrides.parse("1,2,3", tuple[int, int], "field")


class TestToJson:

  def test_says_every_field_and_kind(self):
    said = overrides.to_json(support.experiment(
        published=tables.published("T", ("fid",), {"a": (1.0,)})))
    assert said["kind"] == "Experiment"
    assert said["method"]["kind"] == "Steered"
    assert said["method"]["num_steps"] == 4
    assert said["published"][0]["values"] == {"fid": 1.0}
    json.dumps(said)

  def test_never_holds_an_address(self):
    """It would refuse to go on with a run in another process."""

    @dataclasses.dataclass(frozen=True)
    class Odd:
      call: object
      part: object
      array: object
      path: object
      thing: object

    odd = Odd(lambda x: x, functools.partial(max, 1, key=abs),
              np.zeros((2, 3), np.float32), pathlib.Path("a"), object())
    text = json.dumps(overrides.to_json(odd))
    assert "0x" not in text
    assert '"array[2, 3] float32"' in text and '"a"' in text


def test_tiny_keeps_task_and_kind_of_method():
  whole = support.experiment()
  small = whole.tiny()
  assert small.task == whole.task
  assert type(small.method) is type(whole.method)
  assert small.method.num_steps == 2 and small.method.num_inner == 2
  assert small.prior == sources.RandomPrior(16) and small.data.size == 16


def test_tiny_keeps_images_that_are_always_there():
  whole = support.experiment(data=sources.EmbeddedImages())
  small = whole.tiny()
  assert small.data == whole.data and small.prior.size == 32
