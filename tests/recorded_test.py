"""No recording is left over, and no kind that the READMEs name is missing.

Run with JAXGUIDE_RECORDED naming the folder of recordings. The replays are in
the tests that `tests/recorded_kinds.py` lists.
"""

import importlib
import json
import os
import sys

import numpy as np
import pytest

from tests import recorded_kinds

# Every case that a README names of what is built: what a file of that name
# would hold as far as its kind is told by it, and its kinds.
_SD = ("sd/time_embed.0.weight", "in/x", "in/t", "in/cotangent", "out/out",
       "out/grad_x")
_RUN = ("init_image", "noise", "x_T", "start", "pred_xstart", "x_steps",
        "betas", "alphas_cumprod", "timestep_map")
_RUN_KINDS = ("steered run", "respaced schedule")
_TABLES = ("timestep_map", "betas", "alphas_cumprod", "posterior_variance",
           "posterior_mean_coef1", "posterior_mean_coef2")


def _network(cls, *keys):
  return (*_SD, *keys), {"cls": cls}


def _run(cond, *keys, **config):
  config = {"cond": cond, "num_iters": 1, "clip_denoised": False, **config}
  return (*_RUN, *keys), config


NAMED = {
    **{f"networks/adm_{name}.npz": (_network("UNetModel"), ("ADM network",))
       for name in ("full_classcond", "plain_legacy_attn", "plain_new_attn",
                    "avgpool_resample", "three_level")},
    "networks/adm_superres.npz": (
        _network("SuperResModel", "in/low_res"), ("ADM network",)),
    **{f"networks/adm_classifier_{pool}.npz": (
        _network("EncoderUNetModel", "feat/input_blocks.0",
                 "feat/middle_block"), ("ADM classifier",))
       for pool in ("attention", "adaptive", "spatial", "spatial_v2")},
    "networks/adm_timestep_embedding.npz": (
        (("in/t", "out/32", "out/33"), {}), ("time embedding",)),
    "steered/unet_state_dict.npz": (
        (("sd/time_embed.0.weight", "sd/out.2.bias"), {}),
        ("steered network",)),
    **{f"steered/colorization_{name}.npz": (
        _run("grayscale", num_iters=n), (*_RUN_KINDS, "steered colorization"))
       for name, n in (("n1", 1), ("n3", 3), ("100", 1))},
    **{f"steered/inpaint_n{n}.npz": (
        _run("inpaint", "mask_image", num_iters=n),
        (*_RUN_KINDS, "steered inpainting")) for n in (1, 3)},
    **{f"steered/sr{n}_{name}.npz": (
        _run("SR", factor=n), (*_RUN_KINDS, "steered super-resolution"))
       for n in (4, 8) for name in ("released", "bothaxes_NOTRELEASED")},
    "steered/nonlinear_mse.npz": (_run("custom", "net/0.weight"), _RUN_KINDS),
    **{f"steered/{cond.lower()}_stub.npz": (
        _run(cond, "unit/x0", "unit/loss"), (*_RUN_KINDS, "steered energy"))
       for cond in ("Semantics", "Identity", "editing")},
    "steered/operators.npz": (
        (("ycbcr/rgb", *(f"schedule_10,20,30/{k}" for k in _TABLES),
          *(f"resize_f{f}_s{s}/x" for f in (2, 4, 8) for s in (32, 64))), {}),
        ("resizer", "YCbCr", "respaced schedule", "ancestral posterior")),
    **{f"containers/{name}": (None, ("container with its tensors", *more))
       for name, *more in (
           ("tiny_zip.pt",), ("tiny_legacy.pth",),
           ("real_lpips_alex_v0.0.pth",), ("real_lpips_alex_v0.1.pth",),
           ("tiny_module_prefix.pth",),
           ("tiny_ldm.ckpt", "Lightning checkpoint"), ("tiny.safetensors",),
           ("tiny_torchscript.pt",), ("tiny_edm.pkl", "EDM pickle"))},
    "containers/canary_edm.pkl": (None, ("container alone", "EDM pickle")),
    "containers/evil_zip.pt": (None, ("container alone",)),
    "containers/tiny_edm.forward.npz": (
        (("x", "sigma", "class_labels", "D"), {}),
        ("outputs of an EDM pickle",)),
    # Networks of EGSDE, EDM, latent diffusion and metrics.
    **{f"networks/ddpm_egsde{name}.npz": (
        ((), {"cls": "models.ddpm.Model"}), ("DDPM network",))
       for name in ("", "_three_level", "_avgpool")},
    **{f"networks/{name}.npz": (
        ((), {"cls": f"{cls}Precond", "kwargs": {}}), ("EDM network",))
       for cls, names in (
           ("EDM", ("edm_precond_dhariwal_cond",
                    "edm_precond_dhariwal_two_heads",
                    "edm_precond_ddpmpp_augment_cond", "edm_precond_ncsnpp",
                    "edm_precond_song_skip_skip")),
           ("VP", ("vp_precond_ddpmpp",)), ("VE", ("ve_precond_ncsnpp",)),
           ("iDDPM", ("iddpm_precond_dhariwal",))) for name in names},
    **{f"networks/ldm_{name}.npz": (((), {"cls": cls}), (kind,))
       for cls, kind, names in (
           ("ldm UNetModel", "latent UNet", (
               "unet_crossattn_cin", "unet_crossattn_sd",
               "unet_crossattn_headch_depth2", "unet_churches", "unet_ffhq",
               "unet_inpainting", "unet_adm_y")),
           ("VQModelInterface", "VQ autoencoder", (
               "vq_f2", "vq_f2_attn8", "vq_f2_noattn")),
           ("AutoencoderKL", "KL autoencoder", ("kl_f4",)))
       for name in names},
    "networks/ldm_schedules.npz": (
        (("out/betas",), {}), ("schedule of latent diffusion",)),
    "vipaint/schedules_units.npz": (
        (("imagenet_alphas_cumprod", "imagenet_timesteps_1000",
          "unit_q_alpha_tau", "unit_kl"), {}),
        ("VIPaint schedules", "units of VIPaint's loss")),
    **{f"networks/lpips_{net}.npz": (
        ((), {"cls": "lpips.LPIPS"}), ("LPIPS",)) for net in ("alex", "vgg")},
    **{f"networks/fid_inception_block_{name}.npz": (
        (("sd/branch1x1.conv.weight", "sd/branch_pool.bn.running_var"), {}),
        ("Inception block",)) for name in ("A", "C", "E_1", "E_2")},
    # EGSDE, SDEdit, ILVR.
    **{f"egsde/{name}.npz": (
        (("x_src", "betas", "logvar", "alphas_cumprod", "z", "e"), {}),
        ("EGSDE run",)) for name in (
            "egsde_toy_adm", "egsde_toy_adm_K2", "egsde_toy_ddpm",
            "egsde_toy_fixedlarge", "egsde_t500_first8",
            "egsde_dagger_t600_first8", "egsde_t10_last10",
            "egsde_toy_altsims", "egsde_toy_fresh", "sdedit_toy_adm",
            "sdedit_t500_first8")},
    "egsde/sdedit_toy_masked_K2.npz": (
        (("mask", "betas", "e", "z", "x"), {}), ("masked SDEdit run",)),
    **{f"egsde/ilvr_resp10_{name}.npz": (
        (("timestep_map", "betas", "alphas_cumprod", "x_T", "z", "ref_noise"),
         {}), ("ILVR run", "respaced schedule"))
       for name in ("range0", "range4")},
    "egsde/forwards.npz": (
        (("x", "t", "unet_adm", "unet_ddpm", "dse_features", "dse_logits",
          "ce_labels", "ce_loss"), {}), ("EGSDE forwards",)),
    "networks/egsde_dse.npz": (
        (("sd/time_embed.0.weight", "sd/I2Iout.0.weight", "in/y", "in/t",
          "out/features"), {"cls": "DSE_inference"}), ("EGSDE extractor",)),
    "egsde/energy_single_step.npz": (
        (("y", "xt", "t0_E_s_cosine"), {}), ("EGSDE energies",)),
    "egsde/dse_train_3steps.npz": (
        (("x", "t", "labels", "lr", "loss"), {}),
        ("training of a classifier",)),
    "egsde/lowpass.npz": (
        (("image", "linear_N4_Dmat"), {}), ("low-pass filter",)),
    "egsde/metrics.npz": (
        (("a", "b", "ssim", "psnr", "mse", "l2"), {}), ("metrics of EGSDE",)),
}


def _function(test):
  module, name = test.split(":")
  return getattr(importlib.import_module(module), name)


def _marks(test, name):
  marks = getattr(_function(test), "pytestmark", [])
  return [mark for mark in marks if mark.name == name]


def _given(test):
  """What a test is parametrised by, as text; skipped cases left out."""
  given = set()
  for mark in _marks(test, "parametrize"):
    for value in mark.args[1]:
      values = getattr(value, "values", (value,))
      skipped = {m.name for m in getattr(value, "marks", ())} & {"skip"}
      given |= set() if skipped else {str(v) for v in values}
  return given


def _unreached(kind, path):
  """The tests of a kind that would not run on a file."""
  case = kind.case(path)
  missing = [
      test for test in kind.tests
      if (str(case) not in _given(test) if case else not _given(test))]
  return missing + [
      test for test in kind.loops
      if not callable(_function(test))
      or any(mark.args[0] for mark in _marks(test, "skipif"))]


def _relative(contents):
  return str(contents.path.relative_to(recorded_kinds.folder()))


@recorded_kinds.cases(
    "contents",
    [pytest.param(c, id=_relative(c)) for c in recorded_kinds.files()],
    "every file")
def test_every_recording_is_replayed(contents):
  kinds = recorded_kinds.claiming(contents)
  assert kinds, f"{contents.path} is of no kind in tests/recorded_kinds.py"
  for kind in kinds:
    missing = _unreached(kind, contents.path)
    assert not missing, f"{contents.path}, {kind.name}: not in {missing}"
  waiting = [k.name for k in kinds if not k.tests + k.loops]
  if waiting:
    pytest.xfail(f"{contents.path.name}: not replayed yet: {waiting}")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
  """A folder with a file of each named case: `{name: (kinds, unreached)}`."""
  root = tmp_path_factory.mktemp("recorded")
  for name in NAMED:
    _write(root / name)
  kept = _test_modules()
  for name in kept:
    del sys.modules[name]
  # Imported anew, since a module looks for its recordings once.
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("JAXGUIDE_RECORDED", str(root))
    try:
      table = importlib.import_module("tests.recorded_kinds")
      found = {}
      for name in NAMED:
        kinds = table.claiming(table.read(root / name))
        found[name] = (
            {kind.name for kind in kinds},
            [t for kind in kinds for t in _unreached(kind, root / name)])
      return found
    finally:
      for name in _test_modules():
        del sys.modules[name]
      sys.modules.update(kept)


def _test_modules():
  return {name: module for name, module in sys.modules.items()
          if name.partition(".")[0] == "tests"}


def _write(path):
  told, kinds = NAMED[f"{path.parent.name}/{path.name}"]
  path.parent.mkdir(exist_ok=True)
  if told is None:
    path.write_bytes(b"\0")
    if "container with its tensors" in kinds:
      np.savez(recorded_kinds.expected(path), a=np.zeros(1))
    return
  keys, config = told
  entry = "config_json" if path.parent.name == "steered" else "config"
  settings = {entry: json.dumps(config)} if config else {}
  np.savez(path, **dict.fromkeys(keys, np.zeros(1)), **settings)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_case_would_be_replayed(name, made_up):
  """Whether or not the folder holds it."""
  kinds, unreached = made_up[name]
  assert kinds == set(NAMED[name][1])
  assert not unreached
  root = os.environ.get("JAXGUIDE_RECORDED", "")
  print(name, "is there" if os.path.exists(
      os.path.join(root, name)) else "is not in this folder")


def test_a_file_of_no_kind_is_left_over(tmp_path):
  np.savez(tmp_path / "new.npz", something=np.zeros(1))
  assert not recorded_kinds.claiming(recorded_kinds.read(tmp_path / "new.npz"))


def test_a_test_that_does_not_take_a_file_is_named(tmp_path):
  (kind,) = (k for k in recorded_kinds.KINDS if k.name == "ADM network")
  assert _unreached(kind, tmp_path / "new.npz") == list(kind.tests)


@pytest.mark.parametrize(
    "test", sorted({t for k in recorded_kinds.KINDS
                    for t in k.tests + k.loops}))
def test_the_table_names_tests_that_exist(test):
  assert callable(_function(test))
