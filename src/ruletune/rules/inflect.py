"""English inflections of a term: plurals, verb forms, comparatives. Regular ones by rule, irregular ones by table.

A word is taken for whatever it may be: ``fish`` gives ``fishes``, ``fished`` and ``fishing``. Forms that are no words
cost nothing, since no text has them; forms that are other words (``fee``, ``feed``) are left out by name.
The possessive needs no form of its own: an apostrophe ends a word, so ``dog`` is found in ``dog's``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

__all__ = ["inflected", "inflections", "with_inflections"]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_VERBS = """
arise arose arisen|awake awoke awoken|be am is are was were been being|bear bore borne born|beat beaten|become became|
begin began begun beginning|behold beheld|bend bent|bet betted betting|bid bade bidden bidding|bind bound|bite bit bitten|bleed bled|
blow blew blown|break broke broken|breed bred|bring brought|broadcast broadcasted|build built|burn burnt burned|burst|buy bought|
catch caught|choose chose chosen|cling clung|come came|cost|creep crept|cut cutting|deal dealt|dig dug digging|dive dove dived|
do does did done|draw drew drawn|dream dreamt dreamed|drink drank drunk|drive drove driven|dwell dwelt dwelled|eat ate eaten|
fall fell fallen|feed fed|feel felt|fight fought|find found|flee fled|fling flung|fly flew flown flies|forbid forbade forbidden forbidding|
forecast forecasted|foresee foresaw foreseen|forget forgot forgotten forgetting|forgive forgave forgiven|freeze froze frozen|
get got gotten getting|give gave given|go goes went gone|grind ground|grow grew grown|hang hung hanged|have has had|hear heard|
hide hid hidden|hit hitting|hold held|hurt|keep kept|kneel knelt kneeled|knit knitted knitting|know knew known|lay laid|lead led|
lean leant leaned|leap leapt leaped|learn learnt learned|leave left|lend lent|let letting|lie lay lain lied|light lit lighted|
lose lost|make made|mean meant|meet met|mislead misled|mistake mistook mistaken|misunderstand misunderstood|mow mown mowed|
outdo outdoes outdid outdone|outgrow outgrew outgrown|overcome overcame|overdo overdoes overdid overdone|overhear overheard|
override overrode overridden|oversee oversaw overseen|oversleep overslept|overtake overtook overtaken|overthrow overthrew overthrown|
pay paid|plead pled pleaded|prove proven proved|put putting|quit quitted quitting|read|rebuild rebuilt|redo redoes redid redone|
repay repaid|resell resold|reset resetting|rethink rethought|rewrite rewrote rewritten|rid ridding|ride rode ridden|ring rang rung|
rise rose risen|run ran running|rerun reran rerunning|saw sawn sawed|say said|see saw seen|seek sought|sell sold|send sent|
set setting|sew sewn sewed|shake shook shaken|shed shedding|shine shone shined|shoot shot|show shown showed|shrink shrank shrunk|
shut shutting|sing sang sung|sink sank sunk|sit sat sitting|slay slew slain|sleep slept|slide slid|sling slung|slit slitting|
smell smelt smelled|sow sown sowed|speak spoke spoken|speed sped speeded|spell spelt spelled|spend spent|spill spilt spilled|
spin spun spinning|spit spat spitting|split splitting|spoil spoilt spoiled|spread|spring sprang sprung|stand stood|steal stole stolen|
stick stuck|sting stung|stink stank stunk|stride strode stridden|strike struck stricken|string strung|strive strove striven|
swear swore sworn|sweep swept|swell swollen swelled|swim swam swum swimming|swing swung|take took taken|teach taught|tear tore torn|
tell told|think thought|throw threw thrown|thrust|tread trod trodden|undergo undergoes underwent undergone|
understand understood|undertake undertook undertaken|undo undoes undid undone|unwind unwound|uphold upheld|upset upsetting|
wake woke woken|wear wore worn|weave wove woven|weep wept|win won winning|wind wound winded|withdraw withdrew withdrawn|
withhold withheld|withstand withstood|wring wrung|write wrote written
"""
"""The base form, then what the rules do not give. They give no -ed to these."""

_NOUNS = """
alumna alumnae|alumnus alumni|antenna antennae antennas|alga algae|appendix appendices appendixes|automaton automata automatons|
axis axes|bacillus bacilli|bacterium bacteria|cactus cacti|calf calves|child children|corpus corpora|criterion criteria|
curriculum curricula|datum data|die dice|diagnosis diagnoses|elf elves|erratum errata|foot feet|formula formulae|
fungus fungi|genus genera|goose geese|half halves|hoof hooves hoofs|index indices indexes|knife knives|larva larvae|
leaf leaves|life lives|loaf loaves|louse lice|matrix matrices|maximum maxima|medium media|memorandum memoranda|millennium millennia|
minimum minima|mouse mice|nucleus nuclei|oasis oases|octopus octopi|optimum optima|ovum ova|ox oxen|parenthesis parentheses|penny pence|
person people|phenomenon phenomena|radius radii|scarf scarves scarfs|self selves|shelf shelves|sheaf sheaves|spectrum spectra|stimulus stimuli|
stratum strata|syllabus syllabi|thief thieves|tooth teeth|vertebra vertebrae|vertex vertices|vortex vortices|wharf wharves|
wife wives|wolf wolves|man men|woman women
"""

_COMPOUNDS = ("child", "foot", "tooth", "mouse", "knife", "wife", "life", "shelf", "leaf", "wolf", "penny", "man")
"""Irregular nouns that end others: grandchild, midwife, policeman."""

_REGULAR_MAN = _words("human german roman ottoman shaman talisman caiman norman")

_ADJECTIVES = _words("""
able angry big bitter black bleak blue blunt bold brave brief bright broad bulky busy calm cheap chilly clean clear
clever close cloudy clumsy coarse cold cool costly crazy creamy creepy crisp cruel curly cute damp dark deadly deaf dear
deep dense dirty dry dull dumb dusty early easy faint fair fancy fast fat few fine firm flat fresh friendly full funny gentle
grand grave gray great greedy green grey grim guilty handy happy hard harsh healthy heavy high hot huge humble hungry
icy keen kind large late lazy lean light likely lively lonely long loose loud lovely low loyal lucky mad mean merry messy
mild moist muddy narrow nasty naughty near neat new nice noble noisy odd oily old pale plain pleasant polite poor pretty proud
pure quick quiet rare raw ready red rich ripe risky rough rude sad safe salty scary sexy shallow sharp shiny short shy
sick silly simple sincere skinny sleepy slight slim slow small smart smelly smooth soft sore sour spicy steady steep stiff
strange strict strong stupid subtle sunny sweet swift tall tame tasty thick thin tidy tight tiny tough true ugly vague
warm weak wealthy weird wet white wide wild wise worthy young yummy
""")
_COMPARED = {
    "good": ("better", "best"),
    "well": ("better", "best"),
    "bad": ("worse", "worst"),
    "ill": ("worse", "worst"),
    "far": ("farther", "farthest", "further", "furthest"),
    "little": ("less", "least"),
    "many": ("more", "most"),
    "much": ("more", "most"),
}
_DOUBLED = _words("""
abet abhor acquit admit allot annul befit bootstrap commit compel concur confer control debug defer deter embed emit equip excel expel
format handicap impel incur infer input kidnap occur omit outfit output overlap patrol permit prefer program propel rebel
rebut recur refer regret remit repel submit transfer transmit unplug unzip worship
""")
"""Words of several syllables that double their last letter."""

_HARD_C = _words("bivouac frolic havoc magic mimic panic picnic politic traffic")
_HARD_CH = _words("epoch eunuch loch matriarch monarch oligarch patriarch stomach tech")
_OES = _words("""buffalo cargo domino echo embargo halo hero innuendo mango mosquito motto potato tomato tornado torpedo veto
volcano zero""")
_OTHER_WORDS = {
    "even": ("evening", "evenings"), "doe": ("does",), "fee": ("feed",), "good": ("goods",), "inn": ("inning",),
    "leg": ("legged",), "morn": ("morning",), "new": ("news",), "odd": ("odds",), "rich": ("riches",), "rug": ("rugged",),
    "severe": ("severed", "severing"), "unit": ("united", "uniting"), "wee": ("weed",),
}  # fmt: skip
"""Forms by rule that are other words."""

_CLOSED = _words("""
a about above across after again against ago ahead all almost along already also although always am among an and any are
around as aside at away back be because been before behind being below beneath beside between beyond both but by can could
did do does down during each either else enough ever every everywhere except far for forth forward from had has have he
hence her here him his how however i if in inside instead into is it its just least less many may me might mine more most
much must my near neither never no nor not now of off often on once one only onto or other our out over own past per
perhaps please quite rather shall she should since so some soon still such than that the their them then there these they
this those though through thus till to today together tomorrow tonight too toward towards under until up upon us very via
was we well were what when where whether which while who whom whose why will with within without would yes yet you your
""")
"""Words that have no inflections, or none that help; a phrase that ends in one inflects its first word."""

_INFLECTED = _words("back be do forward have mine near one other own please")
"""Words of these that have inflections where they stand alone."""

_PLAIN = re.compile(r"[A-Za-z]{2,}\Z")


def _table(lines: str) -> dict[str, tuple[str, ...]]:
    return {words[0]: tuple(words[1:]) for words in (entry.split() for entry in lines.split("|"))}


_IRREGULAR_VERBS = _table(_VERBS)
_IRREGULAR_NOUNS = _table(_NOUNS)


def inflected(terms: Iterable[str]) -> tuple[str, ...]:
    """Terms and their inflections, each once: a term's own come right after it.

    >>> inflected(["credit card", "sign up"])
    ('credit card', 'credit cards', ..., 'sign up', 'signs up', 'signed up', 'signing up')
    """
    return tuple(dict.fromkeys(form for term in terms for form in with_inflections(term)))


def with_inflections(term: str) -> Iterator[str]:
    """A term, then its inflections: of its last word, or, where that is a particle or the like, of its first."""
    yield term
    words = term.split(" ")
    at = 0 if words[-1].lower() in _CLOSED else len(words) - 1
    word = words[at]
    if not _PLAIN.match(word) or not (word.islower() or word.istitle()):
        return
    if len(words) == 1 and word.lower() in _CLOSED and word.lower() not in _INFLECTED:
        return
    for form in inflections(word.lower()):
        words[at] = form.capitalize() if word[0].isupper() else form
        yield " ".join(words)


@lru_cache(maxsize=1 << 16)
def inflections(word: str) -> tuple[str, ...]:
    """What a word, in its base form and small letters, may become. The word itself is not among them.

    >>> inflections("try"), inflections("child")[0], inflections("panic")
    (('tries', 'tried', 'trying'), 'children', ('panics', 'panicked', 'panicking'))
    """
    if word in _CLOSED and word not in _INFLECTED and word not in _COMPARED:
        return ()
    compared = _COMPARED.get(word, ())
    irregular = _IRREGULAR_VERBS.get(word)
    known = word in _ADJECTIVES or compared or irregular or word in _IRREGULAR_NOUNS
    if not known and (len(word) < 3 or not re.search("[aeiouy]", word)):
        return ("ads",) if word == "ad" else ("ids",) if word == "id" else ()
    forms = [*_plural(word), *compared]
    if irregular is None:
        forms += _stems(word, "ed")
    else:
        forms += irregular
    if irregular is None or not any(form.endswith("ing") for form in irregular):
        forms += _ing(word)
    if word in _ADJECTIVES:
        forms += [*_stems(word, "er"), *_stems(word, "est")]
    wrong = {word, *_OTHER_WORDS.get(word, ())}
    return tuple(dict.fromkeys(form for form in forms if form not in wrong))


def _plural(word: str) -> list[str]:
    """The plural of a noun, which is also a verb's third person."""
    if word in ("be", "have", "do", "go"):
        return []  # the table has it
    irregular = list(_IRREGULAR_NOUNS.get(word, ()))
    for ending in _COMPOUNDS:
        if word.endswith(ending) and len(word) > len(ending) + 1 and word not in _REGULAR_MAN:
            irregular += [word.removesuffix(ending) + form for form in _IRREGULAR_NOUNS[ending]]
    if word.endswith(("sis", "xis")):
        return [*irregular, f"{word[:-2]}es"]
    if re.search("[^aeiou]y$|quy$", word):
        return [*irregular, f"{word[:-1]}ies"]
    if re.search("[^aeiou][aeiou]z$|quiz$", word):
        return [*irregular, f"{word}zes"]
    sibilant = word.endswith(("s", "x", "z", "sh")) or (word.endswith("ch") and word not in _HARD_CH)
    if sibilant or word in _OES:
        return [*irregular, f"{word}es", *([f"{word}s"] if word in _OES else [])]
    return [*irregular, f"{word}s"]


def _stems(word: str, ending: str) -> list[str]:
    """A word with an ending that begins with e, in each spelling that is in use."""
    if word.endswith("e"):
        return [word + ending[1:]]
    if re.search("[^aeiou]y$", word):
        return [f"{word[:-1]}i{ending}"]
    return [stem + ending for stem in _before_vowel(word)]


def _ing(word: str) -> list[str]:
    if word.endswith("ie"):
        return [f"{word[:-2]}ying"]
    if word.endswith(("age", "inge", "ueue")):
        return [f"{word[:-1]}ing", f"{word}ing"]
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")) and word != "be":
        return [f"{word[:-1]}ing"]
    return [f"{stem}ing" for stem in _before_vowel(word)]


def _before_vowel(word: str) -> list[str]:
    """The stem before an ending with a vowel: the last letter doubled, or not, or either."""
    if word in _HARD_C:
        return [f"{word}k"]
    if not re.search("(?:^|[^aeiou]|qu)[aeiou][^aeiouwxy]$", word):
        return [word]
    doubled = word + word[-1]
    syllables = len(re.findall("[aeiouy]+", word.replace("qu", "q")))
    if word in _DOUBLED:
        return [doubled]
    if syllables == 1:
        return [doubled, word] if word.endswith("s") else [doubled]
    # Spelling differs by country: travelled, traveled; focussed, focused.
    return [word, doubled] if word.endswith("l") or word in ("focus", "bias") else [word]
