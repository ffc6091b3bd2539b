"""Suggest rules from a few gold labels and unlabelled texts, and changes to rules that exist."""

from ruletune.labeling.suggest.proposals import Pool, Proposal, Study, propose, study
from ruletune.labeling.suggest.repairs import Repair, repair
from ruletune.labeling.suggest.suggestion import Figures, Shown, Suggestion, of_proposals, of_repairs

__all__ = [
    "Figures", "Pool", "Proposal", "Repair", "Shown", "Study", "Suggestion", "of_proposals", "of_repairs", "propose", "repair",
    "study",
]  # fmt: skip
