"""The model card that stands beside the weights, written from the facts that are inside them."""

from typing import Any


def model_card(facts: dict[str, Any], size: int) -> str:
    """Markdown from the `card` of a recogniser; `size` is that of the weights file in bytes."""
    recipe = facts["recipe"]
    cnn, recurrent = recipe["cnn"], recipe["recurrent"]
    images = cnn["steps"] * cnn["batch_size"]
    reset = ", reset after the product" if recurrent["reset_after"] else ", reset before the product"
    cell = recurrent["cell"].upper() + (reset if recurrent["cell"] == "gru" else "")
    lines = [
        f"# {facts['name']}",
        "",
        "Names a drawing after every stroke: Sketch-a-Net (Yu et al., BMVC 2015) sees each prefix, "
        f"a {cell} with {recurrent['hidden_size']} units reads its fc7 features "
        "(Sarvadevabhatla et al., MM 2016).",
        "",
        f"- File: {size / 1e6:.1f} MB of safetensors, float16, the largest layer int8 with a scale per channel.",
        f"- Data: {facts['data']}; {facts['training_drawings']:,} drawings of {facts['classes']} classes for training. "
        "Credit: the Quick, Draw! dataset by Google, made available under the Creative Commons Attribution 4.0 "
        "International licence (https://creativecommons.org/licenses/by/4.0/).",
        "- Licence of the weights: CC BY 4.0.",
        f"- CNN: {cnn['steps']:,} steps of {cnn['batch_size']} images ({images:,} in all), AdamW, peak learning rate "
        f"{cnn['learning_rate']:g}, cosine decay, weight decay {cnn['weight_decay']:g}, label smoothing "
        f"{cnn['label_smoothing']:g}, batch norm folded into the convolutions afterwards; "
        f"{cnn['augmentation']['prefix']:.0%} of the images show a random prefix. Seed {cnn['seed']}.",
        *(
            [
                "- First filters: shrunk towards what drawings excite after the training (ridge "
                f"{recipe['shrink']:g} of a squared pixel), which takes the noise of the start out of them."
            ]
            if recipe.get("shrink")
            else []
        ),
        f"- Recurrent part: all prefixes of {recipe['drawings']:,} drawings, {recurrent['epochs']} epochs, AdamW, "
        f"peak learning rate {recurrent['learning_rate']:g}. Seed {recurrent['seed']}.",
        f"- Preprocessing: every prefix is normalised by its own bounding box, {cnn['preprocessing']['extent']:g} of "
        f"{cnn['preprocessing']['size']} px, pen {cnn['preprocessing']['stroke_width']:g} px. Nothing looks ahead.",
        "- Time on two CPU cores, in hours: "
        + ", ".join(f"{k} {v:.2f}" for k, v in facts["hours"].items())
        + ".",
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
    lines += [
        "",
        "## Limits",
        "",
        f"It knows {facts['classes']} things, drawn in under 20 seconds by people on the web. It always gives an "
        "answer, also for what it has never seen, and its probabilities are not calibrated.",
        "",
    ]
    return "\n".join(lines)
