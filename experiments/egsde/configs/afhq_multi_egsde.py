"""EGSDE: cats and wild animals to dogs, one extractor.

  python experiments/evaluate.py --out results/afhq_multi_egsde \\
      --config experiments/egsde/configs/afhq_multi_egsde.py

Wanted: `models/afhq_dog` (from `afhq_dog_4m.pt`), `models/afhq_dse` (from
`afhq_dse.pt`, or trained here; see README.md) and `data/afhq/val`, AFHQ's val
with the folders cat and wild. FID needs `data/afhq/val/dog` and
`checkpoints/pt_inception-2015-12-05-6726825d.pth`; without the latter it is
left out.

No table of the paper gives numbers for it that are known here.

Weights, levels, variant and seeds are those of `cat2dog_egsde.py`, and
so is all else that is not said here.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  extractor = sources.ConvertedExtractor(
      path="models/afhq_dse", checkpoint="afhq_dse.pt",
      card="egsde_dse_afhq3", origin="released with EGSDE")
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      data=sources.FolderImages(
          path="data/afhq/val", size=256, resize="center_crop_bicubic",
          folders=("cat", "wild"),
          origin="AFHQ's val with the folders cat and wild"),
      method=methods.egsde_published(
          extractor, variant="released"),
      published=())
