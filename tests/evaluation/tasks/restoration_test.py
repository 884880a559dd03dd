"""Tasks: what is observed, the baseline, and the constraint."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import data
from jaxguide import noises
from jaxguide import schedules
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.reporting import reports
from jaxguide.operators import lifts
from tests.evaluation import support

SHAPE = (16, 16)
TASKS = {
    "inpainting": tasks.Inpainting(data.masks.Box(seed=3)),
    "colorization": tasks.Colorization(),
    "bicubic_x2": tasks.SuperResolution(2),
    "bicubic_x4": tasks.SuperResolution(4),
    "bicubic_x8": tasks.SuperResolution(8),
    "width_x4": tasks.SuperResolution(4, axes="width"),
    "pseudo_inverse_x4": tasks.SuperResolution(4),
    "pooled_x4": tasks.SuperResolution(4, kind="average_pool"),
}
# Bicubic upsampling is no right inverse of bicubic downsampling.
EXACT = sorted(set(TASKS) - {n for n in TASKS if n.startswith("bicubic")}
               - {"width_x4"})


def _images(seed, count=3):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.uniform(-1, 1, (count, *SHAPE, 3)), jnp.float32)


def _constraint(problem, variant, lift="published"):
  return methods.Steered(variant=variant, lift=lift).constraint(problem)


def _lift(name):
  return "pseudo_inverse" if name.startswith("pseudo") else "published"


def _problem(task, reference):
  inputs = [task.inputs(n, "", SHAPE) for n in range(len(reference))]
  stacked = {k: np.stack([i[k] for i in inputs]) for k in inputs[0]}
  noise = noises.prng_noise(jax.random.split(jax.random.key(0), 3))
  return tasks.observe(task, reference, stacked, noise)


@pytest.mark.parametrize("name", TASKS)
def test_the_reference_needs_no_correction(name):
  reference = _images(0)
  constraint = _constraint(
      _problem(TASKS[name], reference), "paper", _lift(name))
  np.testing.assert_allclose(constraint(reference), 0, atol=2e-6)


@pytest.mark.parametrize("name", EXACT)
def test_a_corrected_picture_meets_the_observation(name):
  problem = _problem(TASKS[name], _images(0))
  x0 = _images(1)
  corrected = x0 + _constraint(problem, "paper", _lift(name))(x0)
  observed = problem.observation.operator.apply(corrected)
  np.testing.assert_allclose(observed, problem.observation.y, atol=3e-6)


@pytest.mark.parametrize("name", sorted(set(TASKS) - set(EXACT)))
def test_bicubic_corrections_come_closer(name):
  problem = _problem(TASKS[name], _images(0))
  x0 = _images(1)
  apply, y = problem.observation.operator.apply, problem.observation.y
  before = jnp.abs(apply(x0) - y).mean()
  after = jnp.abs(apply(x0 + _constraint(problem, "paper")(x0)) - y).mean()
  assert after < 0.35 * before


@pytest.mark.parametrize("name", TASKS)
def test_the_degraded_picture_looks_like_the_observation(name):
  """Of a constant grey picture, nothing is lost inside."""
  grey = jnp.full((3, *SHAPE, 3), 0.25)
  degraded = _problem(TASKS[name], grey).picture()
  assert degraded.shape == grey.shape
  middle = np.asarray(degraded)[:, 7:9, 7:9]
  if name == "inpainting":
    assert set(np.unique(degraded)) == {0.0, np.float32(0.25)}
  elif name == "width_x4":
    # With zeros around the image every width of 16 is near a border.
    np.testing.assert_allclose(middle, 0.25, atol=0.02)
  else:
    np.testing.assert_allclose(middle, 0.25, atol=1e-5)


def test_released_colorization_is_the_rounded_swap():
  problem = _problem(tasks.Colorization(), _images(0))
  x0 = _images(1)
  paper = _constraint(problem, "paper")(x0)
  released = _constraint(problem, "released")(x0)
  assert 1e-6 < float(jnp.abs(paper - released).max()) < 5e-3


def test_width_keeps_the_height():
  y = _problem(TASKS["width_x4"], _images(0)).observation.y
  assert y.shape == (3, 16, 4, 3)
  lift = lifts.bicubic_up(SHAPE, 4, boundary="zero", axes="width")
  np.testing.assert_array_equal(
      _problem(TASKS["width_x4"], _images(0)).picture(), lift(y))


def test_noise_has_its_standard_deviation_and_its_image_s_key():
  reference = jnp.zeros((3, 64, 64, 3))
  task = tasks.Colorization(noise_std=0.3)
  keys = jax.random.split(jax.random.key(1), 3)
  y = tasks.observe(task, reference, {}, noises.prng_noise(keys))
  alone = tasks.observe(
      task, reference[1:2], {}, noises.prng_noise(keys[1:2]))
  np.testing.assert_array_equal(y.observation.y[1], alone.observation.y[0])
  assert float(y.observation.y.std()) == pytest.approx(0.3, rel=0.03)
  assert y.observation.noise_std == 0.3


def test_missing_pixels_are_grey_whatever_the_noise():
  reference = _images(0)
  task = tasks.Inpainting(sources.Masks(data.masks.Half()), noise_std=0.3)
  mask = np.stack([task.inputs(n, "", SHAPE)["mask"] for n in range(3)])
  keys = jax.random.split(jax.random.key(1), 3)
  problem = tasks.observe(
      task, reference, {"mask": mask}, noises.prng_noise(keys))
  shown = problem.picture()
  assert np.all(np.where(mask == 0, shown, 0) == 0)
  np.testing.assert_array_equal(
      np.where(mask == 1, shown, 0),
      np.where(mask == 1, problem.observation.y, 0))


def test_masks_come_from_the_folder_where_one_is_named(tmp_path):
  from PIL import Image

  drawn = sources.Masks(data.masks.Half(missing="left"))
  np.testing.assert_array_equal(
      drawn.mask(0, "a.png", SHAPE)[:, :, 0], [[0] * 8 + [1] * 8] * 16)
  white = np.zeros(SHAPE, np.uint8)
  white[:4] = 255
  Image.fromarray(white).save(tmp_path / "a.png")
  read = sources.Masks(data.masks.Half(), folder=str(tmp_path))
  mask = read.mask(0, "a.jpg", SHAPE)
  np.testing.assert_array_equal(mask[..., 0], 1 - white / 255)


def test_masks_named_and_sized_otherwise_are_set_by_their_names(tmp_path):
  from PIL import Image

  white = np.zeros((8, 8), np.uint8)
  white[:4] = 255
  Image.fromarray(white).save(tmp_path / "a_mask.png")
  experiment = support.experiment(
      task=tasks.Inpainting(sources.Masks(data.masks.Half())))
  settings = [f"task.masks.folder={tmp_path}", "task.masks.suffix=_mask",
              "task.masks.resize=nearest"]
  changed = overrides.override(experiment, settings)
  mask = changed.task.masks.mask(0, "a.jpg", SHAPE)
  # Bicubic resizing, the default, would leave grey at the edge.
  np.testing.assert_array_equal(mask[..., 0], [[0] * 16] * 8 + [[1] * 16] * 8)
  refusing = overrides.override(changed, ["task.masks.resize=none"])
  with pytest.raises(ValueError, match="is 8x8, must be 16x16"):
    refusing.task.masks.mask(0, "a.jpg", SHAPE)
  # They change the picture, so a folder of results tells them apart.
  said = reports.identity(changed, None, None)["experiment"]["task"]["masks"]
  assert said["suffix"] == "_mask" and said["resize"] == "nearest"


def test_masks_of_a_folder_have_the_reader_s_defaults():
  defaults = {f.name: f.default for f in dataclasses.fields(sources.Masks)}
  for field in dataclasses.fields(data.MaskFolder):
    if field.default is not dataclasses.MISSING:
      assert defaults[field.name] == field.default, field.name


@pytest.mark.parametrize("fields, message", [
    ({"factor": 1}, "factor must be at least 2"),
    ({"kind": "nearest"}, "kind must be one of"),
    ({"axes": "height"}, "axes must be one of"),
    ({"kind": "average_pool", "axes": "width"}, "needs kind='bicubic'"),
])
def test_impossible_super_resolutions_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    tasks.SuperResolution(**fields)


def test_an_unknown_lift_is_refused():
  with pytest.raises(ValueError, match="lift must be one of"):
    methods.Steered(lift="adjoint")


@pytest.mark.parametrize("task, num_inner", [
    (TASKS["inpainting"], 3), (TASKS["colorization"], 3),
    (TASKS["bicubic_x8"], 1),
])
def test_presets_have_the_published_iterations(task, num_inner):
  assert methods.steered_paper(task).num_inner == num_inner
  assert methods.steered_paper(task).variant == "paper"
  assert methods.steered_released().num_inner == 1
  assert methods.steered_released().variant == "released"


def test_the_constraint_s_k_is_constant_or_follows_the_noise():
  schedule = schedules.linear(1000)
  varying = overrides.override(
      support.experiment(method=methods.Steered(20, 3)),
      ["method.constraint_schedule=time_varying"]).method
  for method in (methods.Steered(20, 3), varying):
    plan = method.steps(schedule)
    k = np.asarray(plan.coefficients.constraint_scale)
    wanted = np.sqrt(1 - np.asarray(plan.level.alpha) ** 2)
    assert k.shape == (60,) and wanted[0] > 0.99 > 0.1 > wanted[-1]
    np.testing.assert_allclose(
        k, wanted if method is varying else 1.0, atol=2e-6)


def test_titles_tell_methods_apart():
  titles = {m.title for m in (
      methods.Baseline(), methods.Ddim(), methods.Ddim(num_steps=10),
      methods.Steered(), methods.Steered(num_inner=3),
      methods.Steered(variant="released"),
      methods.Steered(constraint_schedule="time_varying"))}
  assert len(titles) == 7
  assert methods.Steered(label="mine").title == "mine"


@pytest.mark.parametrize("fields, message", [
    ({"variant": "papers"}, "variant must be one of"),
    ({"constraint_schedule": "cosine"}, "constraint_schedule must be one of"),
    ({"num_steps": 0}, "num_steps must be at least 1"),
    ({"num_inner": 0}, "num_inner must be at least 1"),
])
def test_impossible_methods_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    methods.Steered(**fields)


@pytest.mark.parametrize("task, title", [
    (tasks.Inpainting(data.EmbeddedMasks("free_form")),
     "inpainting (free form)"),
    (tasks.Inpainting(data.masks.RotatedWindow()),
     "inpainting (rotated window)"),
    (tasks.Inpainting(sources.Masks(data.masks.Box())), "inpainting (box)"),
    (tasks.Inpainting(sources.Masks(data.masks.Box(), "masks")),
     "inpainting (a folder's masks)"),
    (tasks.Colorization(), "colorization"),
    (tasks.SuperResolution(4), "super-resolution x4"),
    (tasks.SuperResolution(8, axes="width"),
     "super-resolution x8, width only"),
    (tasks.GaussianDeblurring(), "deblurring"),
    (tasks.Translation(), "translation")])
def test_a_title_is_a_phrase_that_a_run_s_identity_does_not_hold(task, title):
  assert task.title == title
  assert "title" not in overrides.to_json(task)
