"""Creative writing to order: stories, poems, scenes, speeches, names, each under conditions that a program can check.

The paper (arXiv 2407.03502) names the skill and no more; all of this is ours. A document gives the material (people, a
conflict, what can be seen and heard), a brief asks for one piece of writing, and says with it what a program can count. The
writer sees the brief alone. What cannot be counted is judged by a rubric, twice.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import form
from ..teacher import Sampling
from ..tools.constraints import vocabulary
from ..verifiers import Judged, checked, formatted, original

INVENTIVE = Sampling(temperature=1.0, max_tokens=3072)
LONG = Sampling(max_tokens=4096)

# --- transform: a document becomes material ---


def material(name: str, what: str) -> Agent:
    """The agent that draws that kind of material from a document."""
    return Agent(
        name,
        role="You are the researcher of a writers' room: you find in dry texts what can be made into something.",
        task=f"Task: from the document above, write {what}\n\n"
        "What the document says of the world stays true; people, places and occasions that it lacks are made up, and are "
        "particular: a name, an age, a trade, a street, an hour of the day, no types. Say it in your own words. "
        "Write 150 to 350 words that can be used without the document and say nothing about it or this task. "
        "A document is unsuitable when it holds nothing that could matter to anybody: a list of links, a legal notice, "
        "bare exercises, debris of a page.",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=INVENTIVE,
    )


TRANSFORM = [
    material(
        "characters_and_setting",
        "three characters and the place where they meet: for each of the three what they want, what they hide, how they "
        "speak, and what the subject of the document has to do with them.",
    ),
    material(
        "conflict",
        "a conflict that turns on the subject: two sides that are both right, what each stands to lose, what has "
        "happened so far, and the hour at which it must be decided.",
    ),
    material(
        "metaphors",
        "eight to twelve images for the subject: what it is like, in a clause each, from fields far from each other "
        "(weather, kitchens, trades, games, the body), with the trait in which both agree.",
    ),
    material(
        "historical_scene",
        "a scene from the history of the subject: who was there, in which year and place, what they knew and did not yet know, "
        "what was at stake, and one object that was on the table. The facts are those of the document.",
    ),
    material(
        "headlines",
        "eight headlines with a line of text each, as six different papers and two bulletin boards would put the "
        "subject: sober, shrill, local, for children, for the trade, a hundred years ago.",
    ),
    material(
        "senses",
        "what can be seen, heard, smelled, tasted and touched where the subject has its place: four entries for "
        "each sense, exact enough to be recognised.",
    ),
    material(
        "what_if",
        "five what-ifs: one fact of the document is changed in each, and two or three sentences say what everyday life would be "
        "like then, for whom it would be better, and who would not notice.",
    ),
    IDENTITY,
]

# --- instruct: one agent for each kind of writing ---

PEOPLE = frozenset({"characters_and_setting", "conflict", "historical_scene", "what_if", "identity"})
IMAGES = frozenset({"metaphors", "senses", "characters_and_setting", "what_if", "identity"})
PUBLIC = frozenset({"headlines", "conflict", "what_if", "metaphors", "identity"})
ANY: frozenset[str] = frozenset()
INSTRUCTION = (
    "the whole brief, as the person who wants the text would put it: conditions in plain words, not as checks"
)
CHECKS = (
    "two to six conditions of the brief that a program can check, one to a line, each written exactly as in the list; every "
    "one stands in the brief too, in plain words"
)
CONDITIONS = (
    f"What a program can check is written so:\n{vocabulary()}\n\nChoose from this what shapes such a text and is a pleasure to "
    "meet: a refrain, a length that forces a choice, words that must not fall, a first line. Conditions can be met "
    "together (count it out: an acrostic of five letters has five lines), leave the writer free in what matters, and "
    "say nothing that only this list would understand. "
)


def piece(name: str, definition: str, shape: str, after: frozenset[str] = ANY) -> Entry:
    """A kind of writing, and the agent that orders it; `shape` says which conditions suit it."""
    agent = Agent(
        name,
        role="You order texts from writers, and know that a good brief is half of the piece.",
        task="Task: from the material above, write briefs for one kind of text.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nIts conditions: {shape}\n\n{CONDITIONS}\n\n"
        "The writer does not see the material: the brief brings all that is needed of it (who, where, what has happened, "
        "the facts that must be right), says for whom the text is and what it should do to them, and settles neither "
        "the plot nor the words. It names kind, voice and length, 40 to 500 words, and is itself 50 to 150 words long, "
        "in the voice of somebody with an occasion: an editor, a teacher, a shop, a daughter. The briefs differ in subject, "
        "occasion and conditions. The material is unsuitable when nothing in it can carry such a text.",
        form=form(many=3, instruction=INSTRUCTION, checks=CHECKS),
        sampling=INVENTIVE,
    )
    return Entry(name, agent, definition, after)


INSTRUCT = [
    piece(
        "short_story",
        "A scene or two in prose in which somebody wants something and at the end something is different: a point of view, a "
        "tense, a place, a turn that is prepared and not announced.",
        "words at most, words or names that must or must not occur, how it begins or ends, number of paragraphs.",
        PEOPLE,
    ),
    piece(
        "poem",
        "A poem with a speaker, an occasion and one image that is carried through or breaks; rhymed or not, as the brief "
        "says; no poem about poetry.",
        "stanzas and their lines, an acrostic, a word in each line, a line that ends each stanza, a title, forbidden words.",
        IMAGES,
    ),
    piece(
        "song_lyrics",
        "The words of a song in a named manner (shanty, blues, musical, lullaby, protest song) with verses and a refrain that "
        "means more the second time.",
        "number of stanzas, words that end each stanza, how often a word comes, words in a line at most.",
        IMAGES | PUBLIC,
    ),
    piece(
        "dramatic_scene",
        "A scene for stage, film or radio: two to four people who do not say what they mean, one place, a beginning in the "
        "middle, an end on an action; directions are short.",
        "number of speakers, number of speeches, words in a sentence at most, what the last line is.",
        PEOPLE,
    ),
    piece(
        "advertisement",
        "Copy that sells or recruits (poster, radio spot, classified, shop window): for one kind of buyer, with one promise that "
        "the facts of the material bear out, and what to do next.",
        "characters or words at most, words that must not occur (best, unique, new), how it ends, number of lines.",
        PUBLIC | {"senses"},
    ),
    piece(
        "speech",
        "A speech for a hall: a speaker with a reason to stand there, an audience that is not won yet, one claim, one story, one "
        "sentence to take home that comes back.",
        "how often a phrase comes, with which words it begins and ends, words, number of paragraphs, words in a sentence.",
        PUBLIC | PEOPLE,
    ),
    piece(
        "parody",
        "A known form used for the wrong subject, in earnest: a recipe for a quarrel, a wildlife film on an office, a user "
        "manual for a feeling, a sports report of a committee; every habit of the form is kept.",
        "a title, numbered or marked lines, words typical of the form that must occur, sentences, words at most.",
        ANY,
    ),
    piece(
        "letter_in_a_voice",
        "A letter by a person or a thing that does not usually write: to whom, on what occasion, with something that it "
        "avoids until the last third; who writes can be told from how it is written.",
        "with what it begins and ends, words, words that do not occur, words in a sentence at most.",
        PEOPLE | {"senses"},
    ),
    piece(
        "myth",
        "A myth, fable or folk tale that explains why something in the material is as it is: told as if it had been told often, "
        "with threes, with a price that somebody pays.",
        "how it begins, how often a word comes, paragraphs, words that are too modern to occur.",
        ANY,
    ),
    piece(
        "microfiction",
        "A whole story in a hundred words or fewer, most of which happens outside of the text; its title is a part of it.",
        "words exactly or at most, sentences, a title, a first or last word, a forbidden word that everybody would use.",
        ANY,
    ),
    piece(
        "diary",
        "Entries of a diary over some days or years by one who does not know yet what the reader guesses; each day has its own "
        "small thing, and the handwriting changes, as it were.",
        "number of paragraphs (one an entry), how each line or entry begins, words, a word that comes once only.",
        PEOPLE | {"senses"},
    ),
    piece(
        "game_quest",
        "A quest for a game: the text of the one who gives it, the aim, two ways to reach it of which one costs "
        "something else than effort, and what is said at the end of each.",
        "a title, number of bullets or speeches, words at most, names that must occur.",
        PEOPLE | {"metaphors"},
    ),
    piece(
        "riddle_in_verse",
        "A riddle in verse in the first person whose solution is a thing of the material: each line is true of it, misleads at "
        "first, and only all of them together leave one solution. The solution is named in the brief, not in the riddle.",
        "lines, words in a line, the solution and its relatives as forbidden words, how it ends.",
        IMAGES,
    ),
    piece(
        "names_and_slogans",
        "Names for a product, place, band, ship or club, each with a slogan and a reason of one line: different in how they "
        "are made (compound, borrowed, sound, place, joke), and not in use as far as one knows.",
        "number of bullets, words in a line at most, letters or words that must not occur.",
        PUBLIC | {"senses"},
    ),
    piece(
        "satire",
        "A satire that keeps a straight face: a mask (a press release, a minute, advice by somebody who profits) behind which "
        "a habit or an institution that the material shows is seen. It aims up, and at nobody's looks or origin.",
        "words, a title, phrases of the jargon that must occur, words that would give the joke away and must not.",
        PUBLIC,
    ),
    piece(
        "childrens_story",
        "A story to be read aloud to children of an age that you name: a hero of their size, three attempts, a sentence to "
        "join in with, and one fact of the material that they will tell at breakfast.",
        "words in a sentence at most, how often the sentence to join in with comes, words, paragraphs.",
        ANY,
    ),
]

# --- refine: a tighter form, or another way in ---

BRIEF = "The brief: $instruction\n\nIts checks:\n$checks"


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without writing the brief."""
    return Agent(
        name,
        role="You teach creative writing, and set exercises that get more out of people than they meant to give.",
        task=f"Task: suggest how to make a brief more demanding. It was written from the material above.\n\n"
        f"{BRIEF}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change, so that an editor can "
        "write the new brief without asking back; none makes the piece impossible, longer than 500 words, or a mere trick.",
        form=form(many=3, suggestion="one change to the brief, in one or two sentences"),
    )


def editor(name: str) -> Agent:
    """The agent that writes the brief anew by one suggestion."""
    return Agent(
        name,
        role="You order texts from writers, and know that a good brief is half of the piece.",
        task=f"Task: rewrite a brief by a suggestion. The brief was written from the material above.\n\n{BRIEF}\n\n"
        f"The suggestion: $suggestion\n\n{CONDITIONS}\n\nThe new brief is complete, in one voice, and as easy to read as the old "
        "one; an old condition that cannot be kept beside the suggestion goes, from the checks too. Decline when the suggestion "
        "makes the piece impossible.",
        form=form(instruction=INSTRUCTION, checks=CHECKS),
        sampling=LONG,
    )


REFINE = [
    Refinement(
        "tighter_form",
        suggester(
            "suggest_tighter_form",
            "the form gets tighter, so that the writer has to find other words: a condition more that a program can check, "
            "which works with the subject and not against it.",
        ),
        editor("edit_tighter_form"),
    ),
    Refinement(
        "another_way_in",
        suggester(
            "suggest_another_way_in",
            "the same subject from where nobody would look first: another speaker, time, addressee, order of telling, "
            "or something that must stay unsaid.",
        ),
        editor("edit_another_way_in"),
    ),
]

SKILL = Skill(
    name="creative_content",
    summary="Write stories, poems, scenes, copy and names to a brief with conditions.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=Agent(
        "write",
        role="You are a writer who takes commissions and delivers nothing that others could have written.",
        task="Task: write the piece that the brief above asks for.\n\nThe form that they ask for besides: $format\n\n"
        "Meet every condition to the letter: count lines, words, stanzas and repetitions before you deliver. Within them, be "
        "particular: things instead of feelings, verbs instead of adjectives, a detail that nobody expects and everybody "
        "believes. Let people say less than they mean. No stock images, no summing up, no moral that the piece has not "
        "earned; what it says of the real world is true. A title is written as # Title where one is asked for, and left out "
        "elsewhere. Reply with the piece and nothing else: no introduction, no remark on how it was done.",
        about="instruction",
        writes_text="response",
        sampling=INVENTIVE,
    ),
    verify=[
        formatted,
        checked,
        original,
        Judged(
            criteria=(
                "It is the piece that was asked for: its kind, speaker, audience, occasion and every condition of the brief, in "
                "substance and not only to the letter.",
                "It is particular: its details, images and turns belong to this piece, and no sentence of it is a stock "
                "phrase of its genre.",
                "It is whole: voice and point of view hold, nothing is repeated without gain, and the end follows from what "
                "came before without explaining it.",
                "What it takes from the real world is right, as far as the material above tells; what it invents does no "
                "harm to anybody.",
            )
        ),
    ],
    turn="$instruction",
    format=format_guide(
        "It is a piece of creative writing, made from the material above.\n\nThe brief: $instruction\n\nIts checks:\n$checks\n\n"
        "Most pieces have the form of their kind, and their checks must stay possible: choose another form than free only where "
        "somebody would lay the piece out so, and otherwise say where it will stand or be heard, and add no length.",
        forms=(FREE, "letter", "bullets", "essay", "table"),
    ),
)
