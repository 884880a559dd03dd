"""Published programs for comparison, imported without torchvision.

What they compute on given features needs none of it, and its builds are
often not those of the torch beside them. A stand-in takes its place.
"""

import importlib
import sys
import types
from unittest import mock

import pytest

_PARTS = ("", ".datasets", ".models", ".models.detection", ".transforms",
          ".transforms.functional", ".utils", ".io")


def module(name, **parts):
  """A module of a published program; skips the test where there is none.

  Args:
    name: dotted.
    **parts: attributes of the stand-in for torchvision.models.
  """
  pytest.importorskip("torch")
  models = types.SimpleNamespace(**parts)
  stand_ins = {f"torchvision{p}": mock.MagicMock() for p in _PARTS}
  if parts:
    stand_ins["torchvision"].models = models
    stand_ins["torchvision.models"] = models
  real = {key: sys.modules.pop(key, None) for key in stand_ins}
  sys.modules.update(stand_ins)
  try:
    return importlib.import_module(name)
  except ImportError as error:
    pytest.skip(f"{name}: {error}")
  finally:
    for key, value in real.items():
      del sys.modules[key]
      if value is not None:
        sys.modules[key] = value


def features(net):
  """What torchvision's vgg16() or alexnet() have under "features"."""
  torch = pytest.importorskip("torch")
  nn = torch.nn
  layers = []
  if net == "vgg16":
    channels = 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0,
                  512, 512, 512, 0):
      if not width:
        layers.append(nn.MaxPool2d(2, 2))
        continue
      layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
      channels = width
    return nn.Sequential(*layers)
  return nn.Sequential(
      nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
      nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
      nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
      nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
      nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))


def network(net):
  """A stand-in for torchvision.models.vgg16 or alexnet."""
  return lambda *args, **options: types.SimpleNamespace(
      features=features(net))
