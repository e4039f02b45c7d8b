"""Every public entry point gives on another device what it gives on the CPU.

Without such a device: on an emulated one, see `emulated_device.py`. It changes PyTorch for good, so that each kind of
device has a process of its own, which runs all entry points.
"""

import json
import subprocess
import sys
from pathlib import Path

import emulated_device
import numpy as np
import pytest
from entry_points import ENTRY_POINTS

SCRIPT = Path(__file__).with_name("run_entry_points.py")
KINDS = ("cuda-like", "mps-like")

# Relative to the largest number of an array. Panels go down in bfloat16 where the processor has it, and there only.
TOLERANCE = {"live-panels": 0.02}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        emulated_device.missing() is not None, reason=f"PyTorch has no {emulated_device.missing()}"
    ),
]


class Returned:
    """What the entry points returned on one kind of device."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        folder.mkdir()
        command = [sys.executable, str(SCRIPT), kind, str(folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.said = ""

    def wait(self) -> None:
        self.said = self._process.communicate(timeout=600)[1]

    def of(self, name: str) -> dict[str, np.ndarray]:
        """The numbers of one entry point; fails with what it raised."""
        failed = self.folder / f"{name}.txt"
        if failed.exists():
            pytest.fail(f"{name} on {self.kind}:\n{failed.read_text(encoding='utf-8')}", pytrace=False)
        path = self.folder / f"{name}.npz"
        assert path.exists(), (
            f"the process ended before {name} ({self._process.returncode}): {self.said[-2000:]}"
        )
        with np.load(path) as found:
            return dict(found)


@pytest.fixture(scope="module")
def returned(tmp_path_factory):
    """By kind of device; all at once, since importing takes as long as what follows."""
    folder = tmp_path_factory.mktemp("devices")
    kinds = {kind: Returned(kind, folder / kind) for kind in ("cpu", *KINDS)}
    for one in kinds.values():
        one.wait()
    return kinds


@pytest.mark.parametrize("kind", KINDS)
def test_the_device_refuses_what_it_stands_for(returned, kind):
    """Else the other tests would show nothing."""
    refused = json.loads((returned[kind].folder / "refused.json").read_text(encoding="utf-8"))
    expected = dict.fromkeys(
        ["both devices", "both in a convolution", "numpy", "a generator of the CPU"], True
    )
    expected |= {"a copy": False, "a number of the CPU": False, "indices of the CPU": False}
    assert refused == expected | {"float64": kind == "mps-like"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_the_same_numbers_as_on_the_cpu(returned, name, kind):
    wanted, found = returned["cpu"].of(name), returned[kind].of(name)
    assert wanted
    assert wanted.keys() == found.keys()
    for place, expected in wanted.items():
        tolerance = TOLERANCE.get(name, 1e-4)
        size = np.abs(np.nan_to_num(expected.astype(float))).max(initial=0)
        np.testing.assert_allclose(
            found[place], expected, rtol=tolerance, atol=tolerance * size, err_msg=f"{name}, {place}"
        )
