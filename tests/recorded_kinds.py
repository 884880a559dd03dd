"""The kinds of recordings, and the tests that replay each: one table.

A recording is recognised by what it holds. The tests take their cases from
here, and `tests/recorded_test.py` checks that no file of the folder is left
over and that each file reaches every test of its kinds.
"""

from collections.abc import Callable, Iterable
import functools
import json
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
import pytest

# Notes and lists beside the recordings.
_NO_RECORDINGS = (".md", ".json", ".gz")


class Contents(NamedTuple):
  """What tells a file's kind: its place, its arrays' names, its settings."""

  path: pathlib.Path
  keys: frozenset[str]
  config: dict[str, Any]

  def has(self, *keys: str) -> bool:
    return set(keys) <= self.keys

  def has_group(self, prefix: str) -> bool:
    return any(k.startswith(prefix) for k in self.keys)

  def prefixes(self, *ends: str) -> list[str]:
    """What stands before `ends[0]`, where every end stands behind it."""
    found = [k.removesuffix(ends[0]) for k in self.keys if k.endswith(ends[0])]
    return sorted(p for p in found if {p + e for e in ends} <= self.keys)


class Kind(NamedTuple):
  """A kind of recording.

  Attributes:
    name: what it is called here.
    claims: whether a file is of this kind; a file may be of several.
    tests: "module:function" of the tests that replay it, all parametrised by
      the file or by what `case` makes of it.
    loops: further tests, which find these files by themselves. What has
      neither is not replayed yet.
    case: the path that the tests are given; None where all of their cases
      use the file.
  """

  name: str
  claims: Callable[[Contents], bool]
  tests: tuple[str, ...] = ()
  loops: tuple[str, ...] = ()
  case: Callable[[pathlib.Path], pathlib.Path | None] = lambda path: path


def folder() -> pathlib.Path | None:
  root = os.environ.get("JAXGUIDE_RECORDED")
  return pathlib.Path(root) if root else None


@functools.cache
def read(path: pathlib.Path) -> Contents:
  if path.suffix != ".npz":
    return Contents(path, frozenset(), {})
  with np.load(path) as archive:
    keys, config = frozenset(archive.files), {}
    for name in ("config", "config_json"):
      if name in keys:
        config = json.loads(str(archive[name]))
  return Contents(path, keys, config)


@functools.cache
def files() -> tuple[Contents, ...]:
  """Every recording under the folder, of any kind or of none."""
  root = folder()
  paths = sorted(root.rglob("*")) if root else []
  return tuple(
      read(p) for p in paths
      if p.is_file() and p.suffix not in _NO_RECORDINGS)


def paths(name: str) -> list[pathlib.Path]:
  """The files of the kind of that name."""
  (kind,) = (k for k in KINDS if k.name == name)
  return [c.path for c in files() if kind.claims(c)]


def cases(names: Any, values: Iterable[Any], what: str) -> Any:
  """`pytest.mark.parametrize` by recordings.

  Without the folder the test is skipped. With a folder that holds no such
  file the test is not collected; `tests/recorded_test.py` answers for it.
  """
  values = list(values)
  if values:
    return pytest.mark.parametrize(names, values, ids=_id)
  if folder():
    return _not_collected
  count = 1 if isinstance(names, str) else len(names)
  return pytest.mark.parametrize(names, [pytest.param(
      *[None] * count, id="none", marks=pytest.mark.skip(
          reason=f"JAXGUIDE_RECORDED is not set ({what})"))])


def parametrized(name: str) -> Any:
  """One case, `path`, per file of the kind of that name."""
  return cases("path", paths(name), name)


def _id(value: Any) -> str | None:
  # The whole name of a container: several differ in the suffix alone.
  if not isinstance(value, pathlib.Path):
    return None
  return value.stem if value.suffix == ".npz" else value.name


def _not_collected(test: Any) -> Any:
  test.__test__ = False
  return test


def claiming(contents: Contents) -> list[Kind]:
  return [kind for kind in KINDS if kind.claims(contents)]


# What the kinds are told by.


def expected(path: pathlib.Path) -> pathlib.Path:
  """Where the tensors of a container are recorded, if they are."""
  return path.parent / f"{path.name.removesuffix(path.suffix)}.expected.npz"


def container_of(path: pathlib.Path) -> pathlib.Path | None:
  """The container that a file belongs to: the same name, other suffix."""
  name = path.name
  for end in (".expected.npz", ".forward.npz"):
    name = name.removesuffix(end)
  found = [p for p in path.parent.glob(f"{name}.*") if _is_container(read(p))
           and p.name.removesuffix(p.suffix) == name]
  return found[0] if found else None


def _is_container(contents: Contents) -> bool:
  return contents.path.suffix not in (".npz", *_NO_RECORDINGS)


def _class(*names: str) -> Callable[[Contents], bool]:
  return lambda c: c.config.get("cls") in names


def _keys(*keys: str) -> Callable[[Contents], bool]:
  return lambda c: c.has(*keys)


def _suffix(end: str) -> Callable[[Contents], bool]:
  return lambda c: any(k.endswith(end) for k in c.keys)


def _named(*patterns: str) -> Callable[[Contents], bool]:
  return lambda c: any(c.path.match(p) for p in patterns)


def _is_steered(c: Contents) -> bool:
  return c.has("config_json", "noise", "x_steps")


def _steered(cond: str) -> Callable[[Contents], bool]:
  return lambda c: (
      _is_steered(c) and c.has("start", "pred_xstart", "init_image")
      and cond in c.config.get("cond", ""))


def _is_embedding(c: Contents) -> bool:
  return ((c.has("in/t") or c.has("t")) and c.has_group("out/")
          and not c.has_group("sd/") and not c.has("in/x"))


def _is_bare_network(c: Contents) -> bool:
  return c.has("sd/time_embed.0.weight") and not c.config


def _is_chain(c: Contents) -> bool:
  return (c.has("x_src", "betas", "logvar", "z", "e")
          and not c.has("mask"))


def _tests(module: str, *names: str) -> tuple[str, ...]:
  return tuple(f"tests.{module}:{name}" for name in names)


_ADM = "models.adm_unet_test", "test_replays_a_recorded_network"
_STEERED = "samplers.steered_recorded_test"
_OPERATORS = "operators.recorded_test"
_READER = "convert.reading.torch_reader_test"
_EGSDE = "samplers.egsde_recorded_test"
_LDM = "models.ldm_recorded_test"

KINDS = (
    # Networks of ADM.
    Kind("ADM network", _class("UNetModel", "SuperResModel"), _tests(*_ADM)),
    Kind("ADM classifier", _class("EncoderUNetModel"), _tests(
        "models.adm_classifier_test", "test_replays_a_recorded_classifier")),
    Kind("time embedding", _is_embedding, _tests(
        "models.adm_classifier_test",
        "test_replays_recorded_time_embeddings")),
    # Steered Diffusion.
    Kind("steered run", _is_steered, _tests(
        _STEERED, "test_replay", "test_every_recorded_draw_is_placed",
        "test_times_and_schedule", "test_network", "test_degraded")),
    Kind("steered network", _is_bare_network,
         _tests(_STEERED, "test_network"), case=lambda path: None),
    Kind("steered energy", lambda c: _is_steered(c) and c.has_group("unit/"),
         _tests(_STEERED, "test_unit_gradients")),
    Kind("steered colorization", _steered("grayscale"),
         _tests(_OPERATORS, "test_steered_colorization")),
    Kind("steered inpainting", _steered("inpaint"),
         _tests(_OPERATORS, "test_steered_inpainting")),
    Kind("steered super-resolution", _steered("SR"),
         _tests(_OPERATORS, "test_steered_super_resolution")),
    Kind("resizer", lambda c: c.has_group("resize_f"),
         _tests(_OPERATORS, "test_resized_images", "test_resizer_tables")),
    Kind("YCbCr", lambda c: c.has_group("ycbcr/"),
         _tests(_OPERATORS, "test_ycbcr")),
    Kind("respaced schedule",
         lambda c: bool(c.prefixes("betas", "alphas_cumprod", "timestep_map")),
         _tests("schedules_test", "test_recorded_schedules")),
    Kind("schedule of latent diffusion", _named("networks/ldm_schedules*"),
         _tests("schedules_test", "test_recorded_latent_schedules")),
    Kind("ancestral posterior",
         lambda c: bool(c.prefixes("posterior_mean_coef1", "timestep_map")),
         _tests("samplers.ddpm_test", "test_recorded_posteriors")),
    # Containers.
    Kind("container with its tensors",
         lambda c: _is_container(c) and expected(c.path).exists(),
         _tests(_READER, "test_a_recorded_container_reads_to_the_bit")),
    Kind("container alone",
         lambda c: _is_container(c) and not expected(c.path).exists(),
         _tests(_READER, "test_a_recorded_container_alone_runs_nothing")),
    Kind("tensors of a container",
         lambda c: c.path.name.endswith(".expected.npz"),
         _tests(_READER, "test_a_recorded_container_reads_to_the_bit"),
         case=container_of),
    Kind("Lightning checkpoint", lambda c: c.path.suffix == ".ckpt", loops=(
        *_tests("convert.reading.weights_test",
                "test_recorded_lightning_file_has_both"),
        *_tests("convert.latent_checkpoints_test",
                "test_recorded_checkpoints"))),
    Kind("EDM pickle",
         lambda c: c.path.suffix == ".pkl" and "edm" in c.path.stem,
         _tests("convert.networks.edm_test",
                "test_a_pickle_converts_by_itself_and_replays")),
    Kind("outputs of an EDM pickle", _keys("x", "sigma", "class_labels", "D"),
         _tests("convert.networks.edm_test",
                "test_a_pickle_converts_by_itself_and_replays"),
         case=container_of),
    # Networks of EGSDE, EDM, latent diffusion and metrics.
    Kind("DDPM network", _class("models.ddpm.Model"), (
        *_tests("models.ddpm_unet_test",
                "test_replays_a_recorded_network"),
        *_tests("convert.networks.edm_test",
                "test_a_recorded_state_dict_converts_both_ways"))),
    Kind("EDM network",
         _class("EDMPrecond", "VPPrecond", "VEPrecond", "iDDPMPrecond"), (
             *_tests("models.edm_unet_test",
                     "test_replays_a_recorded_network"),
             *_tests("convert.networks.edm_test",
                     "test_a_recorded_state_dict_converts_both_ways"))),
    Kind("latent UNet", _class("ldm UNetModel"), _tests(_LDM, "test_unet")),
    Kind("KL autoencoder", _class("AutoencoderKL"),
         _tests(_LDM, "test_kl_autoencoder")),
    Kind("VQ autoencoder", _class("VQModelInterface"),
         _tests(_LDM, "test_vq_autoencoder")),
    Kind("LPIPS", _class("lpips.LPIPS"), (
        *_tests("models.lpips_test", "test_recorded_values_and_gradients"),
        *_tests("metrics.perceptual_test", "test_recorded_values"))),
    Kind("Inception block",
         _keys("sd/branch1x1.conv.weight", "sd/branch_pool.bn.running_var"),
         _tests("models.inception_test", "test_recorded_blocks")),
    # EGSDE, SDEdit, ILVR.
    Kind("EGSDE run", _is_chain, _tests(
        _EGSDE, "test_chain", "test_start_points", "test_recorded_energies")),
    Kind("masked SDEdit run", _keys("mask", "betas", "z", "e"),
         _tests(_EGSDE, "test_masked_chain")),
    Kind("ILVR run", _keys("timestep_map", "ref_noise", "x_T", "z"),
         _tests(_EGSDE, "test_ilvr")),
    Kind("EGSDE energies", _keys("y", "xt", "t0_E_s_cosine"),
         _tests(_EGSDE, "test_single_energies")),
    Kind("EGSDE forwards", lambda c: c.has("x", "t") and bool(
        c.keys & {"unet_adm", "unet_ddpm", "dse_features", "dse_logits"}),
         _tests(_EGSDE, "test_forwards")),
    Kind("EGSDE extractor",
         lambda c: c.has_group("sd/I2Iout.") and c.has_group("out/"),
         _tests(_EGSDE, "test_an_extractor_and_its_energies")),
    Kind("EGSDE network",
         lambda c: c.has("time_embed.0.weight") or c.has("conv_in.weight"),
         _tests(_EGSDE, "test_chain", "test_single_energies"),
         case=lambda path: None),
    Kind("training of a classifier", _keys("x", "t", "labels", "lr", "loss"),
         _tests("training.noisy_classifier_test",
                "test_recorded_training_is_replayed")),
    Kind("low-pass filter", _suffix("_Dmat"), _tests(
        "operators.lowpass_test", "test_recorded_matrices",
        "test_recorded_taps", "test_recorded_images")),
    Kind("metrics of EGSDE", _keys("a", "b", "ssim", "psnr", "mse", "l2"),
         _tests("metrics.recorded_test", "test_equals_the_recorded_values")),
    # VIPaint.
    Kind("VIPaint fit", _keys("it0_loss_total"), _tests(
        "variational.released_fit_test", "test_tables", "test_initialisation",
        "test_losses_and_gradients", "test_network_calls",
        "test_parameters_after_the_updates")),
    Kind("VIPaint samples", _keys("dps0_z_in"), _tests(
        "variational.released_sampling_test",
        "test_every_recorded_step_by_itself", "test_the_whole_way",
        "test_hierarchy_and_plan")),
    Kind("VIPaint schedules", lambda c: bool(
        c.prefixes("_alphas_cumprod", "_timesteps_1000")), _tests(
            "variational.plans_test", "test_recorded_schedules")),
    Kind("units of VIPaint's loss", _keys("unit_q_alpha_tau", "unit_kl"),
         _tests("variational.units_test", "test_recorded_units")),
    Kind("VIPaint masks", lambda c: _named("vipaint/*")(c) and (
        c.has_group("random_") and c.has_group("half_")), loops=_tests(
            "data.vipaint_masks_test", "test_recorded_random_masks",
            "test_recorded_rotated_windows")),
    Kind("VIPaint operators", _keys("gblur_y"),
         _tests(_OPERATORS, "test_vipaint_blur_and_super_resolution")),
    Kind("operators of baselines", _keys("gauss61_s3", "resize_16_x4"), _tests(
        _OPERATORS, "test_gaussian_kernel", "test_mirrored_resizing_matrices",
        "test_ddrm_bicubic", "test_ddrm_average_pooling", "test_ddrm_grey",
        "test_ddrm_blur_as_meant", "test_reflected_blur")),
    # What their READMEs name and nothing replays yet.
    Kind("run of a baseline", lambda c: (
        _named("baselines/*")(c) and not c.has("gauss61_s3"))),
    Kind("effect", _named("effects/*")),
    Kind("exact posterior", _named("exact_posterior/*")),
    Kind("network of a later task", _named(
        "networks/vggface*", "networks/clip_vit*", "networks/farl_*",
        "networks/retinaface*", "networks/multitask_*")),
)
