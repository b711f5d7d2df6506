"""`peephole tune`: a search of the recipe, trial by trial, that can be stopped and gone on with."""
