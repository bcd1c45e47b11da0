"""Reading comprehension: questions about a passage that the student sees (arXiv 2407.03502, section 2.1, appendix A).

A document becomes a passage of one of nine genres; a passage carries questions of 43 kinds, 15 of them named by the
paper and 28 ours; a question is refined towards being unanswerable, having another answer, or being more complex.
"""

from __future__ import annotations

from typing import Literal

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import NOT_STATED, Reviewed, agreed, extractive, formatted, quoted, reviewer

LONG = Sampling(max_tokens=4096)  # a passage is up to 8,000 characters
EXACT = Sampling(temperature=0.2, max_tokens=4096)
OPTIONS = (
    "Put five options under the question, (A) to (E), a line each: one right, four that tempt a careless reader, all "
    "alike in length and style, the right one at a different place each time. The answer is the one capital letter; the "
    "evidence is the claim of the passage on which the options bear."
)

# --- transform: a document becomes a passage of another genre, on which other questions can be asked ---


def passage(name: str, genre: str, length: str = "200 to 900 words") -> Agent:
    """The agent that turns a document into a passage of that genre."""
    return Agent(
        name,
        role="You write the passages of a reading test for university entrance.",
        task=f"Task: from the document above, write {genre}\n\n"
        "Take subject, facts and names from the document, and put them so that a reader who has not seen it can follow. "
        f"Write finished text of {length}: no title, no notes, nothing about the task or the document itself. "
        "Where the genre needs what the document lacks (speakers, an occasion), make it up; never make up figures or "
        "facts about the world. A document is unsuitable when it holds too little of a subject to write on: a list of "
        "links, a table of contents, a legal notice, debris of a web page.",
        about="document",
        form=form(passage="the passage, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    passage(
        "argument_passage",
        "an argument: a case for one debatable claim about the subject, with reasons and a conclusion that a reader can "
        "point at. It may hold a hidden assumption, a gap or an inconsistency, as real arguments do, but it must not "
        "point these out.",
    ),
    passage(
        "debate_passage",
        "the transcript of a debate: two named speakers hold opposite views on one question, answer each other's points "
        "in turn, agree on something and disagree on something else.",
    ),
    passage(
        "conversation_passage",
        "a conversation between two or three named people who have reason to talk about the subject; they ask, explain, "
        'refer back with "it", "that" and "she", and leave some things to be understood. One turn a line, "Name: words".',
    ),
    passage(
        "meeting_transcript",
        "the transcript of a meeting: who is there and why, what is reported with which figures, who proposes what, what "
        'is decided, who does what by when. One turn a line, "Name: words".',
    ),
    passage(
        "poem",
        "a poem on the subject: images and figures of speech that mean something definite, and a speaker whose "
        "attitude changes or shows.",
        "12 to 40 lines",
    ),
    passage(
        "satirical_passage",
        "a satire: it mocks a habit or a view that has to do with the subject by irony, exaggeration or a mask, so that "
        "what is said and what is meant differ and an attentive reader can tell both.",
    ),
    passage(
        "instructional_passage",
        "instructions as in a manual: what they are for, what is needed, the steps in their order with the conditions "
        "and warnings where they apply.",
    ),
    passage(
        "long_text",
        "an extended version: keep all that it says and add background, definitions, examples and transitions that are "
        "common knowledge in the field, so that facts which belong together stand far apart.",
        "up to three times the length of the document, and 1,800 words at most",
    ),
    IDENTITY,
]

# --- instruct: which kinds of question suit which genre; a copy of the document may carry any ---

ARGUED = frozenset({"argument_passage", "debate_passage", "identity"})
OPPOSED = frozenset({"debate_passage", "conversation_passage", "meeting_transcript", "identity"})
SPOKEN = OPPOSED | {"long_text"}
VOICED = frozenset({"poem", "satirical_passage", "debate_passage", "argument_passage", "identity"})
ORDERED = frozenset(
    {"instructional_passage", "meeting_transcript", "conversation_passage", "long_text", "identity"}
)
INFORMING = ORDERED | {"argument_passage", "debate_passage"}
ANY: frozenset[str] = frozenset()


def question(
    name: str,
    definition: str,
    answer: str,
    after: frozenset[str] = ANY,
    match: Match = "text",
    origin: Literal["paper", "ours"] = "ours",
) -> Entry:
    """The entry, and the agent behind it, that asks questions of one kind; `answer` says what an answer looks like."""
    agent = Agent(
        name,
        role="You write the questions of a reading test for university entrance.",
        task=f"Task: write questions of one kind about the passage above.\n\nThe kind: {name.replace('_', ' ')}. {definition}\n\n"
        f"The answer: {answer}\n\n"
        "Each question has one right answer, which a reader of the passage can defend with words of the passage, and "
        "which nobody can give who has not read it. The question is complete in itself beside the passage, gives the "
        "answer away by no wording, and says in which form to answer where that is not obvious. Quote as evidence "
        "the words of the passage on which the answer rests, exactly as they stand there. "
        "The passage is unsuitable when it does not hold what this kind of question is about: decline then, and "
        "do not bend the kind.",
        form=form(
            many=3,
            question="the question, with its options or items where the kind has them",
            evidence="words copied from the passage, at least a clause; several quotations stand on a line each",
            answer="the right answer in the form described above, and nothing else",
        ),
        sampling=Sampling(max_tokens=3072),
    )
    return Entry(name, agent, definition, after, match, origin)


def paper(
    name: str, definition: str, answer: str, after: frozenset[str] = ANY, match: Match = "text"
) -> Entry:
    """One of the 15 kinds that the paper names."""
    return question(name, definition, answer, after, match, origin="paper")


def choice(
    name: str, definition: str, after: frozenset[str] = ARGUED, origin: Literal["paper", "ours"] = "ours"
) -> Entry:
    """A kind of question with five options, in the manner of the LSAT."""
    return question(name, definition, OPTIONS, after, origin=origin)


COPIED = "one word, name, number or short phrase, copied from the evidence as it stands there."
SENTENCES = "two to four sentences that a good reader would write."

INSTRUCT = [
    # The paper's 15 (appendix A), with its forms of answer.
    paper(
        "literal_comprehension",
        "Ask for a detail or a fact that the passage states in so many words: who, what, which, where, when.",
        COPIED,
    ),
    paper(
        "numerical_discrete_reasoning",
        "Ask for a number that the passage does not print, but that follows from several of its facts by counting, "
        "comparing, adding or subtracting.",
        "the number in digits, without unit; the question names the unit.",
        INFORMING,
        "number",
    ),
    paper(
        "critical_comprehension",
        "Give two statements about the purpose or the point of view of the author or of a speaker, numbered 1 and 2: one "
        "true and one false, both plausible, in random order. Ask which of them is true and which is false.",
        'the two words in the order of the statements: "true, false" or "false, true".',
    ),
    paper(
        "evaluative_comprehension",
        "Ask for an essay that examines a theme of the passage, or how well its argument works: a question on which the "
        "passage offers material for more than one side.",
        "the points that a good essay makes, in two or three sentences.",
        match="judge",
    ),
    paper(
        "vocabulary_and_language_use",
        "Give a sentence of the passage, or a part of one, with ___ in place of one word or phrase that matters for the "
        "sense, and ask what fills the gap.",
        "the missing word or phrase, copied from the passage.",
    ),
    paper(
        "relationship_comprehension",
        "Give two lists of three to five items from the passage, 1, 2, 3 … and A, B, C …, and ask to pair them by a "
        "criterion that you name: cause and effect, person and view, part and function.",
        'the pairs in the order of the numbers, such as "1-C, 2-A, 3-B".',
        INFORMING,
    ),
    paper(
        "sequencing_events",
        "Give three to five events or steps of the passage, labelled A, B, C …, out of order, and ask for the order in "
        "which they happen, which need not be the order in which they are told.",
        'the labels in order, such as "B, A, C".',
        ORDERED,
    ),
    choice(
        "strengthen",
        "Ask which option, if true, makes the conclusion of the argument more likely.",
        origin="paper",
    ),
    choice(
        "weaken",
        "Ask which option, if true, makes the conclusion of the argument less likely.",
        origin="paper",
    ),
    choice(
        "assumption",
        "Ask which option the argument needs: a statement that must be true for the conclusion to hold, so that denying "
        "it destroys the argument.",
        origin="paper",
    ),
    choice("flaw", "Ask which option describes the mistake in the reasoning.", origin="paper"),
    choice(
        "inference",
        "Ask which option must be true if all that the passage states is true.",
        SPOKEN | ARGUED,
        "paper",
    ),
    choice(
        "principle", "Ask which option states the general rule on which the argument rests.", origin="paper"
    ),
    choice(
        "method_of_reasoning",
        "Ask which option describes how the argument is built: by analogy, by a counterexample, by ruling out …",
        origin="paper",
    ),
    choice(
        "resolve_the_paradox",
        "State two facts of the passage that seem to contradict each other, and ask which option, if true, explains how "
        "both can hold.",
        ARGUED | {"satirical_passage"},
        "paper",
    ),
    # Ours, 28: the paper counts 43 kinds and names the 15 above.
    choice(
        "sufficient_assumption",
        "Ask which option, if added to the premises, makes the conclusion follow with certainty.",
    ),
    choice(
        "evaluate_the_argument",
        "Ask which question, if answered, would tell most about whether the argument is sound: one answer to it would "
        "strengthen the argument, and the opposite answer weaken it. The options are questions.",
    ),
    choice(
        "most_strongly_supported",
        "Ask which option is best supported by the statements of the passage, without being proved by them.",
        SPOKEN | ARGUED,
    ),
    choice(
        "cannot_be_true",
        "Ask which option cannot be true if all that the passage states is true.",
        SPOKEN | ARGUED,
    ),
    choice(
        "main_conclusion",
        "Ask which option states the conclusion that the other claims of the argument serve.",
    ),
    choice(
        "role_of_a_statement",
        "Quote one statement of the passage, and ask which option says what it does in the argument: premise, "
        "intermediate conclusion, objection, concession, illustration …",
    ),
    choice(
        "parallel_reasoning",
        "Ask which option holds an argument on another subject whose reasoning has the same structure, valid or not.",
    ),
    choice(
        "parallel_flaw", "Ask which option holds an argument on another subject that makes the same mistake."
    ),
    choice(
        "point_at_issue",
        "Ask which option two speakers of the passage disagree about, by what they say.",
        OPPOSED,
    ),
    choice(
        "point_of_agreement",
        "Ask which option two speakers of the passage both accept, by what they say.",
        OPPOSED,
    ),
    choice(
        "complete_the_argument",
        "Give the argument in two or three sentences that end in a gap where its conclusion or a missing premise stood, "
        "and ask which option completes it best.",
    ),
    choice(
        "main_idea", "Ask which option says best what the passage as a whole is about and says about it.", ANY
    ),
    choice(
        "best_title", "Ask which option is the best title: neither wider nor narrower than the passage.", ANY
    ),
    choice(
        "purpose_of_the_author",
        "Ask which option says why the author wrote the passage, or chose a certain example.",
        ANY,
    ),
    choice(
        "tone_and_attitude",
        "Ask which option names the attitude of the author or speaker towards a thing you name.",
        VOICED,
    ),
    choice(
        "text_structure",
        "Ask which option describes how the passage, or a named part of it, is organised.",
        ANY,
    ),
    question(
        "cause_and_effect",
        "Ask what the passage gives as the cause, or as the effect, of something it tells of; not mere sequence.",
        SENTENCES,
        INFORMING,
        "judge",
    ),
    question(
        "compare_and_contrast",
        "Ask in which respects two things of the passage are alike or differ, and name both things and how many respects.",
        SENTENCES,
        INFORMING,
        "judge",
    ),
    question(
        "fact_or_opinion",
        "Quote one sentence of the passage, and ask whether the author states a fact that could be checked or an opinion.",
        'the one word "fact" or "opinion".',
    ),
    question(
        "multi_hop_inference",
        "Ask for something that only two or more facts, from different places of the passage, give together: the first "
        "identifies what the second is about.",
        COPIED,
        INFORMING,
    ),
    question(
        "coreference",
        'Quote a sentence of the passage with a pronoun, an ellipsis or a phrase such as "the latter", and ask to whom or '
        "what it refers.",
        "the name or phrase to which it refers, copied from the passage.",
        SPOKEN | {"poem", "satirical_passage"},
    ),
    question(
        "temporal_reasoning",
        "Ask for a date, a duration or which of two things came first, where the passage gives other dates, durations or "
        'words such as "until" and "meanwhile" from which it follows.',
        "a date, a number with its unit, or the name of the thing.",
        INFORMING,
    ),
    question(
        "counterfactual",
        "Change one condition that the passage states, and ask what would have followed by the reasons it gives.",
        SENTENCES,
        INFORMING,
        "judge",
    ),
    question(
        "analogy_and_application",
        "Describe a new case in two or three sentences, and ask what the rule, method or view of the passage says about it.",
        SENTENCES,
        match="judge",
    ),
    question(
        "figurative_language",
        "Quote a metaphor, an irony or another figure of the passage, and ask what it means there.",
        "what is meant, in one plain sentence.",
        VOICED,
        "judge",
    ),
    question(
        "summary_under_constraints",
        "Ask for a summary under two or three constraints that a reader can check: length, point of view, what to leave out.",
        "a summary that keeps all of them.",
        match="judge",
    ),
    question(
        "evidence_selection",
        "Make a claim, or name what a sentence is about, so that exactly one sentence of the passage bears it out, and ask "
        "to quote that sentence.",
        "the sentence, copied whole.",
    ),
    question(
        "answerable_or_not",
        "Give a question about the subject of the passage, in quotation marks, that the passage answers or, as often, "
        "only seems to answer, and ask whether a reader can answer it from the passage alone.",
        'the one word "answerable" or "unanswerable"; the evidence is then the sentence that comes closest.',
    ),
]

# --- refine: three goals, each pursued by a suggester that gives three ideas and an editor that carries out each ---

SHORT_ANSWERS = frozenset(
    {
        "literal_comprehension",
        "numerical_discrete_reasoning",
        "vocabulary_and_language_use",
        "sequencing_events",
    }
    | {"multi_hop_inference", "coreference", "temporal_reasoning", "evidence_selection"}
)
ONE_ANSWER = frozenset(entry.name for entry in INSTRUCT if entry.match != "judge")
PAIR = "Question: $question\n\nAnswer: $answer\n\nEvidence: $evidence"


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You advise the authors of a reading test on how to make it harder to pass without reading.",
        task=f"Task: suggest changes to one question about the passage above.\n\n{PAIR}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change and where, so "
        "that an editor can do it without asking back; it does not do it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, task: str, **fields: str) -> Agent:
    """The agent that carries out one suggestion, and writes anew the fields that it changes."""
    return Agent(
        name,
        role="You edit the passages and questions of a reading test with a light hand.",
        task=f"Task: {task}\n\n{PAIR}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides: what it does not touch stays as it is, word for word, and the "
        "result reads as if it had always been so. Decline when the suggestion does not lead to the goal.",
        form=Form(tuple(fields.items())),
        sampling=EXACT,
    )


REFINE = [
    Refinement(
        "unanswerable",
        suggester(
            "suggest_unanswerable",
            "the passage is edited so that it no longer answers the question, although it still seems to be about it.",
        ),
        editor(
            "edit_unanswerable",
            "edit the passage above so that it no longer answers the question below. The evidence must go from it, and no "
            "other sentence may give the answer; the question stays.",
            passage="the whole passage, edited",
            answer=f'exactly the words "{NOT_STATED}"',
        ),
        SHORT_ANSWERS,
    ),
    Refinement(
        "answer_changed",
        suggester(
            "suggest_answer_changed",
            "the passage is edited so that the same question has another answer, if possible the opposite one.",
        ),
        editor(
            "edit_answer_changed",
            "edit the passage above so that the question below, which stays, has another answer.",
            passage="the whole passage, edited",
            evidence="the words of the edited passage on which the new answer rests, copied",
            answer="the new answer, in the form of the old one",
        ),
        ONE_ANSWER,
    ),
    Refinement(
        "more_complex",
        suggester(
            "suggest_more_complex",
            "the question, or its options, are made more complex: another step of reasoning, a condition, a distractor that "
            "only careful reading rules out. The passage stays.",
        ),
        editor(
            "edit_more_complex",
            "make the question below, which is about the passage above, more complex.",
            question="the whole question with its options, edited",
            evidence="the words of the passage on which the answer rests, copied; several quotations stand on a line each",
            answer="the answer to the edited question, in the form of the old one",
        ),
    ),
]

SKILL = Skill(
    name="reading_comprehension",
    summary="Answer questions about a passage from what it says.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=Agent(
        "answer",
        role="You teach reading: you show how an answer is found in a text.",
        task="Task: answer a question about the passage above.\n\nQuestion: $question\n\n"
        "The form that they ask for: $format\n\n"
        "Say in a few sentences which words of the passage decide the matter, and quote them; reason step by step where "
        "the answer does not stand there as such, and say why tempting options fail. A form that is asked for is kept to "
        "the letter, and holds of this what it has room for. Use nothing but the passage. "
        "Where the question has one short answer (a word, a phrase, a number, a letter, an order), end with the sentence "
        '"The answer is X.", X being the answer alone, in the form that the question asks for; in JSON, X is the value of '
        'the key "answer" instead, and where only the answer is wanted, X stands alone. Where the passage does not answer '
        f'the question, say what is missing; X is then "{NOT_STATED}". An essay or a summary ends as it ends. '
        "Write the answer only, to a reader who has the passage and the question in front of them.",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    verify=[
        quoted,
        extractive("literal_comprehension", "vocabulary_and_language_use", "evidence_selection"),
        agreed,
        formatted,
        Reviewed(
            reviewer(
                "Task: judge a reply to a question about the passage above.\n\nQuestion: $question\n\nReply:\n$response\n\n"
                "It holds when it answers the question that was asked, keeps every constraint in it, and says nothing that "
                "the passage contradicts or, as a claim about the passage, does not support. Look first for the words of "
                "the passage that speak most strongly for or against it.",
                quote="those words, copied from the passage: at least a clause",
            )
        ),
    ],
    turn="$passage\n\n$question",
    format=format_guide(
        "It is an answer to a question about the passage above.\n\nQuestion: $question",
        forms=(FREE, "answer_only", "json", "table", "steps", "bullets", "essay"),
    ),
)
