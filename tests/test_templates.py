"""Templates place text and do nothing else; what users write in texts is inert."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import Location, UserError
from ruletune.knowledge import Knowledge
from ruletune.templates import FIELDS, Rendered, Rendering, Template, default_template, writing_template
from ruletune.types import Example

WHERE = Location("task.yaml", 7)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
hostile = st.lists(
    st.sampled_from(["{", "}", "{{", "}}", "{text}", "{sep}", "{0.__class__}", "a", " ", "中", "🙂"])
).map("".join)


def example(text: str, pair: str | None = None) -> Example:
    return Example("1", text, text_pair=pair)


@given(prefix=texts, text=texts | hostile, suffix=texts)
def test_text_stands_between_prefix_and_suffix_as_it_is(prefix: str, text: str, suffix: str) -> None:
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in (prefix, suffix)]
    rendered = Template.parse("{text}".join(escaped)).render({"text": text})
    assert rendered == Rendered((prefix + text + suffix).strip(), None)


@given(values=st.fixed_dictionaries(dict.fromkeys([name for name in FIELDS if name != "sep"], hostile)))
def test_values_are_never_read_as_templates(values: dict[str, str]) -> None:
    source = "<{name}|{description}|{labels}|{knowledge}|{text}>{sep}<{text_pair}>"
    rendered = Template.parse(source).render(values)
    first = "|".join(values[name] for name in ("name", "description", "labels", "knowledge", "text"))
    assert rendered == Rendered(f"<{first}>", f"<{values['text_pair']}>")


@given(source=hostile | texts)
def test_every_source_is_parsed_or_refused_with_its_place(source: str) -> None:
    try:
        template = Template.parse(source, where=WHERE)
    except UserError as error:
        assert all(problem.where == WHERE for problem in error.problems)
    else:
        assert "text" in template.fields
        assert template.fields <= set(FIELDS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{txet}", "unknown field {txet} in the template; did you mean 'text'?"),
        ("{text} {descripton}", "unknown field {descripton} in the template; did you mean 'description'?"),
        ("{text.__class__}", "unknown field {text.__class__} in the template"),
        ("{text!r}", "unknown field {text!r} in the template"),
        ("{text:>9999999999}", "unknown field {text:>9999999999} in the template"),
        ("{}", "unknown field {} in the template"),
        ("no field", "the template does not show the text; put {text} into it"),
        ("", "the template does not show the text"),
        ("{{text}}", "the template does not show the text"),
        ("{text} is {", "'{' without its partner at character 11; write {{ or }}"),
        ("{text} is }", "'}' without its partner at character 11"),
        ("{text}{sep}{name}{sep}", "the template has {sep} twice; an input has two segments at most"),
    ],
)
def test_mistakes_are_named(source: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Template.parse(source, where=WHERE)
    assert str(caught.value).startswith("task.yaml:7: ")
    assert message in str(caught.value)


def test_all_mistakes_come_together() -> None:
    with pytest.raises(UserError) as caught:
        Template.parse("{a} {b} {text} {sep} {sep}")
    assert len(caught.value.problems) == 3


def test_blanks_inside_the_braces_do_not_matter() -> None:
    assert Template.parse("{ text }").fields == {"text"}


def test_time_grows_with_the_size_not_with_its_square() -> None:
    size = 300_000
    started = time.process_time()
    rendered = Template.parse("{{" * size + "{text}").render({"text": "}" * size})
    with pytest.raises(UserError):
        Template.parse("{text}" + "{a" * size)
    assert time.process_time() - started < 5
    assert rendered.first == "{" * size + "}" * size


def test_default_shows_one_text_or_two_segments() -> None:
    assert Rendering(default_template(pair=False)).render(example("a")) == Rendered("a")
    assert Rendering(default_template(pair=True)).render(example("a", "b")) == Rendered("a", "b")


def test_labels_are_listed_with_their_descriptions() -> None:
    rendering = Rendering(Template.parse("{name}: {labels}. {text}"), name="n", labels={"pos": "good", "neg": ""})
    assert rendering.render(example("x")).first == "n: pos: good; neg. x"


def test_shortened_text_leaves_the_scaffold_whole() -> None:
    knowledge = (Knowledge({"MRSA": "a bacterium", "ward": "a room"}),)
    rendering = Rendering(Template.parse("Text: {text} Question: {description}"), knowledge, description="spam?")
    whole = rendering.render(example("MRSA in the ward"))
    assert whole.first == "Text: MRSA in the ward MRSA: a bacterium ward: a room Question: spam?"
    assert rendering.render(example("MRSA in the ward"), text="MRSA in").first == (
        "Text: MRSA in MRSA: a bacterium Question: spam?"
    )
    assert rendering.render(example("MRSA in the ward"), text="").first == "Text:  Question: spam?"


def test_half_a_word_left_by_the_cut_is_no_term() -> None:
    rendering = Rendering(default_template(pair=False), (Knowledge({"cat": "an animal"}),))
    assert rendering.render(example("a catalogue"), text="a cat").first == "a cat"


def test_text_with_braces_and_knowledge_is_inert() -> None:
    rendering = Rendering(default_template(pair=False), (Knowledge({"{sep}": "{text} {{"}, place="insert"),))
    assert rendering.render(example("a {sep} b")) == Rendered("a {sep} ({text} {{) b")


@given(
    description=texts,
    labels=st.dictionaries(texts, texts, max_size=3),
    place=st.sampled_from(["prefix", "suffix", "insert", "field"]),
    text=hostile,
)
def test_rendering_survives_json(description: str, labels: dict[str, str], place: str, text: str) -> None:
    knowledge = Knowledge({"a": "first letter"}, place=place, limit=2, separator=" | ")  # type: ignore[arg-type]
    rendering = Rendering(Template.parse("{{ {knowledge} {text} {labels}"), (knowledge,), "n", description, labels)
    again = Rendering.from_json(json.loads(json.dumps(rendering.to_json())))
    assert again == rendering
    assert again.render(example(text)) == rendering.render(example(text))


def test_the_blank_is_the_tokenizers_mask_and_texts_cannot_add_one() -> None:
    rendering = Rendering(Template.parse("{text} It was {mask}."), labels={"a": "[MASK]"})
    shown = rendering.render(example("a [MASK] film"), mask="[MASK]", masks=2)
    assert shown.first == "a [ MASK] film It was [MASK][MASK]."
    labelled = rendering.render(example("film"), template=Template.parse("{labels} {text} {mask}"), mask="[MASK]")
    assert labelled.first == "a: [ MASK] film [MASK]"


def test_several_templates_survive_the_run_folder() -> None:
    rendering = Rendering(Template.parse("{text}"), others=(Template.parse("x {text}"),))
    assert Rendering.from_json(json.loads(json.dumps(rendering.to_json()))) == rendering
    assert [template.source for template in rendering.templates] == ["{text}", "x {text}"]
    old = {key: value for key, value in rendering.to_json().items() if key != "other_templates"}
    assert Rendering.from_json(old).others == ()


@pytest.mark.parametrize(
    ("task", "described", "source"),
    [
        ("translation", True, "{description} {text}"),
        ("translation", False, "{text}"),
        ("summarization", True, "{description} {text}"),
        ("summarization", False, "summarize: {text}"),
        ("dialogue", True, "{description} {facts} {history} {text} {act}"),
        ("dialogue", False, "{facts} {history} {text} {act}"),
    ],
)
def test_templates_of_texts_to_be_written(task: str, described: bool, source: str) -> None:
    assert writing_template(task, described=described).source == source


def test_what_a_turn_of_a_dialogue_brings_is_shown() -> None:
    fields = {"history": "user: Hi", "act": "request(area)", "facts": "{act}", "slots": (("area", ""),)}
    rendering = Rendering(Template.parse("{history} | {text} | {act} | {facts}"))
    assert rendering.render(Example("1", "Where?", fields=fields)).first == "user: Hi | Where? | request(area) | {act}"
    alone = Example("1", "request(area)", fields={**fields, "history": "", "facts": ""})
    assert rendering.render(alone).first == "| request(area) |  |"
    assert rendering.render(Example("1", "a", fields={"act": 7})).first == "| a |  |"
