"""What the board says, to the eye and to a screen reader: its label, names of any length and direction, its hint."""

import re

import pytest
from _widgets import LAB, expect_recognised, lab_in
from playwright.sync_api import expect

# The contrast of a text with what is behind it, by WCAG 2.
CONTRAST = """(element) => {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const luminance = (...layers) => {
    context.globalAlpha = 1;
    for (const [colour, alpha] of layers) {
      context.globalAlpha = alpha;
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = [getComputedStyle(element.parentElement).backgroundColor, 1];
  const { color, opacity } = getComputedStyle(element);
  const [low, high] = [luminance(paper), luminance(paper, [color, Number(opacity)])].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.fixture
def board(notebook, drawing):
    page = notebook(LAB, "")
    page.run(0)
    return page, lab_in(page, 0)


def test_the_board_says_what_it_is_and_what_is_on_it(board, drawing):
    page, lab = board
    canvas = lab.root.get_by_role("application")
    expect(canvas).to_have_attribute("aria-label", re.compile("^Drawing, empty. Ctrl"))
    expect(canvas).to_have_attribute("aria-roledescription", "drawing board")
    for n, stroke in enumerate(drawing[:2], start=1):
        lab.hand().stroke(stroke, speed=10)
        expect(canvas).to_have_attribute("aria-label", re.compile(f"^Drawing, {n} stroke"))
    page.page.keyboard.press("ArrowLeft")
    expect(canvas).to_have_attribute("aria-label", re.compile("^Drawing, stroke 1 of 2. "))
    expect(lab.root.get_by_role("group", name="Drawing")).to_be_visible()


def test_the_hint_can_be_read(board):
    page, lab = board
    hint = lab.root.locator(".skw-hint")
    for dark in (False, True):
        page.set_theme(dark=dark)
        assert hint.evaluate(CONTRAST) >= 4.5
    page.set_theme(dark=False)


def say(page, *guesses):
    """Have the board show guesses, (name, probability) as Python source each."""
    names, shares = zip(*guesses, strict=True)
    page.ask(
        "lab.pad.send_prediction(sw.Prediction(__import__('numpy').array("
        f"[{', '.join(shares)}]), {tuple(names)!r}, 1, threshold=0.0), frame=None)"
    )


def expect_a_long_name_cut_and_its_probability_whole(page, lab):
    say(page, ("a very long name that no board has any room for, and on it goes", "0.7"), ("cat", "0.3"))
    expect(lab.name).to_contain_text("a very long name")
    expect(lab.probability).to_have_text("70\u00a0%")
    guess, name, share = (
        item.bounding_box() for item in (lab.root.locator(".skw-guess"), lab.name, lab.probability)
    )
    assert share["x"] + share["width"] <= guess["x"] + guess["width"] + 1
    assert share["y"] + share["height"] <= guess["y"] + guess["height"] + 1
    assert name["x"] + name["width"] <= share["x"]
    assert lab.name.evaluate("name => name.scrollWidth > name.clientWidth")


def expect_names_from_right_to_left_beside_their_own_numbers(page, lab):
    cat, dog, owl = "\u05d7\u05ea\u05d5\u05dc", "\u05db\u05dc\u05d1", "\u05d9\u05e0\u05e9\u05d5\u05e3"
    say(page, (cat, "0.5"), (dog, "0.3"), (owl, "0.2"))
    expect(lab.name).to_have_text(cat)
    others = lab.root.locator(".skw-guess-others")
    expect(others).to_have_text(f"{dog} 30\u00a0% · {owl} 20\u00a0%")
    # On the screen, too: each number to the right of its name, and the next name behind it.
    places = others.evaluate(
        """(element) => [...element.childNodes].map((node) => {
          const range = document.createRange();
          range.selectNodeContents(node);
          return range.getBoundingClientRect().left;
        })"""
    )
    assert places == sorted(places)
    assert len(places) == 5 + 1


def expect_a_dash_for_a_probability_that_is_no_number(page, lab):
    say(page, ("cat", "float('nan')"), ("dog", "float('nan')"))
    # Which of them comes first is chance, and whether any is known is not.
    expect(lab.root.locator(".skw-guess-others")).to_have_text(re.compile(r"^(cat – · dog –|dog – · cat –)$"))


def test_names_and_their_probabilities(board, drawing):
    page, lab = board
    lab.hand().stroke(drawing[0], speed=10)
    expect_recognised(page, lab, 1)
    expect_a_long_name_cut_and_its_probability_whole(page, lab)
    expect_names_from_right_to_left_beside_their_own_numbers(page, lab)
    expect_a_dash_for_a_probability_that_is_no_number(page, lab)


def test_a_status_has_no_alert_said_again(board):
    page, lab = board
    page.ask("lab.settle(60)")  # no status of the loading comes any more
    page.page.evaluate(
        """() => {
          window.rewritten = 0;
          for (const alert of document.querySelectorAll('.skw-pad [role=alert]')) {
            new MutationObserver(() => (window.rewritten += 1)).observe(alert, { subtree: true, childList: true });
          }
        }"""
    )
    page.ask("lab.pad.send_status('a moment ...')")
    expect(lab.root.locator(".skw-pad .skw-status")).to_have_text("a moment ...")
    assert page.page.evaluate("window.rewritten") == 0
    page.ask("lab.pad.send_error(ValueError('no'))")
    expect(lab.error).to_contain_text("no")
    assert page.page.evaluate("window.rewritten") > 0
