"""From 8-bit pictures to FID's features, against torch-fidelity's network."""

from unittest import mock

import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.convert import metric_files
from jaxguide.metrics import feature_sets
from jaxguide.metrics import preprocessing
from tests.metrics import published


@pytest.mark.slow
def test_whole_network_and_its_preprocessing(tmp_path, monkeypatch):
  """Random weights, in a file of the published layout, read by both."""
  torch = pytest.importorskip("torch")
  theirs = published.module("torch_fidelity.feature_extractor_inceptionv3")
  path = tmp_path / "pt_inception.pth"
  extractor = _random_network(torch, theirs, path)
  pictures = np.random.default_rng(0).integers(
      0, 256, (2, 40, 52, 3)).astype(np.uint8)
  with torch.no_grad():
    (want,) = extractor(torch.tensor(pictures).permute(0, 3, 1, 2))
  monkeypatch.setattr(feature_sets, "BATCH", 2)
  ours = metrics.inception_features(
      metric_files.read_inception(path), preprocessing.LEGACY_TENSORFLOW)
  found = ours(list(pictures))
  assert found.shape == (2, 2048)
  assert np.abs(found[0] - found[1]).max() > 0.01 * np.abs(found).max()
  assert np.abs(found - want.numpy()).max() <= 2e-5 * np.abs(found).max()


def _random_network(torch, theirs, path):
  """Weights that keep the size of features through all layers, and a file."""
  torch.manual_seed(0)
  torch.save({}, path)
  kind = theirs.FeatureExtractorInceptionV3
  with mock.patch.object(kind, "load_state_dict"):
    network = kind("inception-v3-compat", ["2048"],
                   feature_extractor_weights_path=str(path))
  for name, tensor in network.state_dict().items():
    if name.endswith("conv.weight"):
      torch.nn.init.kaiming_normal_(tensor, nonlinearity="relu")
    elif name.endswith(("bn.bias", "running_mean")):
      tensor.uniform_(-0.1, 0.1)
    elif name.endswith(("bn.weight", "running_var")):
      tensor.uniform_(0.9, 1.1)
  torch.save(network.state_dict(), path)
  return network
