"""Pictures in folders named after their classes: ImageNet, and any other of this form."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sketchwidgets.training.datasets._image_files import LabelledFiles, scan

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})


class ImageFolder(LabelledFiles):
    """`root`/class/picture: a data set of photos such as a part of ImageNet.

    ImageNet itself is given out only to those who register at image-net.org and agree to its terms (non-commercial
    research), so there is nothing here to download: give the folder "train" of ILSVRC2012, or a validation folder
    sorted into classes.

    Parameters
    ----------
    root : the folder of the folders.
    classes : the folders to read, in the order of the labels; by default all, by name.
    names : folder -> name of the class to show, for ImageNet's numbers ({"n02084071": "dog"}).
    transform : what becomes of an image; by default it stays a PIL image, "L" or "RGB".

    Raises FileNotFoundError where there is no such folder, `DataSetError` where no pictures are in it.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> Path("photos/cat").mkdir(parents=True)
    >>> Image.new("RGB", (32, 24)).save("photos/cat/1.png")
    >>> data = sw.training.ImageFolder("photos")
    >>> image, label = data[0]
    >>> image.size, data.classes[label]
    ((32, 24), 'cat')
    """

    def __init__(
        self,
        root: str | Path,
        classes: Sequence[str] | None = None,
        names: Mapping[str, str] | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        files, labels, found = scan(Path(root), PICTURES, classes)
        shown = [str((names or {}).get(name, name)) for name in found]
        super().__init__(root, files, labels, shown, transform)
        self.folders = found
