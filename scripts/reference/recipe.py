"""The page of the recipe."""

from __future__ import annotations

from peephole.training import LanguageRecipe, Recipe
from peephole.training.recipe_base import Settings, meanings


def recipe_page() -> str:
    """Every setting of a training run and of a pretraining run."""
    return "\n".join([
        "# The recipe",
        "",
        "Every setting of `peephole train`, as an option (`--hidden-size 64`), in a JSON file (`--recipe FILE`) or in Python",
        "(`peephole.training.Recipe(hidden_size=64)`). A default of *by size* is chosen from the size of the corpus.",
        "",
        *settings_table(Recipe()),
        "",
        "## The recipe of a language model",
        "",
        "Every setting of `peephole pretrain`; in Python `peephole.training.LanguageRecipe`.",
        "",
        *settings_table(LanguageRecipe()),
        "",
    ])  # fmt: skip


def settings_table(recipe: Settings) -> list[str]:
    """The lines of a table of settings with their defaults."""
    defaults = recipe.to_json()
    lines = ["| setting | default | range | meaning |", "|---|---|---|---|"]
    for name, rule in meanings(type(recipe)).items():
        default = defaults[name]
        shown = (
            "*by size*" if default is None else ", ".join(default) if isinstance(default, list) else default
        )
        shown = "none" if shown == {} else shown
        unit = f" ({rule.unit})" if rule.unit else ""
        lines.append(f"| `{name}` | {shown} | {rule.range.replace('|', '/')} | {rule.meaning}{unit} |")
    return lines
