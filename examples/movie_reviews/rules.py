"""Rules that no word list can say: what a word of praise is worth depends on the words around it.

Each function takes the text of a review and returns the name of a label, or ``None`` where it
has nothing to say. Both read the word lists of the gazetteer rules, so that a word added there
is known here too.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def words(name: str) -> re.Pattern[str]:
    """A pattern for any of the terms in a gazetteer file beside this one."""
    terms = (HERE / name).read_text(encoding="utf-8").split()
    return re.compile(r"\b(?:" + "|".join(map(re.escape, terms)) + r")\b", re.IGNORECASE)


def negator(*forms: str) -> re.Pattern[str]:
    """A pattern for one of ``forms`` at the end of the text that precedes a word.

    Only articles and adverbs of degree may stand between the two: "isn't a very", "never at all";
    not "not only", since what follows that is affirmed.
    """
    between = (
        "a|all|an|any|as|at|be|been|being|especially|even|ever|exactly|half|in|least|nearly|particularly|"
        "quite|really|remotely|so|such|terribly|that|the|too|very"
    )
    return re.compile(rf"\b(?:{'|'.join(forms)})\s+(?:(?:{between})\s+)*$", re.IGNORECASE)


PRAISE = words("praise.txt")
DISMISSAL = words("dismissal.txt")
NOT = negator("not", "never", "no", "neither", "nor", "hardly", "barely", "scarcely", "without", r"\w+n['’]t")
# "Not bad" is faint praise, and more often than not the prelude to none: only these acquit.
NEVER = negator("never", "no", "without")
TURN = re.compile(r"\b(?:but|yet|however|nevertheless|nonetheless|still)\b", re.IGNORECASE)


def conclusion(text: str) -> str:
    """The part after the last "but" or the like, where a reviewer tells what counts in the end.

    >>> conclusion("Not a great film but a funny one")
    ' a funny one'
    >>> conclusion("A funny film")
    'A funny film'
    """
    return TURN.split(text)[-1]


def negated(words: re.Pattern[str], by: re.Pattern[str], text: str) -> bool:
    """Whether one of ``words`` directly follows what ``by`` matches.

    >>> negated(PRAISE, NOT, "It isn't a very funny film.")
    True
    >>> negated(PRAISE, NOT, "It isn't long and very funny.")
    False
    """
    return any(by.search(text, 0, match.start()) for match in words.finditer(text))


def verdict(*, positive: bool, negative: bool) -> str | None:
    """The label that alone has something to say for it."""
    if positive == negative:
        return None
    return "positive" if positive else "negative"


def negation(text: str) -> str | None:
    """The opposite of the word that is negated, unless the text takes it back.

    >>> negation("not a very funny film")
    'negative'
    >>> negation("It's never dull.")
    'positive'
    >>> negation("not only funny but wise")
    >>> negation("not a great film, but a good one")
    """
    end = conclusion(text)
    return verdict(positive=negated(DISMISSAL, NEVER, end), negative=negated(PRAISE, NOT, end))


def turn(text: str) -> str | None:
    """What the words after the last "but" say; nothing where there is no "but".

    >>> turn("predictable , but thoroughly entertaining")
    'positive'
    >>> turn("It looks stunning, yet the story is dull.")
    'negative'
    >>> turn("thoroughly entertaining")
    """
    end = conclusion(text)
    if end == text:
        return None
    if answer := negation(end):
        return answer
    return verdict(positive=bool(PRAISE.search(end)), negative=bool(DISMISSAL.search(end)))
