"""Ways to damage a model folder, each with what is said of it."""

from __future__ import annotations

from support.hostile_models.config import CONFIG_ATTACKS
from support.hostile_models.folder import FOLDER_ATTACKS
from support.hostile_models.tokenizer import TOKENIZER_ATTACKS
from support.hostile_models.weights import WEIGHT_ATTACKS

ATTACKS = {
    f"{where}: {name}": attack
    for where, attacks in (
        ("config", CONFIG_ATTACKS),
        ("weights", WEIGHT_ATTACKS),
        ("tokenizer", TOKENIZER_ATTACKS),
        ("folder", FOLDER_ATTACKS),
    )
    for name, attack in attacks.items()
}
