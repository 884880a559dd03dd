"""EGSDE without the domain-specific expert: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_no_domain \\
      --config experiments/egsde/configs/cat2dog_egsde_no_domain.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 0 and 2; the extractor is not even loaded. The paper studies it; its
numbers are not known here.
"""

import dataclasses
import pathlib

from jaxguide.evaluation import config


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  base = config.load(pathlib.Path(__file__).with_name("cat2dog_egsde.py"))
  experiment = dataclasses.replace(
      base, name="cat2dog_egsde_no_domain",
      method=dataclasses.replace(base.method, domain_weight=0.0))
  return config.tiny(experiment) if smoke else experiment
