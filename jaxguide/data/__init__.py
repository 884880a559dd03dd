"""Images and masks: folders, npz files, the embedded set, drawn masks."""

from jaxguide import exports
from jaxguide.data import masks
from jaxguide.data import vipaint_masks
from jaxguide.data.embedded import CATEGORIES as CATEGORIES
from jaxguide.data.embedded import embedded_dataset as embedded_dataset
from jaxguide.data.embedded import embedded_images as embedded_images
from jaxguide.data.embedded import embedded_label as embedded_label
from jaxguide.data.embedded import EmbeddedMasks as EmbeddedMasks
from jaxguide.data.images import ArrayImages as ArrayImages
from jaxguide.data.images import Dataset as Dataset
from jaxguide.data.images import ImageError as ImageError
from jaxguide.data.images import ImageFolder as ImageFolder
from jaxguide.data.images import Item as Item
from jaxguide.data.images import items as items
from jaxguide.data.images import open_npz as open_npz
from jaxguide.data.mask_folder import MaskFolder as MaskFolder
from jaxguide.data.masks import MaskSource as MaskSource

__all__ = exports.public_names(globals(), "masks", "vipaint_masks")
