"""Steered Diffusion by energies in an experiment."""

import dataclasses
import io
import json

import pytest

from jaxguide import energies
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from tests.evaluation import support

PULL = methods.MeasurementEnergy(weight=8.0)
STEERED = methods.Steered(num_steps=8, energies=(PULL,), use_constraint=False)
TASK = tasks.SuperResolution(4, kind="average_pool")


@dataclasses.dataclass(frozen=True)
class TintEnergy(methods.EnergySource):
  """The distance of a network's features to those of the observation."""

  network: sources.NetworkSource
  weight: float = 0.2
  key = "tint"

  @property
  def networks(self):
    return {"tint": self.network}

  def energy(self, problem):
    features = lambda x: problem.networks["tint"](x, x[:, 0, 0, 0])
    return energies.feature_error(features, features(problem.picture()))

  def tiny(self, size):
    return None


def _run(out, method):
  report = runner.evaluate(
      support.experiment(task=TASK, method=method), out, devices=1, limit=3,
      stream=io.StringIO())
  return report.rows[-1].values["consistency"].mean


def test_an_energy_pulls_pictures_to_the_observation(tmp_path):
  free = _run(tmp_path / "free", methods.Ddim(num_steps=8, eta=1.0))
  weak = dataclasses.replace(
      STEERED, energies=(dataclasses.replace(PULL, weight=1.0),))
  found = [_run(tmp_path / name, method) for name, method in (
      ("weak", weak), ("strong", STEERED))]
  assert found[1] < found[0] < free
  assert found[1] < 0.5 * free
  # Beside an energy the constraint still holds, but for what 8 bits cut off.
  both = dataclasses.replace(STEERED, use_constraint=True)
  alone = methods.Steered(num_steps=8)
  held = [_run(tmp_path / name, m) for name, m in (
      ("both", both), ("alone", alone))]
  assert max(held) < 0.8 * found[1] and max(held) < 0.3 * free


def test_a_networks_energy_has_it_loaded_and_summed(tmp_path):
  method = dataclasses.replace(
      STEERED, energies=(PULL, TintEnergy(support.Tint())))
  assert method.title == (
      "Steered Diffusion, paper (N=1, 8 steps, measurement, tint, no "
      "constraint)")
  one, two = (_run(tmp_path / name, m) for name, m in (
      ("one", STEERED), ("two", method)))
  assert one != two
  summary = json.loads((tmp_path / "two" / "run.json").read_text())
  assert summary["networks"]["tint"]["name"] == "tint"
  assert [e["kind"] for e in summary["experiment"]["method"]["energies"]] == [
      "MeasurementEnergy", "TintEnergy"]


def test_energies_are_set_by_their_keys():
  experiment = support.experiment(method=STEERED)
  assert "method.energies.measurement.weight" in set(
      overrides.settable_paths(experiment))
  changed = overrides.override(
      experiment, ["method.energies.measurement.weight=3"])
  assert changed.method.energies[0].weight == 3.0
  assert experiment.method.energies[0].weight == 8.0
  with pytest.raises(overrides.OverrideError, match="unknown name"):
    overrides.override(experiment, ["method.energies.other.weight=3"])


def test_a_trial_run_does_without_what_needs_files():
  method = dataclasses.replace(
      STEERED, energies=(PULL, TintEnergy(support.Tint())))
  assert method.tiny(16).energies == (PULL,)


@pytest.mark.parametrize("changes, message", [
    ({"energies": (PULL, PULL)}, "keys of their own"),
    ({"energies": ()}, "energies must be given"),
])
def test_what_does_not_fit_is_refused(changes, message):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(STEERED, **changes)
