"""`jaxguide convert`: checkpoints to model directories, and back."""

import argparse
import sys

from jaxguide import checkpoint_settings

SUMMARY = ("Turns a PyTorch checkpoint into a model directory, or a model "
           "directory into .safetensors.")
_EXAMPLES = """examples:
  jaxguide convert ffhq_10m.pt --card ffhq_10m --out models/ffhq_10m
  jaxguide convert model.ckpt --card ldm_cin256_v2 --weights raw \\
      --out models/ldm_cin256_v2
  jaxguide convert models/ffhq_10m --out ffhq_10m.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.epilog = _EXAMPLES
  parser.add_argument(
      "file", metavar="FILE",
      help="Checkpoint file, folder of diffusers, or model directory.")
  parser.add_argument(
      "--out", required=True, metavar="PATH",
      help="Place of the result; nothing may be there yet.")
  parser.add_argument(
      "--card", metavar="NAME",
      help="Name of the checkpoint's card, one of third_party/cards.md.")
  parser.add_argument(
      "--weights", choices=("raw", "ema"),
      help="Which of the two sets of weights that a Lightning file may hold "
      "is taken. It must be said of a latent diffusion model that holds both.")
  parser.add_argument(
      "--layout", choices=("diffusers",),
      help="Layout of what is made of one network's model directory: a folder "
      "that diffusers loads instead of .safetensors.")
  parser.add_argument(
      "--scale_factor", type=float, metavar="X",
      help="Scale of a latent diffusion model's latents, in place of its own.")
  parser.add_argument(
      "--prefix", metavar="TEXT",
      help="Text in front of the network's parameter names; found when left "
      "out.")
  parser.add_argument(
      "--inert", action="append", default=[], metavar="GLOBAL",
      help="Name, with dots, of a Python object that the file refers to: it "
      "is kept as a dead object instead of being refused, and never "
      "executed. May be repeated.")
  own = parser.add_argument_group(
      "without a card", "What a state dict does not tell:")
  for option in checkpoint_settings.options():
    if option.kind is bool:
      own.add_argument(
          f"--{option.name}", action="store_true", help=option.help)
    else:
      own.add_argument(
          f"--{option.name}", type=option.kind, default=option.default,
          help=option.help, metavar="N" if option.kind is int else "TEXT")


def run(args: argparse.Namespace) -> int:
  """Converts and prints what was done."""
  from jaxguide.convert import dispatch
  settings = checkpoint_settings.Settings(**{
      option.name: getattr(args, option.name)
      for option in checkpoint_settings.options()})
  try:
    report = dispatch.convert(
        args.file, args.card, args.out, weights=args.weights,
        prefix=args.prefix, scale_factor=args.scale_factor,
        layout=args.layout, inert=args.inert,
        settings=settings if settings.said() else None)
  except ValueError as error:
    # Whatever a strange file provokes is said of the file.
    raise ValueError(str(error)) from error
  sys.stdout.write(report.rstrip("\n") + "\n")
  return 0
