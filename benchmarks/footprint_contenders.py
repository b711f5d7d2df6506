"""What `footprint.py` compares: how each is installed, made ready, imported, and asked for the label of one sentence.

None may ask the network once it is installed, so what is trained elsewhere and fetched on first use has random weights of its
size here: its label means nothing, and its size and time are what they would be.
"""

from __future__ import annotations

import dataclasses

SENTENCE = "A warm and funny film, not bad at all."
TEXTS = [
    "a warm and funny film", "not bad at all", "truly great acting", "I loved every minute",
    "a dull and lazy film", "not good at all", "truly awful acting", "I hated every minute",
]  # fmt: skip
_TRAINING = f"texts = {TEXTS!r}\nlabels = ['positive'] * 4 + ['negative'] * 4\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """One way to have sentences labelled.

    Attributes:
        name: as the table shows it.
        packages: what pip is asked for.
        knows: what its label rests on here.
        imports: the statement that is timed.
        predict: a program that prints the label of its argument, alone on the last line.
        prepare: a program that makes a model in the working folder, or "".
        right: whether the label must be positive; otherwise any label will do.
        remark: what the table's reader should know.
    """

    name: str
    packages: tuple[str, ...]
    knows: str
    imports: str
    predict: str
    prepare: str = ""
    right: bool = True
    remark: str = ""


PEEPHOLE = Contender(
    "Peephole",
    ("peephole",),
    "a trained LSTM, inside the package",
    "import peephole",
    "import sys; from peephole.cli.app import main\n"
    "sys.argv = ['peephole', 'predict', '--text', sys.argv[1]]\nmain()",
)

_VADER = Contender(
    "VADER",
    ("vaderSentiment",),
    "a list of 7,500 words, inside the package",
    "import vaderSentiment.vaderSentiment",
    "import sys; from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer\n"
    "score = SentimentIntensityAnalyzer().polarity_scores(sys.argv[1])['compound']\n"
    "print('positive' if score >= 0 else 'negative')",
    remark="rules for negation and degree; the smallest",
)
_TEXTBLOB = Contender(
    "TextBlob",
    ("textblob",),
    "a list of 2,900 words, inside the package",
    "import textblob",
    "import sys; from textblob import TextBlob\n"
    "print('positive' if TextBlob(sys.argv[1]).sentiment.polarity >= 0 else 'negative')",
)
_NLTK = Contender(
    "NLTK, naive Bayes",
    ("nltk",),
    "eight sentences",
    "import nltk",
    "import pickle, sys\nfrom nltk.tokenize import wordpunct_tokenize\n"
    "model = pickle.load(open('model.pickle', 'rb'))\n"
    "print(model.classify({word: True for word in wordpunct_tokenize(sys.argv[1].lower())}))",
    "import pickle\nfrom nltk.classify import NaiveBayesClassifier\nfrom nltk.tokenize import wordpunct_tokenize\n"
    + _TRAINING
    + "rows = [({word: True for word in wordpunct_tokenize(text)}, label) for text, label in zip(texts, labels)]\n"
    "pickle.dump(NaiveBayesClassifier.train(rows), open('model.pickle', 'wb'))",
    remark="its own VADER needs a list that is fetched",
)
_SKLEARN = Contender(
    "scikit-learn, TF-IDF + logistic regression",
    ("scikit-learn",),
    "eight sentences",
    "import sklearn.pipeline, sklearn.feature_extraction.text, sklearn.linear_model",
    "import pickle, sys\nprint(pickle.load(open('model.pickle', 'rb')).predict([sys.argv[1]])[0])",
    "import pickle\nfrom sklearn.feature_extraction.text import TfidfVectorizer\n"
    "from sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"
    + _TRAINING
    + "model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()).fit(texts, labels)\n"
    "pickle.dump(model, open('model.pickle', 'wb'))",
    remark="a pickle runs code when it is loaded",
)
_SPACY = Contender(
    "spaCy, blank English and a text classifier",
    ("spacy",),
    "eight sentences",
    "import spacy",
    "import sys, spacy\nscores = spacy.load('model')(sys.argv[1]).cats\nprint(max(scores, key=scores.get))",
    "import spacy\nfrom spacy.training import Example\n"
    + _TRAINING
    + "nlp = spacy.blank('en')\npipe = nlp.add_pipe('textcat')\n"
    "for label in sorted(set(labels)): pipe.add_label(label)\n"
    "examples = [Example.from_dict(nlp.make_doc(text), {'cats': {each: float(each == label) for each in set(labels)}})\n"
    "            for text, label in zip(texts, labels)]\n"
    "nlp.initialize(lambda: examples)\n"
    "for _ in range(30): nlp.update(examples)\n"
    "nlp.to_disk('model')",
)
_FASTTEXT = Contender(
    "fastText",
    ("fasttext",),
    "eight sentences",
    "import fasttext",
    "import sys, fasttext\nprint(fasttext.load_model('model.bin').f.predict(sys.argv[1] + '\\n', 1, 0.0, 'strict')[0][1]"
    ".removeprefix('__label__'))",
    "import fasttext\n"
    + _TRAINING
    + "open('texts.txt', 'w').writelines(f'__label__{label} {text}\\n' for text, label in zip(texts, labels))\n"
    "fasttext.train_supervised('texts.txt', epoch=50, lr=0.2, dim=16, verbose=0, thread=1).save_model('model.bin')",
    remark="compiled when it is installed",
)
_TOKENIZER = (
    "from tokenizers import Tokenizer, models, pre_tokenizers, trainers\n"
    "tokenizer = Tokenizer(models.WordPiece(unk_token='[UNK]'))\n"
    "tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()\n"
    "special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']\n"
    "tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=30522, special_tokens=special))\n"
)
_ONNX = Contender(
    "ONNX Runtime, an encoder of DistilBERT's size",
    ("onnxruntime", "tokenizers"),
    "random weights",
    "import onnxruntime, tokenizers",
    "import sys, numpy as np, onnxruntime\nfrom tokenizers import Tokenizer\n"
    "ids = np.array([Tokenizer.from_file('tokenizer.json').encode(sys.argv[1]).ids], np.int64)\n"
    "session = onnxruntime.InferenceSession('model.onnx', providers=['CPUExecutionProvider'])\n"
    "found = session.run(None, {session.get_inputs()[0].name: ids})[0]\n"
    "print(['negative', 'positive'][int(found[0].argmax())])",
    _TRAINING + _TOKENIZER + "tokenizer.save('tokenizer.json')",
    right=False,
)
_TORCH = Contender(
    "PyTorch, a bidirectional LSTM",
    ("torch", "tokenizers", "numpy"),
    "random weights",
    "import torch",
    "import sys, torch\nfrom tokenizers import Tokenizer\n"
    "ids = torch.tensor([Tokenizer.from_file('tokenizer.json').encode(sys.argv[1]).ids])\n"
    "embedding, lstm = torch.nn.Embedding(16000, 128), torch.nn.LSTM(128, 192, bidirectional=True, batch_first=True)\n"
    "head = torch.nn.Linear(384, 2)\n"
    "for part, state in zip((embedding, lstm, head), torch.load('model.pt', weights_only=True)): part.load_state_dict(state)\n"
    "with torch.inference_mode(): scores = head(lstm(embedding(ids))[0].amax(1))[0]\n"
    "print(['negative', 'positive'][int(scores.argmax())])",
    "import torch\n" + _TRAINING + _TOKENIZER + "tokenizer.save('tokenizer.json')\n"
    "parts = (torch.nn.Embedding(16000, 128), torch.nn.LSTM(128, 192, bidirectional=True), torch.nn.Linear(384, 2))\n"
    "torch.save([part.state_dict() for part in parts], 'model.pt')",
    right=False,
    remark="torch's CPU build; the default one for Linux brings gigabytes of CUDA",
)
_KERAS = Contender(
    "Keras on TensorFlow, a bidirectional LSTM",
    ("keras", "tensorflow-cpu"),
    "random weights",
    "import keras",
    "import sys, numpy as np, keras\nmodel = keras.saving.load_model('model.keras')\n"
    "ids = np.array([[1 + hash(word) % 15999 for word in sys.argv[1].split()]])\n"
    "print(['negative', 'positive'][int(model.predict(ids, verbose=0)[0].argmax())])",
    "import keras\nfrom keras import layers\n"
    "model = keras.Sequential([keras.Input((None,)), layers.Embedding(16000, 128),\n"
    "    layers.Bidirectional(layers.LSTM(192)), layers.Dense(2, activation='softmax')])\nmodel.save('model.keras')",
    right=False,
)
_TRANSFORMERS = Contender(
    "Transformers on PyTorch, DistilBERT",
    ("transformers", "torch"),
    "random weights",
    "import transformers",
    "import sys\nfrom transformers import pipeline\n"
    "print(pipeline('text-classification', model='model')(sys.argv[1])[0]['label'])",
    _TRAINING
    + _TOKENIZER
    + "from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast\n"
    "fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token='[UNK]', pad_token='[PAD]', cls_token='[CLS]',\n"
    "    sep_token='[SEP]', mask_token='[MASK]', model_input_names=['input_ids', 'attention_mask'])\n"
    "config = DistilBertConfig(id2label={0: 'negative', 1: 'positive'}, label2id={'negative': 0, 'positive': 1})\n"
    "DistilBertForSequenceClassification(config).save_pretrained('model')\nfast.save_pretrained('model')",
    right=False,
    remark="torch's CPU build, as above",
)

CONTENDERS = (
    PEEPHOLE, _VADER, _TEXTBLOB, _NLTK, _SKLEARN, _FASTTEXT, _SPACY, _ONNX, _TORCH, _KERAS, _TRANSFORMERS,
)  # fmt: skip
