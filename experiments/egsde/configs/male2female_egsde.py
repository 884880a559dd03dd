"""EGSDE: male to female.

  python experiments/evaluate.py --out results/male2female_egsde \\
      --config experiments/egsde/configs/male2female_egsde.py

Wanted: `models/celebahq_female_ddpm` (from `celebahq_female_ddpm.pth`),
`models/male2female_dse` (from `male2female_dse.pt`, or trained here; see
README.md) and `data/celeba_hq/val/male`, the 1000 men of val/male in StarGAN
v2's split. FID needs `data/celeba_hq/train/female` and
`checkpoints/pt_inception-2015-12-05-6726825d.pth`; without the latter it is
left out.

Recalled from memory, not read in the paper: verify before quoting:

                        FID          L2        PSNR        SSIM
  CUT                 31.94       46.61       19.87        0.74
  ILVR           46.12±0.33  52.17±0.10  18.59±0.02 0.510±0.001
  SDEdit         49.43±0.47  43.70±0.03  20.03±0.01 0.572±0.000
  EGSDE          41.93±0.11  42.04±0.03  20.35±0.01 0.574±0.000
  EGSDE-dagger   30.61±0.19  53.44±0.09  18.32±0.02 0.510±0.001

The row of the GAN is quoted and never run.

FID is `fid_egsde_faces`: before it, the released program normalises the
pictures twice in this task.

Weights, levels, variant and seeds are those of `cat2dog_egsde.py`, and
so is all else that is not said here.
"""

from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.metrics import preprocessing

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
SOURCE = "Zhao et al., NeurIPS 2022, male to female"
COLUMNS = ("fid_egsde_faces", "l2_egsde", "psnr_egsde", "ssim")
QUOTED = "a GAN, never run here"

PUBLISHED = tables.published(
    SOURCE, COLUMNS, {
        "CUT": (31.94, 46.61, 19.87, 0.74),
    }, num_images=1000, recalled=True, note=QUOTED) + tables.published(
    SOURCE, COLUMNS, {
        "ILVR": ((46.12, 0.33), (52.17, 0.1), (18.59, 0.02), (0.51, 0.001)),
        "SDEdit": ((49.43, 0.47), (43.7, 0.03), (20.03, 0.01), (0.572, 0.0)),
        "EGSDE": ((41.93, 0.11), (42.04, 0.03), (20.35, 0.01), (0.574, 0.0)),
        "EGSDE-dagger": (
            (30.61, 0.19), (53.44, 0.09), (18.32, 0.02), (0.51, 0.001)),
    }, num_images=1000, recalled=True)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  extractor = sources.ConvertedExtractor(
      path="models/male2female_dse", checkpoint="male2female_dse.pt",
      card="egsde_dse", origin="released with EGSDE")
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      prior=sources.ConvertedPrior(
          path="models/celebahq_female_ddpm",
          checkpoint="celebahq_female_ddpm.pth", card="celebahq_female_ddpm",
          origin="the model of women released with EGSDE"),
      data=sources.FolderImages(
          path="data/celeba_hq/val/male", size=256,
          resize="center_crop_bicubic",
          origin="the 1000 men of val/male in StarGAN v2's split"),
      method=methods.egsde_published(
          extractor, variant="released"),
      published=PUBLISHED,
      set_metrics=metrics.installed_inception(
          INCEPTION, preprocessing.EGSDE_FACES),
      set_reference=set_scores.FolderPictures("data/celeba_hq/train/female"))
