"""EGSDE: wild to dog.

  python experiments/evaluate.py --out results/wild2dog_egsde \\
      --config experiments/egsde/configs/wild2dog_egsde.py

Wanted: `models/afhq_dog` (from `afhq_dog_4m.pt`), `models/wild2dog_dse` (from
`wild2dog_dse.pt`, or trained here; see README.md) and `data/afhq/val/wild`,
AFHQ's 500 wild animals of val/wild. FID needs `data/afhq/val/dog` and
`checkpoints/pt_inception-2015-12-05-6726825d.pth`; without the latter it is
left out.

Recalled from memory, not read in the paper: verify before quoting. FID 50.43
alone is confirmed, by the paper's abstract:

                        FID          L2        PSNR        SSIM
  CUT                 92.94       62.21       17.20       0.592
  ILVR           75.33±1.22  63.40±0.15  16.85±0.02 0.287±0.001
  SDEdit         68.51±0.65  55.36±0.05  17.98±0.01 0.343±0.001
  EGSDE          59.75±0.62  54.34±0.08  18.14±0.01 0.343±0.001
  EGSDE-dagger   50.43±0.52  66.52±0.09  16.40±0.01 0.300±0.001

The row of the GAN is quoted and never run.

Weights, levels, variant and seeds are those of `cat2dog_egsde.py`, and
so is all else that is not said here.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables

SOURCE = "Zhao et al., NeurIPS 2022, wild to dog"
COLUMNS = ("fid", "l2_egsde", "psnr_egsde", "ssim")
QUOTED = "a GAN, never run here"

PUBLISHED = tables.published(
    SOURCE, COLUMNS, {
        "CUT": (92.94, 62.21, 17.2, 0.592),
    }, num_images=500, recalled=True, note=QUOTED) + tables.published(
    SOURCE, COLUMNS, {
        "ILVR": ((75.33, 1.22), (63.4, 0.15), (16.85, 0.02), (0.287, 0.001)),
        "SDEdit": ((68.51, 0.65), (55.36, 0.05), (17.98, 0.01), (0.343, 0.001)),
        "EGSDE": ((59.75, 0.62), (54.34, 0.08), (18.14, 0.01), (0.343, 0.001)),
        "EGSDE-dagger": (
            (50.43, 0.52), (66.52, 0.09), (16.4, 0.01), (0.3, 0.001)),
    }, num_images=500, recalled=True)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  extractor = sources.ConvertedExtractor(
      path="models/wild2dog_dse", checkpoint="wild2dog_dse.pt",
      card="egsde_dse", origin="released with EGSDE")
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      data=sources.FolderImages(
          path="data/afhq/val/wild", size=256, resize="center_crop_bicubic",
          origin="AFHQ's 500 wild animals of val/wild"),
      method=methods.egsde_published(
          extractor, variant="released"),
      published=PUBLISHED)
