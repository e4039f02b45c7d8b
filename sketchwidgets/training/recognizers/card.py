"""The model card that stands beside the weights, written from the facts that are inside them."""

from typing import Any

from sketchwidgets.training.evaluation.reliability import error_by_chance


def model_card(facts: dict[str, Any], size: int) -> str:
    """Markdown from the `card` of a recogniser; `size` is that of the weights file in bytes.

    facts : name, data, classes, training_drawings, torch, and measured, `Evaluation.to_dict` values by what was measured
        on. about and stored, a sentence each, and training, a list of them, say what it is, how its numbers are
        stored and how it was made; where they are absent, recipe and hours say so for the recipe of a
        `RecognizerRecipe`. notes and scribbles (see `scribbles.claims`) may be absent.
    """
    stored = facts.get("stored", "float16, the largest layer int8 with a scale per channel")
    lines = [
        f"# {facts['name']}",
        "",
        facts.get("about") or _about(facts),
        "",
        f"- File: {size / 1e6:.1f} MB of safetensors, {stored}.",
        f"- Data: {facts['data']}; {facts['training_drawings']:,} drawings of {facts['classes']} classes for training. "
        "Credit: the Quick, Draw! dataset by Google, made available under the Creative Commons Attribution 4.0 "
        "International licence (https://creativecommons.org/licenses/by/4.0/).",
        "- Licence of the weights: CC BY 4.0.",
        *(f"- {sentence}" for sentence in facts.get("training") or _training(facts)),
        f"- torch {facts['torch']}. Made by `sketchwidgets train`.",
        *(f"- {note}" for note in facts.get("notes", ())),
        "",
        "## Measured",
        "",
        "On drawings that were not trained on, stroke by stroke as in live use; intervals are 95 %.",
        "",
        "| drawings | n | top-1 | top-5 | mean top-1 over 10, 20, ... 100 % of the strokes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in facts["measured"].items():
        (low1, high1), (low5, high5) = found["top1_interval"], found["top5_interval"]
        lines.append(
            f"| {name} | {found['drawings']:,} | {found['top1']:.1%} ({low1:.1%} to {high1:.1%}) "
            f"| {found['top5']:.1%} ({low5:.1%} to {high5:.1%}) | {found['mean_over_shares']:.3f} |"
        )
    shares = list(next(iter(facts["measured"].values()))["by_share"])
    lines += [
        "",
        "Top-1 by the share of strokes drawn:",
        "",
        "| drawings | " + " | ".join(f"{share} %" for share in shares) + " |",
        "| --- |" + " --- |" * len(shares),
    ]
    for name, found in facts["measured"].items():
        lines.append(
            f"| {name} | " + " | ".join(f"{value:.1%}" for value in found["by_share"].values()) + " |"
        )
    lines += measured_lines(facts["measured"])
    lines += [
        "",
        "## Limits",
        "",
        f"It knows {facts['classes']} things, drawn in under 20 seconds by people on the web. {_limits(facts)}",
        "",
    ]
    return "\n".join(lines)


def _about(facts: dict[str, Any]) -> str:
    recurrent = facts["recipe"]["recurrent"]
    reset = ", reset after the product" if recurrent["reset_after"] else ", reset before the product"
    cell = recurrent["cell"].upper() + (reset if recurrent["cell"] == "gru" else "")
    return (
        "Names a drawing after every stroke: Sketch-a-Net (Yu et al., BMVC 2015) sees each prefix, "
        f"a {cell} with {recurrent['hidden_size']} units reads its fc7 features (Sarvadevabhatla et al., MM 2016)."
    )


def _training(facts: dict[str, Any]) -> list[str]:
    recipe = facts["recipe"]
    cnn, recurrent = recipe["cnn"], recipe["recurrent"]
    images = cnn["steps"] * cnn["batch_size"]
    return [
        f"CNN: {cnn['steps']:,} steps of {cnn['batch_size']} images ({images:,} in all), AdamW, peak learning rate "
        f"{cnn['learning_rate']:g}, cosine decay, weight decay {cnn['weight_decay']:g}, label smoothing "
        f"{cnn['label_smoothing']:g}, batch norm folded into the convolutions afterwards; "
        f"{cnn['augmentation']['prefix']:.0%} of the images show a random prefix. Seed {cnn['seed']}.",
        *(
            [
                "First filters: shrunk towards what drawings excite after the training (ridge "
                f"{recipe['shrink']:g} of a squared pixel), which takes the noise of the start out of them."
            ]
            if recipe.get("shrink")
            else []
        ),
        f"Recurrent part: all prefixes of {recipe['drawings']:,} drawings, {recurrent['epochs']} epochs, AdamW, "
        f"peak learning rate {recurrent['learning_rate']:g}. Seed {recurrent['seed']}.",
        f"Preprocessing: every prefix is normalised by its own bounding box, {cnn['preprocessing']['extent']:g} of "
        f"{cnn['preprocessing']['size']} px, pen {cnn['preprocessing']['stroke_width']:g} px. Nothing looks ahead.",
        "Time on two CPU cores, in hours: "
        + ", ".join(f"{k} {v:.2f}" for k, v in facts["hours"].items())
        + ".",
    ]


def measured_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown of how early, how steadily and how reliably, of `Evaluation.to_dict` values by what was measured on.

    Nothing of what evaluations from before these were measured lack.
    """
    lines: list[str] = []
    early = {name: found for name, found in measured.items() if found.get("stays_right")}
    if early:
        lines += [
            "",
            "How early and how steadily, strokes as mean (and median) over drawings that are right at their end:",
        ]
        lines += _table(
            ["first right after", "right to the end from", "share of the strokes", "right once, not at the end",
             "never right", "changes of the label a drawing"],
            {name: _early(found) for name, found in early.items()},
        )  # fmt: skip
    reliable = {name: found["calibration"] for name, found in measured.items() if found.get("calibration")}
    if not reliable:
        return lines
    lines += [
        "",
        "Expected calibration error (15 bins of equal width), on drawings that the calibration was not fitted on. A "
        "recogniser that is right exactly as often as it says has one too, by chance, where drawings are few:",
    ]
    lines += _table(
        ["n", "whole drawings", "by chance", "10, 20, ... 100 % together", "every stroke"],
        {
            name: [
                f"{found['drawings']:,}",
                _error(found["whole"]),
                f"{error_by_chance(found['whole']['count'], found['whole']['confidence']):.3f}",
                *(_error(found[kind]) for kind in ("shares", "steps")),
            ]
            for name, found in reliable.items()
        },
    )
    shares = [f"{share} %" for share in next(iter(reliable.values()))["knows"]]
    rows = {
        f"{name}, calibration error": [f"{error:.3f}" for error in found["error_by_share"].values()]
        for name, found in reliable.items()
    }
    promised = next(iter(reliable.values()))["promised"]
    if promised is not None:
        for name, found in reliable.items():
            knows = found["knows"].values()
            rows[f"{name}, says it knows"] = [f"{each['coverage']:.1%}" for each in knows]
            rows[f"{name}, right where it does"] = [_percent(each["precision"]) for each in knows]
    lines += ["", "By the share of strokes drawn:", *_table(shares, rows)]
    if promised is not None:
        lines += ["", "Over all strokes of all drawings, finished or not:"]
        lines += _table(
            ["says it knows", "right where it does", "as it shall be"],
            {
                name: [*_knowing(found["knows_at_steps"]), f"{promised:.0%}"]
                for name, found in reliable.items()
            },
        )
        unfinished = {
            name: found["knows_unfinished"]
            for name, found in reliable.items()
            if found.get("knows_unfinished")
        }
        if unfinished:
            lines += ["", "Over the strokes before the last alone, while the drawing is unfinished:"]
            lines += _table(
                ["says it knows", "right where it does"],
                {name: _knowing(found) for name, found in unfinished.items()},
            )
    return lines


def _knowing(found: dict[str, Any]) -> list[str]:
    right = f"{_percent(found['precision'])}{_range(found['precision_interval'], '.1%')}"
    return [f"{found['coverage']:.1%}", right]


def _table(columns: list[str], rows: dict[str, list[str]]) -> list[str]:
    return [
        "",
        "| drawings | " + " | ".join(columns) + " |",
        "| --- |" + " --- |" * len(columns),
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()),
    ]


def _early(found: dict[str, Any]) -> list[str]:
    first, stays = found["first_right"], found["stays_right"]
    n = found["drawings"]
    cells = ["–", "–", "–"]
    if stays["strokes_mean"] is not None:
        cells = [f"{each['strokes_mean']:.2f} ({each['strokes_median']:g})" for each in (first, stays)]
        cells.append(f"{first['share_mean']:.0%} and {stays['share_mean']:.0%}")
    return [
        *cells,
        f"{found['lost'] / n:.1%}",
        f"{found['never_right'] / n:.1%}",
        f"{found['changes']:.2f}{_range(found['changes_interval'], '.2f')}",
    ]


def _error(found: dict[str, Any]) -> str:
    return f"{found['error']:.3f}{_range(found['interval'], '.3f')}"


def _range(interval: list[float] | None, digits: str) -> str:
    return "" if interval is None else f" ({interval[0]:{digits}} to {interval[1]:{digits}})"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _limits(facts: dict[str, Any]) -> str:
    found = next(iter(facts["measured"].values())).get("calibration")
    if not found or found["promised"] is None:
        return "It always gives an answer, also for what it has never seen, and its probabilities are not calibrated."
    text = (
        f"Where it is not sure it says that it does not know yet; its label is right in {found['promised']:.0%} of the "
        "other cases, counted over all strokes of drawings of these things: less often after few strokes, more often on "
        "whole drawings. Its probabilities know nothing of drawings of other things."
    )
    nonsense = facts.get("scribbles")
    if nonsense:
        low, high = nonsense["known_interval"]
        text += (
            f" Of {nonsense['drawings']} scribbles that mean nothing it says of {nonsense['known']:.1%} "
            f"({low:.1%} to {high:.1%}) that it knows them."
        )
    return text
