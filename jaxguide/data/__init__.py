"""Images and masks: folders, npz files, the embedded set, drawn masks."""

from jaxguide.data import masks
from jaxguide.data import vipaint_masks
from jaxguide.data.embedded import CATEGORIES
from jaxguide.data.embedded import embedded_dataset
from jaxguide.data.embedded import embedded_images
from jaxguide.data.embedded import embedded_label
from jaxguide.data.embedded import EmbeddedMasks
from jaxguide.data.images import ArrayImages
from jaxguide.data.images import Dataset
from jaxguide.data.images import ImageError
from jaxguide.data.images import ImageFolder
from jaxguide.data.images import Item
from jaxguide.data.images import items
from jaxguide.data.images import open_npz
from jaxguide.data.mask_folder import MaskFolder
from jaxguide.data.masks import MaskSource

__all__ = [
    "ArrayImages",
    "CATEGORIES",
    "Dataset",
    "EmbeddedMasks",
    "ImageError",
    "ImageFolder",
    "Item",
    "MaskFolder",
    "MaskSource",
    "embedded_dataset",
    "embedded_images",
    "embedded_label",
    "items",
    "masks",
    "open_npz",
    "vipaint_masks",
]
