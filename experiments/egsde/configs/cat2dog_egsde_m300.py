"""EGSDE with M = 0.3T: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_m300 \\
      --config experiments/egsde/configs/cat2dog_egsde_m300.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 500 and 2, M = 300 of 1000 levels (`cat2dog_egsde.py` has 500): a
larger M should lower FID and raise L2. The paper studies it; its numbers are
not known here.
"""

import dataclasses
import pathlib

from jaxguide.evaluation import config


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  base = config.load(pathlib.Path(__file__).with_name("cat2dog_egsde.py"))
  experiment = dataclasses.replace(
      base, name="cat2dog_egsde_m300",
      method=dataclasses.replace(base.method, first_level=300))
  return config.tiny(experiment) if smoke else experiment
