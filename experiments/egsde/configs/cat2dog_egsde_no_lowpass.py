"""EGSDE without the domain-independent expert: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_no_lowpass \\
      --config experiments/egsde/configs/cat2dog_egsde_no_lowpass.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 500 and 0. The paper studies it; its numbers are not known here.
"""

import dataclasses
import pathlib

from jaxguide.evaluation import config


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  base = config.load(pathlib.Path(__file__).with_name("cat2dog_egsde.py"))
  experiment = dataclasses.replace(
      base, name="cat2dog_egsde_no_lowpass",
      method=dataclasses.replace(base.method, lowpass_weight=0.0))
  return config.tiny(experiment) if smoke else experiment
