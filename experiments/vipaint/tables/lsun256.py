"""Table 1 of VIPaint: LSUN churches, on a latent prior without classes.

Wanted on the disk: `models/ldm_lsun_churches256` (see
experiments/vipaint/README.md) and `data/lsun_churches`, whose first 100
pictures, by number, are taken. The fit needs the extra `lpips`. The published
masks are not released; a folder of masks is named with --set
task.masks.folder=FOLDER.

The released settings and formulas: 50 updates of 10 samples, every level below
T_s, the lowest level that VIPaint fits, no classes. Which revision of the
program gave the table cannot be told. --set method.variant=paper is the
mathematics.

Beside Table 1 two tasks that the released program cannot do with a KL
autoencoder: the settings are those of its churches. The numbers that the paper
has for them (appendix H) are not known here.
"""

import vipaint_parts

from jaxguide import evaluation

PUBLISHED = {
    "rotated": vipaint_parts.published({
        "VIPaint-2": 0.455,
        "ReSample": 0.510,
        "PSLD": 0.541,
        "DPS": 0.502,
    }),
    "random": vipaint_parts.published({
        "VIPaint-2": 0.439,
        "ReSample": 0.485,
        "PSLD": 0.523,
        "DPS": 0.490,
    }),
    "small": vipaint_parts.published({
        "VIPaint-2": 0.299,
        "ReSample": 0.374,
        "PSLD": 0.413,
        "DPS": 0.421,
    }),
}


def _row(task, method, published=()):
  return vipaint_parts.of_photographs(
      evaluation.ConvertedPrior(
          path="models/ldm_lsun_churches256", checkpoint="model.ckpt",
          card="ldm_lsun_churches256", weights="raw",
          origin="LSUN churches, released with latent diffusion"),
      evaluation.FolderImages(
          path="data/lsun_churches", size=256, resize="center_crop_box",
          count=100, origin="pictures of LSUN churches"),
      task, method, published)


def _vipaint(masks):
  return _row(
      vipaint_parts.inpainting(masks), evaluation.vipaint_lsun256(2),
      PUBLISHED[masks])


def _restored(task):
  return _row(task, evaluation.vipaint_lsun256(inpaints=False))


TABLE = evaluation.Table(
    title="VIPaint, Table 1: LSUN churches",
    rows={
        "rotated_vipaint2": lambda: _vipaint("rotated"),
        "random_vipaint2": lambda: _vipaint("random"),
        "small_vipaint2": lambda: _vipaint("small"),
        "sr_x4": lambda: _restored(vipaint_parts.super_resolution()),
        "deblur": lambda: _restored(vipaint_parts.deblurring()),
    })
