"""The lines of code in a model card: how the model is loaded."""

from __future__ import annotations

from ruletune.report.markdown import fenced, quoted

__all__ = ["loading", "without_ruletune"]

_CLASSES = {
    "text": "AutoModelForSequenceClassification",
    "pair": "AutoModelForTokenClassification",
    "tokens": "AutoModelForTokenClassification",
    "extract": "AutoModelForQuestionAnswering",
    "generate": "AutoModelForSeq2SeqLM",
}


def loading() -> str:
    """How a run is opened."""
    return fenced(
        """
import ruletune

run = ruletune.load("RUN")
for prediction in run.predict([run.example("...")]):
    print(prediction.answer, prediction.score, prediction.rules)
""",
        "python",
    )


def without_ruletune(readout: str, *, cloze: bool, multi: bool, template: str, max_length: int) -> str:
    """How the model is loaded by Transformers, and what is made of its outputs.

    Args:
        readout: Where in the outputs the answer stands.
        template: How a text is shown.
    """
    kind = "AutoModelForMaskedLM" if cloze else _CLASSES[readout]
    lines = [
        f"from transformers import AutoTokenizer, {kind}",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("MODEL")',
        f'model = {kind}.from_pretrained("MODEL").eval()',
        f'text = {quoted(template)}.replace("{{text}}", "...")',
        f'inputs = tokenizer(text, truncation=True, max_length={max_length}, return_tensors="pt")',
        *_answer(readout, cloze=cloze, multi=multi),
    ]
    return fenced("\n".join(lines), "python")


def _answer(readout: str, *, cloze: bool, multi: bool) -> list[str]:
    if cloze:
        return ["# the blank stands where {mask} is; ruletune.json of the run has the words that stand for each label"]
    match readout:
        case "text":
            chosen = "sigmoid()" if multi else "softmax(-1)"
            return [
                f"probabilities = model(**inputs).logits.{chosen}[0]",
                "print(model.config.id2label, probabilities)",
            ]
        case "pair":
            return [
                "# the two entities are marked in the text; the first half of the outputs is read at the first marker, the",
                "# second at the second, and the two are added",
                "logits = model(**inputs).logits",
            ]
        case "tokens":
            return ["print([model.config.id2label[int(tag)] for tag in model(**inputs).logits[0].argmax(-1)])"]
        case "extract":
            return [
                "# the question is the tokenizer's first text, what it is asked about the second",
                "edges = model(**inputs)",
                "print(edges.start_logits.argmax(), edges.end_logits.argmax())  # 0: there is no answer",
            ]
        case _:
            return ["print(tokenizer.decode(model.generate(**inputs, num_beams=4)[0], skip_special_tokens=True))"]
