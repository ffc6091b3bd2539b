"""One matcher for all pattern rules: exact, fast, and bounded in time."""

from ruletune.rules.matching.guard import GIVE_UP, MatchTimeoutError, Overrun
from ruletune.rules.matching.matcher import Matcher, Matches, Plan
from ruletune.rules.matching.terms import fold

__all__ = ["GIVE_UP", "MatchTimeoutError", "Matcher", "Matches", "Overrun", "Plan", "fold"]
