"""Records: what the journal of a run says of one picture."""

from collections.abc import Mapping
from typing import Any, NamedTuple

OK = "ok"
NON_FINITE = "non_finite"


class Record(NamedTuple):
  """One line of a journal.

  Attributes:
    item: number of the picture in the run, index * samples_per_image + sample.
    index: number of the image in its data set.
    sample: number of the picture among those of its image.
    name: name of the image.
    status: "ok", or a word for what went wrong: "unreadable", "wrong_size",
      "no_mask", "missing", "non_finite".
    error: one line on what went wrong; empty for nothing.
    conditions: values of the image's conditions by name, as JSON has them.
    is_grey: whether the image is the same on all channels.
    input_sha256: hash of the image's pixels; empty if it was not read.
    metrics: scores of the picture by metric.
    baseline: the same of the observation as a picture, in sample 0.
    picture: path of the picture inside the folder; empty without one.
    sha256: hash of the picture's file.
  """

  item: int
  index: int
  sample: int
  name: str
  status: str
  error: str = ""
  conditions: Mapping[str, Any] = {}
  is_grey: bool = False
  input_sha256: str = ""
  metrics: Mapping[str, float] = {}
  baseline: Mapping[str, float] = {}
  picture: str = ""
  sha256: str = ""

  @property
  def is_ok(self) -> bool:
    """Whether there is a picture."""
    return self.status == OK

  @property
  def is_final(self) -> bool:
    """Whether trying again gives the same; a file may be mended."""
    return self.status in (OK, NON_FINITE)

  def to_json(self) -> dict[str, Any]:
    """What the journal holds: the fields that are not their defaults."""
    defaults = self._field_defaults
    return {
        name: value for name, value in self._asdict().items()
        if name not in defaults or value != defaults[name]}

  @classmethod
  def from_json(cls, entries: Any) -> "Record":
    """Reads what `to_json` gave.

    Args:
      entries: JSON value of a journal's line.

    Raises:
      ValueError: if it is no such object.
    """
    try:
      return cls(**entries)
    except TypeError as error:
      raise ValueError(f"record must have the fields of one: {error}") from None
