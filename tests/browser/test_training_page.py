"""A training in the page: its curves grow, Stop and Resume work, also an interrupt, and a reload keeps all."""

import re

from _widgets import wait_until
from playwright.sync_api import expect

SETUP = """
import time, numpy as np, torch, sketchwidgets as sw
rng = np.random.default_rng(0)
data = rng.integers(0, 256, (400, 12, 12)).astype(np.uint8), np.arange(400) % 2
data[0][1::2, :4] //= 3
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
network.input_size = 12
recipe = sw.training.Recipe(epochs=30, batch_size=16, learning_rate=3e-3, views=sw.training.Views(size=12))

def train(tell, folder="run"):
    def slowly(progress):
        time.sleep(0.03)
        return tell(progress)
    return sw.training.fit(network, data, recipe, folder, validation=data, callback=slowly, progress=False)

monitor = sw.TrainingMonitor(train, start=False)
monitor
"""
BUSY = """
other = sw.TrainingMonitor()
display(other)
ended = train(other.update, "busy")
"""


def looks(page, root, pictures, name):
    for theme, dark in (("light", False), ("dark", True)):
        page.set_theme(dark=dark)
        for size, width in (("wide", 1250), ("narrow", 560)):
            page.page.set_viewport_size({"width": width, "height": 1000})
            page.page.wait_for_timeout(300)
            root.screenshot(path=pictures / f"{name}-{size}-{theme}.png")
    page.set_theme(dark=False)
    page.page.set_viewport_size({"width": 1250, "height": 1000})


def test_training_monitor(notebook, pictures):
    page = notebook(SETUP, BUSY, "", viewport={"width": 1250, "height": 1000})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    expect(root.locator(".skw-curves .bqplot")).to_have_count(2)
    root.get_by_role("button", name="Start").click()
    line = root.locator(".skw-explorer-text").first
    expect(line).to_contain_text("validation ")
    expect(line).to_contain_text("left")
    root.get_by_role("button", name="Stop").click()
    resume = root.get_by_role("button", name="Resume")
    expect(resume).to_be_enabled()
    step = page.ask("monitor.result.step")
    expect(line).to_contain_text(f"step {step} of 750")
    path = root.locator(".skw-curves .bqplot").first.locator("path.line")
    drawn = [one for one in path.evaluate_all("all => all.map((one) => one.getAttribute('d'))") if one]
    assert max(len(one) for one in drawn) > 100

    # What was drawn is there again in a page that is loaded anew, and the training goes on from it.
    page.save()
    page.open(reset=False)
    page.hide_side_bars()
    expect(line).to_contain_text(f"step {step} of 750")
    wait_until(
        lambda: path.evaluate_all("all => all.filter((one) => one.getAttribute('d')).length") >= 2, True
    )
    resume.click()
    wait_until(lambda: page.ask(f"monitor._progress.step > {step}"), True)
    looks(page, root, pictures, "training-monitor")
    root.get_by_role("button", name="Stop").click()
    expect(resume).to_be_enabled()

    # A training in a cell: the curves grow though the kernel is busy, and an interrupt stops it as the button does.
    page.run(1, wait=False)
    busy = page.output(1)
    expect(busy.locator(".skw-explorer-text").first).to_contain_text("pictures/s")
    page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"
    )
    expect(busy).to_contain_text("the same call goes on with it")
    # What is asked before the cell has ended would be aborted with it.
    expect(page.page.locator(".jp-CodeCell").nth(1).locator(".jp-InputPrompt")).to_have_text(
        re.compile(r"\[\d+\]")
    )
    wait_until(
        lambda: page.ask("[other.state, sw.training.read_history('busy')['loss'][0].size > 1]"),
        ["stopped", True],
    )
