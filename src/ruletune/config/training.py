"""The part of a task file about training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruletune.config.part import Flag, Number, Part, Whole

__all__ = ["Contrast", "Curve", "Gold", "Guidance", "SelfTraining", "Training", "Weak"]


class Contrast(Part):
    """The warm-up on pairs of gold labels: texts of one label move together, others apart."""

    use: Literal["never", "labels", "always"] = Field(
        default="labels",
        description="labels: where no rule teaches; always: before weak labels, too. Several labels at once have no pairs.",
    )
    steps: Whole = Field(default=60, ge=1, description="Updates, about.")
    batch_size: Whole = Field(default=32, ge=4, le=1024, description="Texts per update; all their pairs count.")


class Weak(Part):
    """Training on what the rules say."""

    epochs: Whole | None = Field(
        default=None,
        ge=1,
        description="Passes over the weakly labelled texts at most; default 1, and 3 where words have labels.",
    )
    max_texts: Whole | None = Field(default=1200, ge=1, description="Weakly labelled texts used at most.")
    anchors: Whole = Field(default=0, ge=0, description="Texts with gold labels that are added to every batch.")
    targets: Literal["weighed", "votes"] = Field(
        default="weighed",
        description="What is learned: the votes, weighed against a linear head on the gold labels text by text; or what "
        "the label model makes of the votes alone.",
    )


class SelfTraining(Part):
    """Another pass over the texts without gold labels, what is covered by rules and what is not, with targets that the
    model and the rules agree on.
    """

    use: Flag = Field(default=False, description="Whether to do it.")
    max_texts: Whole = Field(default=1200, ge=1, description="Texts used at most, as many of each label as there are.")
    trust: Number = Field(
        default=0.7,
        gt=0,
        le=1,
        description="How far the model's own answers are believed: a power of its probabilities.",
    )
    anchors: Whole = Field(default=8, ge=0, description="Texts with gold labels that are added to every batch.")
    consistency: Number = Field(
        default=0.0, ge=0, description="Weight of the divergence between two passes under different dropout."
    )


class Gold(Part):
    """Training on the gold labels."""

    epochs: Whole = Field(default=30, ge=1, description="Passes over the gold labels at most.")
    kept: Number | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the weights that weak labels taught in those of the final model; 0: it is what the gold "
        "labels made of it; default 60 / (60 + gold labels).",
    )


class Guidance(Part):
    """Where rules act on texts that are written (translation, summarization, dialogue). Each can be switched off."""

    input: Flag = Field(default=True, description="What rules demand is put into the input.")
    training: Flag = Field(
        default=True, description="Unlabelled sources are learned from, with what rules write or approve of."
    )
    decoding: Flag = Field(default=True, description="Answers are written so that they keep the rules.")


class Curve(Part):
    """The labels-only learning curve, from which the labels that rules saved are estimated."""

    shares: tuple[Annotated[Number, Field(gt=0, lt=1)], ...] | None = Field(
        default=None,
        description="Shares of the gold labels that the curve is measured at, beside all of them; default 0.25 and 0.5, and none "
        "where texts are written, since every point of it takes a training.",
    )
    repeats: Whole = Field(default=2, ge=1, le=20, description="Draws at each share.")


class Training(Part):
    """How training goes."""

    optimizer: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="Optimizer.")
    learning_rate: Number | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Peak rate of the pretrained weights; default 5e-5 (lora: 5e-4), a tenth of MiniLM's pretraining "
        "rate; 1e-4 (1e-3) where words have labels or are chosen; 5e-4 (1e-3) for T5, which was pretrained at such rates.",
    )
    head_learning_rate: Number | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Peak rate of the new output layer, which starts from nothing; default 1e-3, and 1e-2 where words "
        "have labels or are chosen.",
    )
    weight_decay: Number = Field(default=0.01, ge=0, le=1, description="L2 penalty on weight matrices.")
    warmup: Number = Field(default=0.1, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    schedule: Literal["linear", "cosine", "constant"] = Field(default="linear", description="How the rate falls.")
    clip: Number = Field(default=1.0, gt=0, description="Largest norm of the gradient.")
    batch_size: Whole = Field(default=16, ge=1, le=1024, description="Texts per update.")
    label_smoothing: Number = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="translation, summarization, dialogue: share of the target spread over all words.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto: bf16 where the hardware computes it, else fp32."
    )
    patience: Whole = Field(default=5, ge=1, description="Validation checks without progress before a stage stops.")
    label_model: Literal["dawid_skene", "majority"] = Field(
        default="dawid_skene", description="How the rules' votes are reconciled."
    )
    contrast: Contrast = Field(default_factory=Contrast, description="The warm-up on pairs of gold labels.")
    weak: Weak = Field(default_factory=Weak, description="The stage on weak labels.")
    gold: Gold = Field(default_factory=Gold, description="The stage on gold labels.")
    self_training: SelfTraining = Field(
        default_factory=SelfTraining, description="The second pass, on what model and rules agree on."
    )
    guidance: Guidance = Field(default_factory=Guidance, description="Where rules act on texts that are written.")
    guard: Flag = Field(
        default=True,
        description="Compare the rules with the gold labels first, and leave them out where they speak against each other.",
    )
    baselines: Flag = Field(default=True, description="Also train on labels alone, to tell what the rules were worth.")
    curve: Curve = Field(default_factory=Curve, description="The labels-only learning curve.")
    keep_examples: Flag = Field(
        default=True,
        description="Gold training texts, with their answers, are kept in the run folder, so that an explanation can show the "
        "nearest of them.",
    )
    report_to: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = Field(
        default=(), description="Where losses, rates and metrics are sent to beside the report; nowhere by default."
    )
