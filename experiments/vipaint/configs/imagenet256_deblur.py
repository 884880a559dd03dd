"""VIPaint-2 on ImageNet at 256 x 256: Gaussian deblurring.

  python experiments/evaluate.py --out results/imagenet256_deblur \\
      --config experiments/vipaint/configs/imagenet256_deblur.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Noise of deviation 0.05. The paper's numbers for this task (appendix H) are
lost to our copy: no row is published here. No perceptual term.
The blur has deviation 3 pixels in a window of 61.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.GaussianDeblurring()
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      task=task, metrics=scoring.vipaint_metrics(task),
      method=methods.vipaint_imagenet256(inpaints=False),
      published=())
