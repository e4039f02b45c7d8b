"""From files of one program to files of another, by the endings of their names."""

from collections.abc import Sequence
from pathlib import Path

from ._errors import NetworkFileError
from ._network import ImportedNetwork

_INPUTS = "a .mat, or a .prototxt with a .caffemodel and, if there are any, a .binaryproto (mean) and a .txt (class names)"
_OUTPUTS = (".prototxt", ".caffemodel", ".mat", ".safetensors")


def open_network(files: Sequence[Path]) -> ImportedNetwork:
    """The network in one `.mat`, or in a `.prototxt` with the files that belong to it, told apart by their endings.

    Raises NetworkFileError where the files are not those of one network, and what the importers raise.
    """
    of: dict[str, Path] = {}
    for file in map(Path, files):
        if of.setdefault(file.suffix.lower(), file) is not file:
            raise NetworkFileError(f"two {file.suffix} files: {of[file.suffix.lower()].name} and {file.name}")
    if set(of) == {".mat"}:
        from .matconvnet import from_matconvnet

        return from_matconvnet(of[".mat"])
    if {".prototxt", ".caffemodel"} <= set(of) <= {".prototxt", ".caffemodel", ".binaryproto", ".txt"}:
        from .caffe import from_caffe

        return from_caffe(
            of[".prototxt"], of[".caffemodel"], mean=of.get(".binaryproto"), class_names=of.get(".txt")
        )
    names = ", ".join(file.name for file in of.values()) or "no files"
    raise NetworkFileError(f"{names}: a network is {_INPUTS}")


def convert_files(files: Sequence[Path], out: Path) -> tuple[Path, ...]:
    """Open a network and write it as the ending of `out` says; returns the files written.

    out : `.prototxt` or `.caffemodel`, which are written both, for Caffe; `.mat` for MatConvNet; `.safetensors` for
        the weights alone, under the names of the layers, as `load_weights` reads them.

    Raises NetworkFileError and FileNotFoundError that name the file, and the layer that the other format lacks.
    """
    out = Path(out)
    kind = out.suffix.lower()
    if kind not in _OUTPUTS:
        raise NetworkFileError(f"{out.name}: the file to write ends in one of {', '.join(_OUTPUTS)}")
    caffe = (out.with_suffix(".prototxt"), out.with_suffix(".caffemodel"))
    written = caffe if kind in (".prototxt", ".caffemodel") else (out,)
    own = {Path(file).resolve() for file in files}
    if own.intersection(path.resolve() for path in written):
        raise NetworkFileError(f"{out.name}: would be written over a file that is read")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent}")
    network = open_network(files)
    if written == caffe:
        from .caffe import to_caffe

        return to_caffe(network, *caffe)
    if kind == ".mat":
        from .matconvnet import to_matconvnet

        to_matconvnet(network, out)
    else:
        _save_weights(network, out)
    return (out,)


def _save_weights(network: ImportedNetwork, out: Path) -> None:
    from sketchwidgets.models._weights import save_weights

    given = network.preprocessing
    metadata = {
        "source": network.source._asdict(),
        "class_names": network.class_names,
        "input_size": network.input_size,
        "channel_order": given.channel_order,
        "scale": given.scale,
    }
    tensors = dict(network.state_dict())
    if given.mean is not None:
        tensors["preprocessing::mean"] = given.mean
    save_weights(out, tensors, metadata, dtype="float32")
