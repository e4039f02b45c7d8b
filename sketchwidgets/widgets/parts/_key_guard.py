"""What keeps keys from the notebook where no other part of a widget is of the bundle."""

import ipywidgets
from traitlets import Unicode

from ._base import BundledWidget


class KeyGuard(BundledWidget):
    """Shows nothing. While it is in the page, keys pressed in the controls beside it do not edit the notebook's cells.

    Every view of the bundle does so; this is for widgets made of ipywidgets and bqplot alone.
    """

    _kind = Unicode("keys").tag(sync=True)

    def __init__(self) -> None:
        super().__init__(layout=ipywidgets.Layout(display="none"))
