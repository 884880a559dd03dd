"""VIPaint-2 on LSUN churches: super-resolution by 4.

  python experiments/evaluate.py --out results/lsun256_sr_x4 \\
      --config experiments/vipaint/configs/lsun256_sr_x4.py

Wanted: `models/ldm_lsun_churches256` (see README.md here) and
`data/lsun_churches`, whose first 100 pictures, by number, are taken.

Noise of deviation 0.05. The paper's numbers for this task (appendix H) are
lost to our copy: no row is published here. No perceptual term.
The released program cannot do this with a KL autoencoder; the settings are
those of its churches.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.SuperResolution(factor=4, noise_std=0.05)
  return rows.row_like(
      __file__, "lsun256_rotated_vipaint2.py", smoke,
      task=task, metrics=scoring.vipaint_metrics(task),
      method=methods.vipaint_lsun256(inpaints=False),
      published=())
