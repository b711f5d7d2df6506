"""Sentences without an opinion, which stand before or after one, and the invented names of people and places."""

from __future__ import annotations

from random import Random

from .words import listed

PEOPLE = listed(
    """
    Mara, Ilse, Tobin, Oswin, Pell, Jorun, Edda, Rufus, Nell, Anselm, Bryony, Cato, Dorrit, Fenn, Gilda, Hollis,
    Ines, Joss, Kerrin, Lorne, Mabel, Nils, Orla, Piers, Quill, Runa, Stellan, Tamsin, Ulric, Verity, Wendel,
    Yara
    """
)
FAMILIES = listed(
    """
    Ashgrove, Belwin, Corrigane, Dunmarsh, Ellersby, Farrowmere, Gransten, Holloway, Ingleby, Jansrud, Kestwick,
    Lornhill, Marchetto, Nordlund, Okonwe, Pendry, Quarles, Rosvall, Sandoval, Tremblett, Ullman, Varnay,
    Westerby, Yardley
    """
)
PLACES = listed(
    """
    Altenmoor, Brackwater, Castelrosso, Dunholm, Eastmere, Fellbrook, Grimsund, Harrowgate, Iverley, Kilmarsh,
    Lindhaven, Morvale, Northam, Ostby, Pallasville, Ravensby, Saltford, Tarnwick, Uxdale, Wrenbury
    """
)
TITLE_FIRST = listed(
    """
    Salt, Copper, Harbour, Lantern, Marrow, Thursday, Glass, River, Paper, Amber, Juniper, Cobalt, Sparrow,
    Maple, Quarry
    """
)
TITLE_LAST = listed(
    """
    Lane, Orchard, House, Bridge, Garden, Letters, Street, Station, Island, Hour, Road, Valley, Tower, Song,
    Harvest
    """
)
FILLERS = {
    "day": listed("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "month": listed(
        """
        January, February, March, April, May, June, July, August, September, October, November, December
        """
    ),
    "kin": listed(
        """
        sister, brother, wife, husband, mother, father, daughter, son, cousin, neighbour, flatmate, boss,
        aunt, uncle
        """
    ),
    "number": listed("two, three, four, five, six, seven, eight, nine, ten, twelve"),
    "colour": listed("black, blue, green, grey, red, white, yellow, brown"),
}
ASIDES = {
    "": """I am {age} years old|This was in {month}|My {kin} was with me|It is {day} today|We live near {place}|
    I am writing this on the bus|I work in {place} from {day} to {day}|My {kin} told me about it in {month}|
    This is my first review here|I come from {place}|We were {number} people|It was raining in {place} that {day}|
    {person} asked me to write this|I have two children and a cat""",
    "film": """I watched it on a {day} with my {kin}|It runs for a hundred and {number} minutes|
    It was shown at the cinema in {place}|The director is {full}|{full} plays a teacher from {place}|
    It is set in {place} in the nineteen-{decade}s|It came out in {month}|
    The story is about a {kin} who moves to {place}|I saw it on a plane to {place}|It is based on a book by {full}|
    We rented it for the {day} evening|The cinema was half full|{person} plays the {kin} of a sailor""",
    "book": """I read it on the train to {place}|It has about {number} hundred pages|The author is {full}|
    My {kin} lent it to me in {month}|It is the {ordinal} volume of a series|The story begins in {place}|
    It was translated by {full}|I bought the paperback in {place}|Our reading group met on a {day}|
    It is about a {kin} who leaves {place}|I finished it on {day}""",
    "music": """I heard it on the radio in {month}|It was recorded in {place}|{full} plays the bass|
    It has {number} tracks|It came out in {month}|I listened to it on the way to {place}|
    My {kin} bought it in {place}|The band comes from {place}|It is their {ordinal} release|
    It lasts about {number} minutes|{person} sings on one of the tracks""",
    "show": """It took place in {place}|It began at {number} in the evening|We sat in row {number}|
    There were about {number} hundred people|The tickets were for a {day} in {month}|I went there with my {kin}|
    {full} gave the introduction|It lasted {number} hours|The hall is next to the station in {place}|
    There was a break after the first hour""",
    "device": """I bought it in {month}|It is the {colour} one|I ordered it on a {day}|It came in a {colour} box|
    I use it at work in {place}|My {kin} has the same model|It replaces the one I had for {number} years|
    It was delivered on {day}|It weighs about {number} hundred grams|I have had it for {number} weeks|
    It comes with a cable and a manual|It was a present from my {kin}""",
    "goods": """I bought it in {month}|It is the {colour} one|I ordered it on a {day}|It came in a {colour} box|
    We keep it in the hall|My {kin} has the same one|It was delivered on {day}|I have had it for {number} months|
    There are {number} of us in the family|It was a present from my {kin}|We moved to {place} in {month}|
    It is made in {place}""",
    "clothes": """I ordered it in {colour}|It arrived on {day}|I wore it to my {kin}'s wedding in {place}|
    I take size {size}|My {kin} has one in {colour}|It was a present for my {kin}|I bought it in {month}|
    It is made of cotton|I wear it to work in {place}|I have had it since {month}""",
    "app": """I installed it in {month}|I have it on a tablet|My {kin} told me about it|
    I use it on the train to {place}|It takes up {number} megabytes|There are {number} languages to choose from|
    It was updated on {day}|I have had it for {number} weeks|It is made by a firm in {place}|
    The menu is on the left|I have reached level {number}""",
    "hotel": """We stayed for {number} nights in {month}|We arrived on a {day}|
    It is {number} minutes from the station|Our room was on the {ordinal} floor|I was in {place} for a conference|
    We travelled with my {kin}|We had booked for {number} people|Breakfast is from {number} to ten|
    It is in the old part of {place}|There is a bus to {place} every hour""",
    "restaurant": """We went there on a {day} evening|I went there with my {kin}|It is near the station in {place}|
    We were {number} people|I had the soup and my {kin} had the fish|We had booked a table for {number}|
    It was my {kin}'s birthday|It is open from {day} to {day}|We sat next to the window|It was lunchtime in {place}|
    It is run by a family from {place}""",
    "service": """I called on a {day}|The parcel was for my {kin} in {place}|
    I have been a customer for {number} years|It was about a bill from {month}|I live in {place}|
    The office is in {place}|The appointment was on {day}|The order was placed in {month}|
    My reference number ends in {number}|It was a repair of a {colour} lamp|My {kin} made the call""",
    "travel": """We went from {place} to {place}|It left at {number} in the morning|
    We travelled on a {day} in {month}|I was with my {kin}|It takes about {number} hours|I sat in seat {number}|
    We booked it in {month}|There were {number} of us|We were on the way to {place}|
    It stops in {place} and in {place}""",
}
MADE = {group: [" ".join(each.split()) for each in text.split("|")] for group, text in ASIDES.items()}


def name(rng: Random, slot: str) -> str:
    """Fill a slot for something that bears no opinion: a person, a place, a day, a number."""
    if slot == "person":
        return rng.choice(PEOPLE)
    if slot == "full":
        return f"{rng.choice(PEOPLE)} {rng.choice(FAMILIES)}"
    if slot == "place":
        return rng.choice(PLACES)
    if slot == "age":
        return str(rng.randint(16, 84))
    if slot == "decade":
        return rng.choice(("twentie", "thirtie", "fortie", "fiftie", "sixtie", "seventie", "eightie"))
    if slot == "ordinal":
        return rng.choice(("first", "second", "third", "fourth", "fifth"))
    if slot == "size":
        return rng.choice(("S", "M", "L", "38", "40", "42", "44"))
    if slot == "title":
        title = f"{rng.choice(TITLE_FIRST)} {rng.choice(TITLE_LAST)}"
        return title if title.endswith(("Lane", "Street", "Road")) else rng.choice((title, f"The {title}"))
    return rng.choice(FILLERS[slot])


def aside(rng: Random, group: str) -> str:
    """Say something that bears no opinion."""
    text = rng.choice(MADE[group] if rng.random() < 0.75 else MADE[""])
    while "{" in text:
        start, end = text.index("{"), text.index("}")
        word = name(rng, text[start + 1 : end])
        if word not in text:
            text = text[:start] + word + text[end + 1 :]
    return text
