"""Pages of the site that are made from other files of the repository.

MkDocs calls `on_files` once per build. Made are: one page per notebook, with
the outputs that are saved in it; one page per public package of the library,
from its docstrings; and copies of CONTRIBUTING.md, CHANGELOG.md and the cards
of checkpoints, which lie outside docs/.

Pages link to the files that these are made from, so that a link works in a
clone too; `on_page_markdown` makes it a link to the page.
"""

import ast
import base64
from collections.abc import Iterator
import json
import pathlib
import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).parents[1]

COPIES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "guide/cards.md": "third_party/cards.md",
}

# Every public module and package, and in which words the site introduces it.
API = {
    "evaluation": "Experiments, tables and the programs that run them",
    "samplers": "Plans, samplers and the one loop that runs them",
    "variational": "VIPaint: posteriors, their fit and their samples",
    "guidance": "Energies by where they look",
    "energies": "Scalar energies, one number per image",
    "operators": "Forward operators and observations",
    "denoisers": "From a network to x0 and eps",
    "schedules": "Tables of noise levels",
    "noises": "Every random draw",
    "preconditioning": "How EDM's networks are scaled",
    "codecs": "Between images and latents",
    "conditioning": "What a network is conditioned on",
    "convert": "Checkpoints, model directories and priors",
    "models": "Networks in Flax Linen",
    "training": "Losses, loops and checkpoints of training",
    "data": "Images and masks",
    "metrics": "Numbers per picture and per set",
    "parallel": "Devices and hosts",
    "arrays": "Shapes and checks",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds the pages that are made here."""
  for place, source in COPIES.items():
    text = (ROOT / source).read_text(encoding="utf-8")
    files.append(File.generated(config, place, content=_unlinked(text)))
  for name, title in API.items():
    files.append(File.generated(
        config, f"api/{name}.md", content=_api_page(name, title)))
  for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
    for place, content in _notebook_pages(path):
      files.append(File.generated(config, place, content=content))
  return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
  """Links to files that a page is made from become links to that page."""
  del config, files
  folder = posixpath.dirname(page.file.src_uri)

  def lead(found: re.Match[str]) -> str:
    target, fragment = found[1], found[2] or ""
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    made = _page_of(path)
    if made is None:
      return found[0]
    return f"]({posixpath.relpath(made, folder or '.')}{fragment})"

  return re.sub(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)", lead, markdown)


def _page_of(path: str) -> str | None:
  """The page that is made from a file of the repository, if one is."""
  for place, source in COPIES.items():
    if path == source:
      return place
  if found := re.fullmatch(r"notebooks/(\w+)\.ipynb", path):
    return f"notebooks/{found[1]}.md"
  found = re.fullmatch(r"jaxguide/(\w+?)(/__init__)?\.py", path)
  return f"api/{found[1]}.md" if found and found[1] in API else None


def _unlinked(text: str) -> str:
  """Links to files that are no pages of the site become their text."""
  def keep(found: re.Match[str]) -> str:
    text, target = found.groups()
    if target.startswith("docs/"):
      return f"[{text}]({target.removeprefix('docs/')})"
    return found[0] if target.startswith(("http", "#")) else text

  return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)", keep, text)


def _api_page(name: str, title: str) -> str:
  lines = [f"# jaxguide.{name}", "", f"{title}.", "", f"::: jaxguide.{name}"]
  values = list(_values(name))
  if values:
    lines += ["", "## Types and constants", "", *values]
  return "\n".join(lines) + "\n"


def _values(name: str) -> Iterator[str]:
  """Public names that are no functions and no classes, with their comment."""
  for member, (file, original) in sorted(_gathered(name).items()):
    text = file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
      if original in _assigned(node):
        value = ast.get_source_segment(text, node.value)
        yield f"`{member} = {_one_line(value)}`"
        comment = _comment_above(text.splitlines(), node.lineno)
        yield f":   {comment or f'Set in `{file.relative_to(ROOT)}`.'}"
        yield ""


def _gathered(name: str) -> dict[str, tuple[pathlib.Path, str]]:
  """Public names of a module: the file that defines them, and as what."""
  file = _file(f"jaxguide.{name}")
  names, public = {}, None
  for node in ast.parse(file.read_text(encoding="utf-8")).body:
    for own in _assigned(node):
      if own == "__all__":
        if isinstance(node.value, (ast.List, ast.Tuple)):
          public = set(ast.literal_eval(node.value))
      elif not own.startswith("_"):
        names[own] = (file, own)
    if isinstance(node, ast.ImportFrom) and file.name == "__init__.py":
      for alias in node.names:
        target = _file(node.module)
        # A name that is meant for users is repeated: see `exports`.
        if target.is_file() and alias.asname == alias.name:
          names[alias.name] = (target, alias.name)
  return {k: v for k, v in names.items() if public is None or k in public}


def _file(module: str) -> pathlib.Path:
  place = ROOT.joinpath(*module.split("."))
  return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _assigned(node: ast.stmt) -> list[str]:
  """The names that a statement sets."""
  if isinstance(node, ast.AnnAssign) and node.value is not None:
    targets = [node.target]
  elif isinstance(node, ast.Assign):
    targets = node.targets
  else:
    return []
  return [found.id for target in targets for found in ast.walk(target)
          if isinstance(found, ast.Name)]


def _one_line(value: str) -> str:
  value = " ".join(value.split())
  return value if len(value) < 200 else f"{value[:200]} ..."


def _comment_above(lines: list[str], number: int) -> str:
  """The comment that ends in the line above line `number`."""
  comment = []
  for line in reversed(lines[:number - 1]):
    if not line.startswith("#"):
      break
    comment.append(line.lstrip("# "))
  return " ".join(reversed(comment))


def _notebook_pages(
    path: pathlib.Path) -> Iterator[tuple[str, str | bytes]]:
  """A notebook as Markdown, and its pictures as files beside it."""
  parts = []
  for number, cell in enumerate(json.loads(path.read_text())["cells"]):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
      parts.append(source)
      continue
    parts.append(f"```python\n{source}\n```")
    for output in cell.get("outputs", ()):
      data = output.get("data", {})
      if "image/png" in data:
        name = f"{path.stem}_{number}.png"
        yield f"notebooks/{name}", base64.b64decode(data["image/png"])
        parts.append(f"![Output of the code above]({name})")
      else:
        text = "".join(output.get("text") or data.get("text/plain", ""))
        parts.append(f"```text\n{text.rstrip()}\n```")
  yield f"notebooks/{path.stem}.md", "\n\n".join(parts) + "\n"
