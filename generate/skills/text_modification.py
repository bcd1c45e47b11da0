"""Text modification: edits of a text that the student sees (arXiv 2407.03502, section 2.2, appendix A).

The paper's flow does without transformations, and says that they could be introduced: here the document may first become
one of the texts that people have edited every day. Of the paper's 18 kinds of task one is drawn, whose agent sets several
tasks on parts of the text; one suggester-editor pair makes them harder. An edit that can be done in one way only is
compared with the one that the author of the task made; of the others, program-checked constraints and a reviewer judge.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Refinement, Skill
from ..formats import FREE as AS_IT_IS
from ..formats import format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..tools.constraints import NONE, vocabulary
from ..verifiers import Reviewed, agreed, checked, excerpt_of, formatted, reviewer

LONG = Sampling(max_tokens=4096)
TEXT = "the part of the document that is to be edited, copied word for word: 1 to 12 sentences that can stand alone"
CHECKS = (
    "what a program can check of the edited text, a line each, written as in the list above; only what every right "
    f'edit keeps, and "{NONE}" where there is nothing of the kind'
)

# --- transform: the document becomes a text of a kind that people have edited ---


def genre(name: str, what: str, unsuitable: str) -> Agent:
    """The agent that writes a text of that genre on the document's subject, as yet unedited."""
    return Agent(
        name,
        role="You write the everyday texts of offices, shops, clubs and newspapers, as they come in before anybody edits them.",
        task=f"Task: write {what}\n\n"
        "Its subject and its facts come from the document above. Write it as such texts are written: "
        "somebody's own voice, a purpose, and the small flaws of a first version where they are natural (a date written "
        "in two ways, a sentence too long, a name left in that should go), but no nonsense. Names, dates, prices and contact "
        "data that the occasion needs are made up, so that they belong to nobody: addresses end with example.org, and "
        "telephone numbers begin with 555-01. About the world it says nothing that the document does not say. "
        f"Between 120 and 450 words. A document is unsuitable when it {unsuitable}.",
        about="document",
        form=form(passage="the text, and nothing else"),
        sampling=Sampling(max_tokens=2048),
    )


TRANSFORM = [
    IDENTITY,
    genre(
        "email",
        "an e-mail between two people who work on the subject together: a subject line, a salutation, what the sender "
        "found out, what is asked of the other by when, a signature with contact data.",
        "gives two people nothing to write to each other about",
    ),
    genre(
        "notice",
        "a notice for a board or a website, to people whom the subject concerns: what they are told, what they must or "
        "must not do, from when, where, and whom to ask.",
        "holds nothing that anybody would have to be told",
    ),
    genre(
        "minutes",
        "the minutes of a meeting at which the subject was discussed: date, who was there, items in order, what was "
        "reported with its figures, what was decided, who does what by when.",
        "holds nothing that a group could report or decide",
    ),
    genre(
        "product_page",
        "the page of a shop or a publisher for a thing that has to do with the subject (a device, a course, a "
        "book, a guided tour): a headline, what it is, for whom, what it does, details with numbers and units, a price.",
        "speaks of nothing that could be sold, shown or taught",
    ),
    genre(
        "letter_to_the_editor",
        "a letter to the editor of a newspaper by a reader with a stake in the subject: the occasion, one firm "
        "opinion with its reasons, what ought to be done, name and place.",
        "gives no occasion for an opinion",
    ),
    genre(
        "blog_entry",
        "an entry of a blog in the first person: how the writer came upon the subject, what is explained to laymen "
        "by way of an experience, what the writer makes of it.",
        "holds nothing that a layman could be told",
    ),
    genre(
        "data_form",
        "a completed form or record on a case of the subject (an observation, an order, a report of damage, a patient's or "
        'a student\'s file): a line for each field, "Field: value", with names, dates, amounts with units, codes, contact '
        "data, and a field of remarks in two or three sentences.",
        "gives no case of which a record could be kept",
    ),
]

# Which texts a kind of task is for, where it is not for any.
WITH_PEOPLE = frozenset({"identity", "email", "notice", "minutes", "letter_to_the_editor", "data_form"})
WITH_DATA = frozenset({"identity", "email", "notice", "minutes", "product_page", "data_form"})
WITH_VOICE = frozenset({"identity", "email", "notice", "product_page", "letter_to_the_editor", "blog_entry"})
WITH_CLAIMS = frozenset({"identity", "letter_to_the_editor", "blog_entry", "product_page"})
ANY: frozenset[str] = frozenset()

# --- instruct: the paper's 18 kinds of task ---


def author(name: str, definition: str, kind_of_result: str, **result: str) -> Agent:
    """The agent that sets tasks of one kind; `result` is the field that says by what an edit will be judged."""
    return Agent(
        name,
        role="You set editing tasks for people who learn to write with precision.",
        task="Task: set tasks of one kind on parts of the document above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n"
        "For each task choose a part of the document, and write the instruction as somebody would who needs that text "
        "edited: for a purpose, in one to four sentences, naming every condition that the result has to meet. The "
        'instruction stands below the text: it says "the text" or "this text", and never "the document". The tasks '
        f"differ in their text, their wording and what they demand.\n\n{kind_of_result}",
        form=Form(
            (("text", TEXT), ("instruction", "the instruction, without the text"), *result.items()), many=3
        ),
        sampling=LONG,
    )


def exact(name: str, definition: str, after: frozenset[str] = ANY) -> Entry:
    """A kind of task whose instruction leaves one right result, which its author writes down."""
    demand = (
        "Choose and word the task so that there is exactly one right result, down to the last character: say which "
        "occurrences, which form, which marks. Then do the edit yourself, without any other change."
    )
    agent = author(name, definition, demand, answer="the whole text after the edit, and nothing else")
    return Entry(name, agent, definition, after, "exact", "paper")


def free(name: str, definition: str, after: frozenset[str] = ANY) -> Entry:
    """A kind of task with many right results, which are judged by checks and a reviewer."""
    demand = (
        "Good tasks name conditions that can be seen to be met or not: length, person, readership, words to use or to "
        f"avoid, a form. Some of these a program can check:\n{vocabulary()}"
    )
    agent = author(name, definition, demand, checks=CHECKS)
    return Entry(name, agent, definition, after, origin="paper")


INSTRUCT = [
    free(
        "paraphrasing",
        "The text is said in other words and another sentence structure, with the same meaning, length and register.",
    ),
    free(
        "text_simplification",
        "The text is made readable for a readership that you name (children of ten, learners of the language, laymen), "
        "without losing a fact: shorter sentences, common words, terms explained.",
    ),
    free(
        "text_expansion",
        "The text is made longer to a length that you name, by explanation, example or detail that follows from it or is "
        "common knowledge, and not by repetition or invented facts.",
    ),
    free(
        "text_translation",
        "The text is translated into a language that you name, for a readership that you name, with conditions on names, "
        "terms, units or form of address.",
    ),
    free(
        "text_formatting",
        "The text keeps its words and gets a form: a list, a table in Markdown, headings, an e-mail, JSON with keys that you "
        "name, paragraphs of a given kind.",
    ),
    free(
        "sentiment_modification",
        "The text gets another sentiment (more positive, indignant, sober …), with the same facts, in a degree that you name.",
        WITH_VOICE,
    ),
    free(
        "text_annotation",
        "Something is marked in the text, which stays unchanged otherwise: parts of speech, entities and their types, roles "
        "of sentences, difficult words with a gloss; you define the marks.",
    ),
    exact(
        "keyword_replacement",
        "Words or phrases that you name are replaced by others that you name, wherever they occur or only where you say, "
        "with grammar and capital letters in order afterwards.",
    ),
    exact(
        "text_removing",
        "Words, phrases, sentences or kinds of content that you name are taken out, and nothing else.",
    ),
    exact(
        "text_capitalization",
        "The case of letters is changed: some words or all to capitals or small letters, titles, first letters; or every "
        "sentence is made to start with a word that you name.",
    ),
    exact(
        "text_styling",
        "Words, phrases or sentences that you name are set in bold, italics, underlined or as code in Markdown or HTML.",
    ),
    free(
        "content_rewriting",
        "The text is rewritten from another perspective, in another style or genre, or for another audience and medium.",
    ),
    exact(
        "data_normalization",
        "Dates, times, numbers, units, currencies, spellings or abbreviations are brought into one form that you define.",
        WITH_DATA,
    ),
    free(
        "plagiarism_rewording",
        "The text is reworded so that no run of five words is left from it, while every statement stays and is credited "
        "where the original credits it.",
        WITH_CLAIMS,
    ),
    free(
        "code_switching",
        "Two languages are mixed in the text, as bilingual speakers do: you name the languages, and which parts are in which.",
        WITH_VOICE,
    ),
    exact(
        "text_obfuscation",
        "Names, numbers, contact data or words that you name are masked with placeholders or signs that you define.",
        WITH_PEOPLE,
    ),
    free(
        "textual_entailment",
        "The text is edited so that it entails, contradicts or leaves open a statement that you give, by the smallest change "
        "that does it.",
        WITH_CLAIMS,
    ),
    free(
        "vocabulary_limitations",
        "The text is rewritten under a rule about its words: all words start with a given letter, every n-th word does, each "
        "sentence starts with a vowel, a letter does not occur, only words of up to n letters.",
    ),
]

EXACT = frozenset(entry.name for entry in INSTRUCT if entry.match == "exact")
FREE = frozenset(entry.name for entry in INSTRUCT) - EXACT

# --- refine: harder ---

SUGGESTER = Agent(
    "suggester",
    role="You make editing tasks harder, for learners who find the present ones easy.",
    task="Task: suggest changes to a task on the text above.\n\nThe task: $instruction\n\n"
    "Give three suggestions of different kinds: another condition that works together with those that are there, a "
    "second edit on top of the first, another form or readership for the result. Each says in one or two sentences what "
    "to demand, so that an editor can write the new task without asking back. The task must remain possible, and useful to "
    "somebody.",
    about="text",
    form=form(many=3, suggestion="one change to the task, in one or two sentences"),
)


def editor(name: str, demand: str, **result: str) -> Agent:
    """The agent that carries out one suggestion; `result` is the field by which the new edit will be judged."""
    return Agent(
        name,
        role="You set editing tasks for people who learn to write with precision.",
        task="Task: rewrite a task on the text above by a suggestion.\n\nThe task: $instruction\n\nThe suggestion: "
        "$suggestion\n\nThe new instruction states the whole set of conditions, old and new, so that nobody needs the "
        "old one to follow it; where an old condition cannot be kept beside the suggestion, it gives way. "
        f"{demand} Decline when the suggestion makes the task impossible.",
        about="text",
        form=Form((("instruction", "the whole new instruction, without the text"), *result.items())),
        sampling=LONG,
    )


SKILL = Skill(
    name="text_modification",
    summary="Edit a given text as an instruction says.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=[
        Refinement(
            "harder",
            SUGGESTER,
            editor(
                "exact_editor",
                "There is still exactly one right result, down to the last character. Do the whole edit yourself.",
                answer="the whole text after all edits, and nothing else",
            ),
            EXACT,
        ),
        Refinement(
            "harder",
            SUGGESTER,
            editor("editor", f"What a program can check is written so:\n{vocabulary()}\n", checks=CHECKS),
            FREE,
        ),
    ],
    respond=Agent(
        "edit",
        role="You edit texts with precision.",
        task="Task: edit the text above.\n\nThe instruction: $instruction\n\nThe form that they ask for: $format\n\n"
        "Meet every condition of the instruction, give the edited text the form that is asked for, and change "
        "nothing else. Reply with the edited text and nothing besides: no introduction, no "
        "quotation marks around it, no remark on what you did.",
        about="text",
        writes_text="response",
        sampling=LONG,
        any_script=True,  # a translation
    ),
    verify=[
        excerpt_of("passage"),
        agreed,
        checked,
        formatted,
        Reviewed(
            reviewer(
                "Task: judge an edit of the text above.\n\nThe instruction: $instruction\n\nThe edited text:\n$response\n\n"
                "It holds when every condition of the instruction is met, what should stay the same stayed, and the result is "
                "usable as it is. Go through the conditions one by one, and look for the one that is met worst.",
                quote="the words of the edited text in which that condition is met or broken, copied",
                about="text",
            ),
            source="response",
        ),
    ],
    turn="$text\n\n$instruction",
    # Forms that an edited text can have: JSON or a bare answer would be something around it.
    format=format_guide(
        "It is the text above, edited by the instruction below, and nothing else. The guideline adds to the instruction and "
        "contradicts none of its conditions: not its form, its length, or how lines and sentences begin. Where the "
        f'instruction leaves no room for a form of its own, choose "{AS_IT_IS}" and say only that nothing but the edited text '
        "is wanted.\n\nThe instruction: $instruction",
        about="text",
        forms=(AS_IT_IS, "table", "steps", "bullets", "essay", "letter"),
    ),
)
