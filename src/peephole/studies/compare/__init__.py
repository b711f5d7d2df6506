"""Cells compared with each other, on labelled texts or on tasks with known answers, under one budget."""
