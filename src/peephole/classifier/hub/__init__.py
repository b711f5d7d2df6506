"""Models on the Hugging Face Hub: their names, fetching them, putting them there (the extra ``hub``).

What is fetched is the files of a model folder and nothing else, none larger than its kind may be, and each passes the checks of
any model folder. Nothing here imports `huggingface_hub` before a name of the Hub is asked for.
"""
