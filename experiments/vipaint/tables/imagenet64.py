"""Table 1 of VIPaint: ImageNet at 64 x 64, on an EDM prior.

Wanted on the disk: `models/adm_imagenet64_cond_edm` (see
experiments/vipaint/README.md), `data/imagenet_val`, whose first 100 pictures,
by number, are taken, and `data/imagenet_val_labels.txt`, a line "NAME CLASS"
for each. LPIPS is computed where the extra `lpips` is installed. The published
masks are not released; a folder of masks is named with --set
task.masks.folder=FOLDER.

The paper's settings for this prior are not known here: levels are matched by
signal to noise, and nothing was tuned. No perceptual term, as the paper says.
The diffusion loss is averaged over z_0, which the paper's is not (--set
method.marginal=false has it as printed).
"""

import vipaint_parts

from jaxguide import evaluation

PUBLISHED = {
    "rotated": vipaint_parts.published({
        "VIPaint-4": 0.289,
        "VIPaint-2": 0.300,
        "CoPaint-TT": 0.316,
        "CoPaint": 0.347,
        "RePaint": 0.3213,
        "DPS": 0.3203,
        "Blended": 0.3409,
        "RedDiff": 0.463,
        "RedDiff-V": 0.407,
    }),
    "random": vipaint_parts.published({
        "VIPaint-4": 0.231,
        "VIPaint-2": 0.227,
        "CoPaint-TT": 0.245,
        "CoPaint": 0.278,
        "RePaint": 0.2575,
        "DPS": 0.2880,
        "Blended": 0.2763,
        "RedDiff": 0.409,
        "RedDiff-V": 0.671,
    }),
}


def _vipaint(masks, levels):
  return vipaint_parts.of_photographs(
      evaluation.ConvertedPrior(
          path="models/adm_imagenet64_cond_edm",
          checkpoint="edm-imagenet-64x64-cond-adm.pkl",
          card="adm_imagenet64_cond_edm", origin="released with EDM"),
      evaluation.FolderImages(
          path="data/imagenet_val", size=64, resize="center_crop_box",
          count=100, origin="ImageNet's validation images"),
      vipaint_parts.inpainting(masks),
      evaluation.vipaint_edm(levels),
      PUBLISHED[masks],
      conditions=(evaluation.LabelFile("data/imagenet_val_labels.txt"),))


TABLE = evaluation.Table(
    title="VIPaint, Table 1: ImageNet at 64 x 64",
    rows={
        "rotated_vipaint4": lambda: _vipaint("rotated", 4),
        "rotated_vipaint2": lambda: _vipaint("rotated", 2),
        "random_vipaint4": lambda: _vipaint("random", 4),
        "random_vipaint2": lambda: _vipaint("random", 2),
    })
