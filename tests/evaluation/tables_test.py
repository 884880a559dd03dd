"""Tables of results."""

import math

import numpy as np
import pytest

from jaxguide.evaluation import tables

PAPER = tables.Published(
    "Steered Diffusion", "Nair et al. 2023, Table 3",
    {"fid": 51.19, "psnr": 26.02, "ssim": 0.711}, 300, note="8x")


def test_estimate_is_mean_and_standard_error():
  values = np.random.default_rng(0).normal(size=50)
  found = tables.estimate(values.tolist())
  assert found.mean == pytest.approx(values.mean(), rel=1e-12)
  wanted = values.std(ddof=1) / math.sqrt(50)
  assert found.standard_error == pytest.approx(wanted, rel=1e-12)
  assert found.num_images == 50


def test_estimate_does_not_depend_on_the_order():
  values = (np.random.default_rng(0).normal(size=99) * 1e9).tolist()
  assert tables.estimate(values) == tables.estimate(values[::-1])


def test_estimate_of_few_or_infinite_values():
  assert math.isnan(tables.estimate([]).mean)
  assert tables.estimate([3.0]) == tables.Estimate(3.0, None, 1)
  # Equal pictures have an infinite PSNR: counted, not averaged in.
  assert tables.estimate([3.0, math.inf]) == tables.Estimate(3.0, None, 2)


def _cells(text):
  lines = [line for line in text.splitlines() if line.startswith("|")]
  return [[c.strip() for c in line.strip("|").split("|")] for line in lines]


def test_published_rows_are_marked_and_printed_as_published():
  measured = tables.Row(
      "mine", {"psnr": tables.Estimate(25.1234, 0.5, 8)}, 8)
  text = tables.format_table(
      [measured, tables.published_row(PAPER)],
      [tables.Column("psnr", "PSNR [dB]", True, 2)], title="T")
  head, _, mine, paper = _cells(text)
  assert head == ["Method", "Images", "PSNR [dB] ↑", "SSIM ↑", "FID ↓"]
  assert mine == ["mine", "8", "25.12 ± 0.50", "-", "-"]
  assert paper == ["Steered Diffusion (published)", "300", "26.02", "0.711",
                   "51.19"]
  assert "Nair et al. 2023, Table 3; 8x" in text
  assert "copied from the paper" in text


def test_published_takes_a_whole_table():
  rows = tables.published(
      "T", ("fid", "ssim"), {"a": (1, 0.5), "b": (2, 0.6)}, 300)
  assert rows[1] == tables.Published("b", "T", {"fid": 2, "ssim": 0.6}, 300)
  with pytest.raises(ValueError, match="zip"):
    tables.published("T", ("fid", "ssim"), {"a": (1,)})


def test_tables_without_published_rows_do_not_speak_of_them():
  row = tables.Row("mine", {"psnr": tables.Estimate(1.0, None, 1)}, 1)
  assert "published" not in tables.format_table([row])


def test_groups_make_a_column_and_pipes_are_escaped():
  row = tables.Row("a|b", {"x": tables.Estimate(1.0, None, 1)}, 1,
                   group="inpainting")
  text = tables.format_table([row])
  assert "| Task " in text and "a\\|b" in text


def test_every_line_is_equally_wide():
  rows = [tables.Row("m" * k, {"x": tables.Estimate(10.0**k, 0.1, 1)}, k)
          for k in range(1, 5)]
  lines = [line for line in tables.format_table(rows).splitlines()
           if line.startswith("|")]
  assert len({len(line) for line in lines}) == 1


def test_write_table_writes_what_is_formatted(tmp_path):
  row = tables.Row("mine", {"psnr": tables.Estimate(1.0, None, 1)}, 1)
  tables.write_table(tmp_path / "t.md", [row], title="T", notes=["a note"])
  text = (tmp_path / "t.md").read_text(encoding="utf-8")
  assert text == tables.format_table([row], title="T", notes=["a note"])
  assert "- a note" in text
