"""Words with an opinion that fit every topic. Those of one topic are in the modules `topics_…`.

Mild words can be negated with a clear result ("not good" is bad, "not bad" is good); of strong ones that is not true
("not perfect" may be very good), so that frames with a negation ask for mild words only.
"""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    """Split a list written with commas."""
    return tuple(dict.fromkeys(" ".join(each.split()) for each in text.split(",") if each.strip()))


Table = dict[str, tuple[str, ...]]  # by sign: "+" and "-"


def table(good: str, bad: str) -> Table:
    """Hold two lists by the sign of what they say."""
    return {"+": listed(good), "-": listed(bad)}


ADJECTIVES = table(  # mild; of things and people alike
    """good, nice, decent, pleasant, impressive, likeable, lovely, great, charming, delightful, admirable, fine,
    appealing""",
    """bad, poor, unpleasant, disappointing, irritating, annoying, tiresome, mediocre, lousy, second-rate,
    off-putting, underwhelming""",
)
THING_ADJECTIVES = table(  # mild; not of people
    """satisfying, worthwhile, pleasing, rewarding, enjoyable, commendable, praiseworthy, gratifying, attractive,
    agreeable, remarkable, noteworthy, likable, worthy""",
    """pointless, shoddy, unsatisfying, frustrating, worthless, lacklustre, sloppy, inferior, unappealing,
    regrettable, unsatisfactory, flawed, overrated, inadequate, tedious, substandard, unremarkable, forgettable,
    lame, crappy, shabby, dismal, dreary""",
)
STRONG = table(  # of things and people alike
    """excellent, wonderful, fantastic, superb, brilliant, outstanding, amazing, marvellous, terrific, magnificent,
    splendid, perfect, exceptional, fabulous, awesome, incredible, first-class, sensational, phenomenal, stellar,
    exquisite, top-class, top-notch, flawless, impeccable, faultless, stunning, unbeatable, world-class,
    superlative, divine""",
    """terrible, awful, horrible, dreadful, appalling, atrocious, abysmal, horrendous, disgusting, pathetic,
    hopeless, disastrous, ghastly, unbearable, abominable, deplorable, unacceptable, disgraceful, insufferable,
    repulsive, hideous, laughable, lamentable, intolerable, horrid, vile, execrable, rotten, miserable, godawful,
    shocking, woeful, dire""",
)
VERBS = table(  # what I did with it; mild
    "like, enjoy, recommend, appreciate, admire, praise, approve of, warm to, care for, value, take to",
    """regret, dislike, resent, complain about, find fault with, object to, grumble about, get tired of, moan about,
    tire of""",
)
STRONG_VERBS = table(
    "love, adore, cherish, treasure, savour, delight in, relish, worship, applaud",
    "hate, loathe, detest, despise, abhor, curse, deplore, hate every minute of, condemn",
)
PLEASE = table(  # what it did with me
    """please me, delight me, impress me, satisfy me, amuse me, charm me, win me over, cheer me up, thrill me,
    enchant me, convince me, make me smile, make me happy, captivate me, entertain me, fascinate me, meet my hopes,
    make my day, lift my mood""",
    """disappoint me, bore me, annoy me, irritate me, frustrate me, let me down, put me off, get on my nerves,
    make me yawn, tire me, try my patience, test my patience, leave me cold, waste my time""",
)
FEELINGS = table(  # I am; mild
    """glad, happy, pleased, delighted, thrilled, satisfied, content, impressed, enchanted, charmed, in love""",
    "disappointed, annoyed, unhappy, bored, irritated, frustrated, dissatisfied, displeased, fed up, underwhelmed",
)
NOUNS = table(  # it is; with a clear opposite when negated
    """a joy, a pleasure, a success, a delight, a treat, a triumph, a winner, a good choice, a hit,
    a pleasant surprise, something to cherish, an achievement, money well spent, time well spent,
    a sound investment, the real thing, something I would recommend, a good idea, a find, a keeper, good value,
    a credit to everyone involved""",
    """a waste of time, a waste of money, a mess, a failure, a disappointment, a letdown, a disaster, a nuisance,
    a bad choice, a rip-off, a flop, an embarrassment, something to avoid, a mistake, a chore, a pain, an ordeal,
    a joke, a swindle, an insult, a con, a bad idea, a dud, an unpleasant surprise, rubbish, garbage, trash, junk,
    poor value, a nightmare, a shambles""",
)
STRONG_NOUNS = table(
    """a masterpiece, a marvel, a gem, a classic, a dream, an inspiration, a work of genius, a revelation, a wonder,
    pure gold, a stroke of luck, the best thing in years, a source of joy""",
    """an abomination, a catastrophe, a crime, an atrocity, a horror, an outrage, torture, pure misery, a fiasco,
    a travesty, a scandal, the worst thing in years, a source of misery""",
)
COUNTED = table(  # a count noun without its article, for "such a", "no", "quite a"
    "success, delight, triumph, pleasure, joy, treat, winner, bargain, achievement, hit, gem",
    """failure, disappointment, disaster, letdown, flop, mess, mistake, embarrassment, nuisance, rip-off, dud,
    swindle, insult""",
)
QUALITIES = table(  # it has; after "no", "without", "full of", "lacks"
    "charm, character, style, class, quality, substance, merit, appeal, virtues, strengths, good points, good sides",
    """flaws, faults, problems, weaknesses, shortcomings, defects, bad points, irritations, annoyances, weak spots,
    failings""",
)
MANNER = table(  # it was done
    "well, beautifully, carefully, skilfully, expertly, lovingly, cleverly, admirably, neatly, competently, sensibly",
    "badly, poorly, carelessly, clumsily, sloppily, lazily, incompetently, shoddily, ineptly, amateurishly, stupidly",
)
TRACES = table(  # it left me with
    """a smile on my face, a grin from ear to ear, a warm glow, nothing but praise, fond memories,
    a good impression, a big smile, a spring in my step, a happy heart""",
    """a bad taste in my mouth, a headache, a sour face, a sense of emptiness, a feeling of regret,
    a bad impression, a frown, a heavy heart, a long list of complaints""",
)
ADVICE = table(  # do with it
    """give it a chance, give it a try, go for it, recommend it to a friend, put it at the top of the list,
    treat yourself to it""",
    """stay away from it, give it a miss, avoid it, spend the money on something else, steer clear of it,
    keep well clear of it""",
)


def pairs(text: str) -> Table:
    """Hold pairs written "good/bad" by sign."""
    return {sign: tuple(pair.split("/")[at] for pair in listed(text)) for at, sign in enumerate("+-")}


AFFIXES = pairs(  # the same stem, once good and once bad
    """likeable/unlikeable, pleasant/unpleasant, appealing/unappealing, attractive/unattractive,
    satisfying/unsatisfying, flawless/flawed, acceptable/unacceptable, adequate/inadequate, impressive/unimpressive,
    worthwhile/worthless, satisfactory/unsatisfactory, enjoyable/unenjoyable, memorable/unmemorable,
    remarkable/unremarkable, underrated/overrated, rewarding/unrewarding, desirable/undesirable,
    reliable/unreliable, bearable/unbearable, exceptional/unexceptional, inviting/uninviting, worthy/unworthy"""
)
ART_AFFIXES = pairs(
    """meaningful/meaningless, tasteful/tasteless, thoughtful/thoughtless, inspired/uninspired,
    imaginative/unimaginative, original/unoriginal, convincing/unconvincing, interesting/uninteresting,
    exciting/unexciting, coherent/incoherent, honest/dishonest, graceful/graceless, ambitious/unambitious,
    unforgettable/forgettable, well-conceived/ill-conceived, well-judged/misjudged, engaging/unengaging,
    inspiring/uninspiring, moving/unmoving, sophisticated/unsophisticated, intelligent/unintelligent"""
)
MADE_AFFIXES = pairs(
    """useful/useless, faultless/faulty, dependable/undependable, effective/ineffective, well-made/ill-made,
    helpful/unhelpful, professional/unprofessional, well-thought-out/ill-thought-out, efficient/inefficient,
    practical/impractical, consistent/inconsistent, well-conceived/ill-conceived, trustworthy/untrustworthy,
    organised/disorganised, stable/unstable, painless/painful"""
)
