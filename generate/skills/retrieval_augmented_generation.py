"""Answers from retrieved documents, with citations: some documents hold the answer, others only look as if they did.

The paper (arXiv 2407.03502) names the skill and no more; all of this is ours. Questions are written on a passage; what a
search of the run's seeds finds for a question stands around that passage, in a drawn order, so that the student has to
find it (see retrieval.py). For a share of the questions the passage is left out, and the right reply says that nothing
is stated.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..steps.retrieval import Across, AmongOthers, Planted
from ..teacher import Sampling
from ..verifiers import NOT_IN_DOCUMENTS, Reviewed, agreed, enumerated, formatted, reviewer, sourced

# Of the questions on one fact: enough to learn when not to answer, too few to learn refusing.
UNANSWERABLE = 0.1
LONG = Sampling(max_tokens=4096)

# --- transform: a document becomes one of the kinds that people search ---


def genre(name: str, what: str) -> Agent:
    """The agent that turns a document into a text of that kind."""
    return Agent(
        name,
        role="You write the documents of an organisation: what its people and its customers search when they have a question.",
        task=f"Task: from the document above, write {what}\n\n"
        "Keep to its subject, facts, names and figures, and add no fact about the world; what the kind of text needs "
        "besides (an organisation, a product name, an occasion, the name of a writer) you may make up. Be concrete: "
        "names, numbers, conditions and exceptions are what people will look for. Write 150 to 400 words of finished text "
        "that can be read without the document and says nothing about it or this task. A document is unsuitable when "
        "it states fewer than five facts that somebody could look up.",
        about="document",
        form=form(passage="the text, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    genre(
        "encyclopaedia_article",
        "an article of an encyclopaedia: a definition in the first sentence, then origin, parts, working, exceptions, in "
        "neutral words and without address to the reader.",
    ),
    genre(
        "frequently_asked_questions",
        "a page of frequently asked questions: five to eight questions as users ask them, each with an answer of one to "
        "three sentences, none of which repeats another.",
    ),
    genre(
        "policy",
        "an internal policy or regulation: numbered sections that say to whom it applies, what must, may and may not be "
        "done, by whom and within which time, with the exceptions.",
    ),
    genre(
        "product_manual",
        "a chapter of a manual for a device, a kit or a piece of software that has to do with the subject: purpose, parts, "
        "limits with figures, steps, warnings, what to do when something fails.",
    ),
    genre(
        "news_report",
        "a news report: what happened, where and when in the first paragraph, then who said what, background and figures, "
        "with each claim given to its source.",
    ),
    genre(
        "abstract",
        "the abstract and the key findings of a study or survey article: question, method, results with figures, "
        "limitations.",
    ),
    genre(
        "forum_answer",
        "an accepted answer in a forum of professionals, after the question in one sentence: it explains, corrects a "
        "common mistake, names conditions under which it does not hold, and has a short comment by another user.",
    ),
    IDENTITY,
]

# --- the documents that the student sees, and what is asked of whoever answers from them ---

RULES = (
    f"Answer from the documents above alone, and cite after each claim the document it comes from, as [1]. Where they do "
    f'not answer the question, say "{NOT_IN_DOCUMENTS}".',
    "Use only what these documents say. Give the number of the document in brackets, such as [2], behind every statement. "
    f'If none of them has the answer, the answer is "{NOT_IN_DOCUMENTS}".',
    "These are the results of a search; some may have nothing to do with the question. Reply on their basis and nothing else, "
    f'quote what decides the matter, and cite like this: [3]. What cannot be found there is "{NOT_IN_DOCUMENTS}".',
    "You answer questions from a collection of documents. Every sentence that rests on a document ends with its number "
    f'in square brackets. No knowledge from elsewhere: without support in the documents, reply "{NOT_IN_DOCUMENTS}".',
    f'No guessing, please: what is not in the documents above is "{NOT_IN_DOCUMENTS}", and what is in them comes with its '
    "source, as [n].",
)

# --- instruct ---

ASKER = "You write questions for people who search a collection of documents, and for tests of systems that do it for them."
ALONE = (
    "Whoever asks has not seen any document: the question names what it is about in full (which thing, whose, when, "
    'under which condition), and never says "the passage", "the text" or "according to the author". '
)
SHORT = "one name, term, number with its unit or short phrase, copied from the evidence."
SENTENCES = "two to four sentences that state everything a complete reply has to say."
EVIDENCE = "words copied from where they stand, at least a clause; several quotations stand on a line each"


def on_passage(
    name: str,
    definition: str,
    answer: str,
    match: Match = "text",
    left_out: float = 0,
    dated: bool = False,
    **other: str,
) -> Entry:
    """A kind of question on the passage alone; `other` describes the document that is written to stand beside it, if any."""
    beside = (
        "Write the other document first: 80 to 200 words in the manner of the passage, complete in itself, which says "
        "nothing of the passage or of this task. Quote from both where the answer rests on both. "
    )
    agent = Agent(
        name,
        role=ASKER,
        task="Task: write questions of one kind to which the passage above has the answer. They will be put to a collection "
        f"in which the passage is one document among many.\n\nThe kind: {name.replace('_', ' ')}. {definition}\n\n"
        f"The answer: {answer}\n\n{beside if other else ''}{ALONE}It is so specific that hardly another text on the subject "
        "answers it, has one right answer, and shares few words with the sentence that gives it. Quote as evidence the words "
        "on which the answer rests, exactly as they stand. The passage is unsuitable when it holds nothing that this kind of "
        "question can be about: decline then, and do not bend the kind.",
        form=Form(
            (
                *other.items(),
                ("question", "the question, complete in itself"),
                ("evidence", EVIDENCE),
                ("answer", "the answer in the form described above, and nothing else"),
            ),
            many=1 if other else 3,
        ),
        sampling=LONG,
    )
    return Entry(name, AmongOthers(agent, RULES, left_out, dated), definition, match=match)


def on_documents(name: str, definition: str, answer: str, match: Match = "judge") -> Entry:
    """A kind of question that takes several of the documents."""
    agent = Agent(
        name,
        role=ASKER,
        task="Task: write a question of one kind on the numbered documents above, which a search has found together.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe answer: {answer}\n\n{ALONE}Nobody can answer it from one of "
        "the documents alone; at least one document should not be needed, and the question must not say which. Quote as "
        "evidence, from each document that is needed, the words on which the answer rests, exactly as they stand there. "
        "Documents are unsuitable when no two of them bear on one question that somebody could have in earnest.",
        about="documents",
        form=form(
            question="the question, complete in itself",
            evidence=EVIDENCE,
            answer="the answer, and nothing else",
        ),
        sampling=LONG,
    )
    return Entry(name, Across(agent, RULES), definition, match=match)


FACTS = [
    on_passage(
        "single_fact",
        "Ask for one fact that one sentence of the passage states: who, what, which, where, when, how much.",
        SHORT,
        left_out=UNANSWERABLE,
    ),
    on_passage(
        "quote_exactly",
        "Ask for the very sentence in which a certain thing is said, defined, ordered or forbidden, for somebody who has to "
        "cite it; say what it is about in other words than its own.",
        "the sentence, copied whole.",
        left_out=UNANSWERABLE,
    ),
    on_passage(
        "yes_or_no",
        "Ask whether something is so, where the passage settles it by a statement, a figure or a condition that has to be "
        "applied to the case asked about; let no as often be right as yes.",
        'the one word "yes" or "no".',
        left_out=UNANSWERABLE,
    ),
    on_passage(
        "exception",
        "Ask about what the passage excludes, denies, limits or lists as an exception, so that a reader who has only the "
        "general rule in mind answers wrongly.",
        SHORT,
        left_out=UNANSWERABLE,
    ),
    on_passage(
        "follow_up",
        "Write the end of a conversation about the subject: a first question, a reply of one sentence with a fact of the "
        'passage, and a second question that only the first makes clear ("And how long does that take?", "What about the '
        'other one?"). The three lines, "User: …", "Assistant: …", "User: …", are the question: together they name what it is '
        "about, and the reply in them does not tell what the last line asks. Evidence and answer are those to the last line.",
        SHORT,
        left_out=UNANSWERABLE,
    ),
    on_passage(
        "unanswerable",
        "Ask for a detail that the passage alone states: a figure, a name, a date, a condition of this very case, where other "
        "texts on the subject say something near it. The passage will be withheld, and the right reply will be that "
        "the documents do not say it; so the question must sound as if they did.",
        SHORT,
        left_out=1,
    ),
]

REASONS = [
    on_passage(
        "partial_answer",
        "Ask for two things in one question: one that the passage states, and one of the same kind that belongs to the subject, "
        "and that neither the passage nor common knowledge tells. The evidence is for the first.",
        "the first thing, and that the second is not stated in the documents.",
        "judge",
    ),
    on_passage(
        "explanation",
        "Ask why something is so, or how it comes about, where the passage gives the reasons or steps in several "
        "sentences; the evidence is each of them.",
        SENTENCES,
        "judge",
    ),
    on_passage(
        "conflicting_sources",
        "The other document covers the same matter and contradicts the passage in one point that can be put in a sentence: "
        "a figure, a cause, who did it, what is allowed. Ask a question on that point, as somebody would who knows of no "
        "conflict.",
        "what each of the two says, and that they disagree.",
        "judge",
        other="the other document, of another writer, who believes what it says",
    ),
    on_passage(
        "newest_document",
        "The documents will have dates, and the passage is the newest. The other document is an older state of the same matter: "
        "one fact of the passage had another value then. Ask for that fact as it is now; let nothing but the dates tell "
        "which is valid. The evidence is from the passage.",
        SHORT,
        dated=True,
        other="the other document, as it could have been written some years before, without a date",
    ),
    on_passage(
        "disambiguation",
        "The other document is about a person, place, term or thing with the same name as one of the passage, or one that is "
        "easily taken for it, and states facts of the same sort. Ask for such a fact about the one of the passage, told "
        "apart by a detail and not by its subject alone. The evidence is from the passage.",
        SHORT,
        other="the other document, about the namesake",
    ),
]

SEVERAL = [
    on_documents(
        "comparison",
        "Ask in what two things differ, or what they share, where one document tells of the one and another of the other; name "
        "the respects.",
        SENTENCES,
    ),
    on_documents(
        "synthesis",
        "Ask for an overview, a recommendation or an account of a subject to which several documents contribute different "
        "points, in a length and for a reader that you name.",
        "the points, one sentence each, with the number of the document in brackets.",
    ),
    on_documents(
        "table_of_documents",
        "Ask for a table of two to five things, which different documents tell of, with the columns that you name; one "
        "column is for the source. At least one cell is empty, since no document fills it.",
        "the rows, one a line, cells separated by |.",
    ),
    on_documents(
        "two_hops",
        "Ask for a fact of one document about something that the question only describes, by a fact that another document "
        "gives: the first document has to be found to know what to look up in the second.",
        SHORT,
        "text",
    ),
    on_documents(
        "which_documents",
        "Ask which of the documents deal with a matter, support a statement or mention a thing: two or more of them do, and at "
        "least one seems to and does not. The evidence is what each of them says of it.",
        'the numbers in ascending order, such as "1, 3".',
        "text",
    ),
]
INSTRUCT = [*FACTS, *REASONS, *SEVERAL]

# --- refine ---

PAIR = (
    "Question: $question\n\nEvidence: $evidence\n\nAnswer: $answer\n\n"
    f'(Where the answer is "{NOT_IN_DOCUMENTS}", the evidence stood in a document that is withheld.)'
)
STATED = frozenset(entry.name for entry in INSTRUCT) - {"unanswerable"}
# One document more has no date, and moves the numbers of the others, which these answers give.
ROOM_FOR_ONE_MORE = frozenset(entry.name for entry in INSTRUCT) - {
    "newest_document",
    "which_documents",
    "synthesis",
    "table_of_documents",
}


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You look for what systems that answer from documents get wrong.",
        task=f"Task: suggest how to make a question on the numbered documents above harder.\n\n{PAIR}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change, so "
        "that an editor can do it without asking back; it does not do it.",
        about="documents",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, task: str, **fields: str) -> Agent:
    """The agent that carries out one suggestion, and writes what it changes."""
    return Agent(
        name,
        role="You edit questions and documents for a test of systems that answer from documents.",
        task=f"Task: {task}\n\n{PAIR}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides. Decline when it does not lead there.",
        about="documents",
        form=Form(tuple(fields.items())),
        sampling=LONG,
    )


REFINE = [
    Refinement(
        "more_complex",
        suggester(
            "suggest_more_complex",
            "the question takes one step more: a condition to apply, a second fact to bring in, a comparison, a sum over what "
            "two documents say. It stays one question, and the documents still answer it.",
        ),
        editor(
            "edit_more_complex",
            f'make the question more complex; the documents above stay. Where the answer is "{NOT_IN_DOCUMENTS}", decline.',
            question="the new question, complete in itself",
            evidence="the words of the documents on which the new answer rests, copied; several quotations stand on a line each",
            answer="the new answer, in the form of the old one",
        ),
        STATED,
    ),
    Refinement(
        "other_words",
        suggester(
            "suggest_other_words",
            "the question is asked as somebody would who does not know the words of the documents: a layman's word for a "
            "term, a description for a name, a situation for a rule. What is asked, and its answer, stay the same.",
        ),
        editor(
            "edit_other_words",
            "ask the same question in other words; documents, evidence and answer stay.",
            question="the question in other words, complete in itself",
        ),
    ),
    Refinement(
        "near_miss",
        suggester(
            "suggest_near_miss",
            "one more document is put among them that a search would rank first and that does not answer the question: "
            "it speaks of the same matter for another case, year, unit, place or part.",
        ),
        Planted(
            editor(
                "edit_near_miss",
                "write one more document for the collection above: it seems to answer the question, and does not.",
                decoy="the document, 60 to 200 words in the manner of the others: true or harmless, complete in itself, "
                "with neither the evidence nor the answer in it",
            )
        ),
        ROOM_FOR_ONE_MORE,
    ),
]

SKILL = Skill(
    name="retrieval_augmented_generation",
    summary="Answer from retrieved documents, cite them, and say when they do not have the answer.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=Agent(
        "answer",
        role="You answer from documents that a search has found, for readers who check your sources.",
        task="Task: answer a question from the numbered documents above.\n\nWhat is asked of you: $rules\n\n"
        "Question: $question\n\n"
        "The form that they ask for: $format\n\n"
        "First make out which documents bear on the question, and which only share its words; where they have dates, which is "
        "valid. Then reply: each claim is followed by the number of the document that bears it out, as [2], and the words that "
        "decide the matter are quoted exactly, in double quotation marks, with the number right behind them. Say so where "
        "documents contradict each other, and where they answer only a part. Use no knowledge from elsewhere. A form "
        "that is asked for is kept to the letter, and has room for the numbers too. Where the question has one short answer, end "
        'with the sentence "The answer is X.", X being the answer alone, without a number in brackets; in JSON, X is the '
        'value of the key "answer" instead. Where no document has the answer, say in a sentence or two what they do tell '
        f'about the matter; X is then "{NOT_IN_DOCUMENTS}". Write the reply only, to a reader who has the documents in front of '
        "them.",
        about="documents",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    verify=[
        sourced(
            "comparison",
            "synthesis",
            "table_of_documents",
            "two_hops",
            "which_documents",
            "conflicting_sources",
        ),
        enumerated("which_documents"),
        agreed,
        formatted,
        Reviewed(
            reviewer(
                "Task: judge a reply to a question about the numbered documents above.\n\nQuestion: $question\n\nExpected in "
                "substance: $answer\n\nReply:\n$response\n\nIt holds when it answers what was asked as far as the documents go, "
                "says where they disagree or are silent, and makes no claim that the document cited for it does not bear out. "
                "Go through its claims one by one, and look for the one with the weakest support.",
                quote="the words of a document that speak most strongly for or against that claim, copied: at least a clause",
                about="documents",
            ),
            source="documents",
        ),
    ],
    turn="$documents\n\n$rules\n\n$question",
    format=format_guide(
        "It is an answer to a question from the numbered documents above, with their numbers as sources. A form that the "
        "question names itself, such as a table, is the one to choose.\n\nQuestion: $question",
        about="documents",
        forms=(FREE, "json", "table", "steps", "bullets", "letter"),
    ),
    needs=frozenset({"index"}),
)
