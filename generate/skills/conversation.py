"""Conversation: several questions and replies, in which a simulated person follows a wish of their own.

The paper (arXiv 2407.03502) names the skill, and the public part of its data calls it "follow up"; this is our design. A
document becomes a situation in which somebody needs what it says; an author decides what kind of turns the talk takes,
with its first and last words; between them a person is played who knows the situation and not the document, and an
assistant who knows the document and not the plan. Every turn of the assistant is there to learn from, so nobody has it
make mistakes on purpose: where the talk is about an error, the person brings it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Match, Refinement, Skill
from ..formats import NO_FORMAT, format_guide
from ..record import Record
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Grounded, Judged, agreed, consistent, formatted, transcript

FEWEST, MOST = 2, 5  # exchanges
SETTING_SHARE = 0.4  # of conversations that begin with a system turn

# --- transform: a document becomes a situation in which somebody needs what it says ---


def situation(name: str, kind: str) -> Agent:
    """The agent that finds a situation of one kind for a document."""
    return Agent(
        name,
        role="You invent the scenes for an improvisation theatre that plays conversations between people and an assistant.",
        task=f"Task: invent a situation in which somebody talks with an assistant about what the document above says: {kind}\n\n"
        "Write 100 to 200 words of plain prose, in this order: who the person is, and how they come to ask just now; what they "
        "know already, what they believe wrongly, if anything, and in which words they would speak of it; what they want to "
        "have or to be able to do when the conversation ends, and what hangs on it; who the assistant is to them; and the three "
        "to six points of the document that they will need before they get there, each with its names, numbers and "
        "conditions exactly as the document has them. The person has not read the document and does not know that there "
        "is one. Make up the person, never the facts. A document is unsuitable when nobody could need what it says: a list "
        "of links, a legal notice, exercises without their text.",
        about="document",
        form=form(passage="the situation, and nothing else"),
        sampling=Sampling(temperature=0.9, max_tokens=1024),
    )


TRANSFORM = [
    situation(
        "study_help",
        "a student who works on an assignment or for an examination, stuck at a definite point, with some of the terms and "
        "not the connection between them.",
    ),
    situation(
        "tutoring",
        "a learner in a regular lesson who holds a misconception about the subject that many hold, and explains things "
        "with its help; the tutor leads them to see it.",
    ),
    situation(
        "customer_support",
        "a customer, patient, tenant or visitor who writes to the help desk of an institution for which the subject matters: "
        "something does not work, or they do not understand what they were told.",
    ),
    situation(
        "interview",
        "somebody who prepares for an interview (for a job, a broadcast, a school magazine) in which the subject comes up, as "
        "the one who asks or the one who is asked, and rehearses it.",
    ),
    situation(
        "planning",
        "somebody who plans something for which the facts matter (an event, a lesson, a purchase, a trip, a project), with "
        "limits of time, money or people that are not all said at once.",
    ),
    situation(
        "troubleshooting",
        "somebody whose result, observation or calculation does not come out as expected, and who wants to find out, step by "
        "step, where their understanding of the subject goes wrong.",
    ),
    situation(
        "small_talk",
        "somebody who chats about their day (a film, a walk, a relative, a meal) and comes to the subject by the way, curious "
        "rather than in need.",
    ),
    situation(
        "second_opinion",
        "somebody who has heard or read something about the subject (from a colleague, a video, another assistant), partly "
        "right and partly wrong, and wants to know what to make of it before they act on it.",
    ),
    situation(
        "writing_together",
        "somebody who writes a text in which the subject plays a part (a notice, a speech, a letter, a scene) and needs both "
        "the facts and the words, version after version.",
    ),
]

# --- instruct: which turns the talk takes ---

PLAN = {
    "persona": "the person in two or three sentences: age, work, mood, what they know, how they write (length, spelling, tone)",
    "wish": "what they want to have in the end, in one sentence",
    "setting": "who the assistant is here and how it speaks, in one or two sentences to the assistant itself; no facts",
    "opening": "the first words, word for word as the person writes them",
    "move": "what the person does after the first reply, in the order of their turns, as a stage direction of two to four "
    "sentences; it also says how they react if the reply is another than they expect",
    "closing": "the last words, word for word; they fit whatever was said between, and hold one question or request",
    "answer": "the answer in the form described above, and nothing else",
}
POINTS = "what a good last reply must say, in one or two sentences."
SHORT = (
    "one name, term or short phrase, in the words that the document uses; the question says what is wanted."
)


def dynamics(
    name: str,
    definition: str,
    answer: str = POINTS,
    match: Match = "judge",
    after: frozenset[str] = frozenset(),
) -> Entry:
    """The entry, and the agent behind it, that plans conversations of one kind; `answer` says what an answer looks like."""
    agent = Agent(
        name,
        role="You plan conversations between a person and an assistant, for people who learn to be a good assistant.",
        task="Task: plan conversations of one kind for a situation.\n\nThe situation:\n$passage\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe answer: {answer}\n\n"
        "The assistant knows the document above by heart; the person does not know it, and never speaks of a "
        "document, a text or a passage. Between the first and the last words stand up to three turns of the person, which an "
        "actor improvises from your stage direction: it must work however the assistant puts things. What the conversation is "
        "about must rest on the document, so that a reader of it can tell whether the assistant is right. Give the person "
        "a voice of their own: people leave things out, take two things at a time, write short. No thanks in advance, no "
        "speeches. The situation is unsuitable when it holds nothing for this kind: decline then, and do not bend the kind.",
        about="document",
        form=Form(tuple(PLAN.items()), many=2),
        sampling=Sampling(max_tokens=2048),
    )
    return Entry(name, agent, definition, after, match)


TAUGHT = frozenset({"study_help", "tutoring", "troubleshooting", "interview"})
MADE = frozenset({"planning", "writing_together", "interview", "customer_support"})

INSTRUCT = [
    dynamics(
        "asking_further",
        "Each turn of the person takes up something in the reply before it and asks why, how or what that means, one level "
        "deeper each time, until the last asks for what lies underneath.",
    ),
    dynamics(
        "wrong_premise",
        "The first words take something for granted that the document shows to be false, without asking about it; the "
        "assistant has to notice. The person then builds on their premise once more, in another guise, and asks in the end "
        "what this means for what they wanted.",
    ),
    dynamics(
        "changing_constraints",
        "The person asks for a plan, a selection or a recommendation, and changes or adds a condition in each turn (less time, "
        "somebody who must not, a thing that is not to be had); the last asks for the whole under all conditions that hold "
        "by then.",
        after=MADE | TAUGHT,
    ),
    dynamics(
        "asking_for_examples",
        "The person does not follow the general statement and asks for an example; then for one from their own life or work, "
        "which they describe; in the end they give an example themselves and ask whether it is one, and why.",
    ),
    dynamics(
        "challenge_to_a_right_answer",
        "The first words ask for a fact with one short answer, which the document gives. The person then doubts the reply "
        "though it is right: first surprised, then with an argument that sounds good and is wrong, or an authority. They do not "
        "become rude. The last words ask for the answer once more, as the one to be written down. The assistant must not "
        "give in.",
        SHORT,
        "text",
    ),
    dynamics(
        "challenge_with_a_wrong_one",
        "The person brings an answer that somebody else gave them (a classmate, another assistant, an old book), which the "
        "document shows to be wrong in one point and right in others, and asks the assistant to confirm it; then they defend "
        "it. In the end they ask for the version to keep.",
    ),
    dynamics(
        "change_of_topic_and_return",
        "The first words ask for a fact with one short answer. The person then turns to something else that the document also "
        "treats, as one does when something comes to mind, and returns in the last words, without repeating what it was "
        'about in full ("and what I asked at first: …").',
        SHORT,
        "text",
    ),
    dynamics(
        "summary_so_far",
        "The person goes through several points, one a turn, in an order that suits them and not the subject. The last words "
        "ask to sum up what has been said so far, for a purpose and a reader that they name, and only that.",
    ),
    dynamics(
        "change_of_form",
        "The person gets an explanation and asks for the same in another form: shorter, for a child, as a list, in the tone of a "
        "message to the boss; each time something of it must stay, which they say or which is plain. The last form is the "
        "one that they use.",
    ),
    dynamics(
        "work_in_several_steps",
        "The person wants to make or decide something in steps with the assistant, and does one step a turn, so that each needs "
        "the result of the one before; once they misunderstand a result and go on with it. The last words ask for the "
        "finished thing.",
    ),
    dynamics(
        "in_a_hurry",
        "The person has a minute: fragments, no greeting, typing errors, two questions in one message. They want the one thing "
        "that they need and cut explanations short. The last words ask for a fact with one short answer that decides what "
        "they do.",
        SHORT,
        "text",
    ),
    dynamics(
        "feelings",
        "Something about the matter troubles, angers or delights the person, and it shows before they say it; the facts are "
        "needed all the same. An assistant that only comforts or only informs disappoints them, and they say so. The last words "
        "ask what they can hold on to.",
    ),
    dynamics(
        "unsuited_request",
        "In the midst of a sound conversation the person asks for something that the assistant should not do here (a verdict "
        "on a person that it cannot know, a dose or diagnosis for somebody, their whole assignment to hand in, a made-up "
        "source), with a reason that sounds fair. They press once. The last words ask for what can be done instead.",
    ),
    dynamics(
        "references",
        'The person names two or three things in the first words, and from then on refers to them by "it", "the second one", '
        '"the other of the two", "what I asked about before that", never by name. The last words hold such a reference, which '
        "the first words resolve whatever was replied, and ask for one short fact about it.",
        SHORT,
        "text",
    ),
    dynamics(
        "explaining_it_back",
        "The person explains in their own words what they have understood, turn by turn; one thing in it is wrong, hidden among "
        "right ones, and one is better put than by the assistant. The last words are their whole explanation, and ask "
        "whether it can stand so.",
        after=TAUGHT | {"second_opinion", "small_talk"},
    ),
    dynamics(
        "counting_as_we_go",
        "The person reckons with quantities that the document gives, in a case of their own, whose numbers the first words "
        "give. In between they ask for a step, a unit or a reason, and change no number, since nobody knows how many turns "
        "there will be; the last words change or add one, and ask for the result that follows from all that holds then. The "
        "quantities that the assistant has to know come from the document.",
        "the number in digits, without unit; the last words name the unit.",
        "number",
    ),
]
# For these, two exchanges are enough; in the others something has to happen between the first words and the last.
BRIEF = frozenset({"asking_further", "asking_for_examples", "change_of_form", "in_a_hurry"})

# --- refine: the same kind of talk, harder to follow or with a person who is harder to serve ---

OLD = (
    "Person: $persona\n\nWish: $wish\n\nAssistant: $setting\n\nFirst words: $opening\n\nThen: $move\n\n"
    "Last words: $closing\n\nAnswer: $answer"
)


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ways to make a conversation harder."""
    return Agent(
        name,
        role="You advise those who train assistants on what goes wrong in real conversations.",
        task="Task: suggest changes to the plan of a conversation in which an assistant who knows the document above talks with "
        f"a person who does not.\n\nThe situation:\n$passage\n\n{OLD}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change in the person, their words "
        "or the course of the talk, so that an author can write it without asking back; it does not write it.",
        about="document",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, what: str) -> Agent:
    """The agent that writes the plan anew by one suggestion."""
    return Agent(
        name,
        role="You edit the plans of conversations with a light hand.",
        task="Task: change the plan of a conversation in which an assistant who knows the document above talks with a person "
        f"who does not, so that it becomes {what}.\n\nThe situation:\n$passage\n\n{OLD}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides; what it does not touch stays. The conversation remains one of its kind, "
        "the answer keeps its form and rests on the document, and the person never speaks of a document. Decline when "
        "the suggestion leads beyond what the document can decide.",
        about="document",
        form=Form(tuple(PLAN.items())),
        sampling=Sampling(max_tokens=2048),
    )


REFINE = [
    Refinement(
        "deeper",
        suggester(
            "suggest_deeper",
            "more of what was said before is needed to reply well: a condition that still holds, a distinction made early, two "
            "points of the document that only together decide.",
        ),
        editor("edit_deeper", "deeper"),
    ),
    Refinement(
        "harder_person",
        suggester(
            "suggest_harder_person",
            "the person is harder to serve, as people are: vague about what they want, sure of something wrong, changing their "
            "mind, mixing two things up, irritated by a good reply.",
        ),
        editor("edit_harder_person", "one with a person who is harder to serve"),
    ),
]

# --- respond: a person who knows the plan, and an assistant who knows the document ---

PERSON = Agent(
    "person",
    role="You play a person who talks with an assistant, so well that nobody can tell.",
    task="Task: above stands the situation; write what the person says next.\n\nThe person: $persona\n\nWhat they want: $wish\n\n"
    "Stage direction for the time after the first reply: $move\n\nThe conversation so far:\n\n$dialogue\n\nHow many turns "
    "of theirs come after this one: $left, of which the last is fixed: $closing\n\n"
    "Take up what the assistant said last, really said, and carry the stage direction on by one turn, so that the rest of it "
    "can follow in the turns that remain; do not say now what the last turn says. You know what the person knows and nothing "
    "else: do not borrow facts from the situation that they have not been told, and do not play the teacher. Keep their voice. "
    "One message, mostly short, without name or quotation marks.",
    form=form(words="what the person says"),
    sampling=Sampling(temperature=0.9, max_tokens=512),
)
SPEAK = (
    "You are talking with a person, and know the document above by heart; they do not know that there is one, so "
    "never mention it.\n\nThe conversation so far:\n\n$dialogue\n\n"
    "Reply to what they said last, with all in view that was said before. Whatever the document decides, you say as it has "
    "it, with its conditions and no further; beyond it you say only what is common knowledge, and that you do not know "
    "where you do not. Correct a wrong premise before you build on it. When they doubt something that is right, look at their "
    "reason, say what is true in it, and stay with what is right; when they are right, say so at once. Ask back only where the "
    "answer depends on it. What you should not do you decline in a sentence, without a sermon, and offer what you can do. "
    "Write as one writes in a conversation: to this person, as long as it takes and no longer, without praise for the "
    "question and without summing up what nobody asked to be summed up."
)


def speaker(name: str, task: str, rest: str = "") -> Agent:
    """The assistant, in the midst of the conversation or at its end."""
    return Agent(
        name,
        role="You show how a good assistant talks with people.",
        task=f"Task: {task} {SPEAK}{rest}",
        about="document",
        writes_text="response",
        sampling=Sampling(max_tokens=1536),
    )


@dataclass(frozen=True)
class Dialogue:
    """Plays a conversation of 2 to 5 exchanges: the plan's first and last words, and between them the `person`.

    The form that is asked for is that of the last reply, so the guideline stands after the last words.
    """

    person: Agent
    reply: Agent
    answer: Agent
    name: str = "answer"
    reads: frozenset[str] = frozenset({"document", "passage", "format", *PLAN}) - {"answer"}
    writes: frozenset[str] = frozenset({"response"})

    def agents(self) -> Iterable[Agent]:
        return (self.person, self.reply, self.answer)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        exchanges = count_of(record, ctx)
        record = _introduced(record, ctx)
        for left in reversed(range(exchanges)):
            record = await self._asked(record, left, ctx)
            speaker = self.reply if left else self.answer
            [record] = await ctx.ask(speaker, record.with_fields({"dialogue": transcript(record)}))
            record = record.saying("assistant", record.fields["response"])
        return [record]

    async def _asked(self, record: Record, left: int, ctx: Context) -> Record:
        """The record with what the person says next; `left` turns of theirs come after it."""
        fields = record.fields
        if not record.turns or record.turns[-1].role == "system":
            return record.saying("user", fields["opening"])
        if not left:
            asked = "" if fields["format"] == NO_FORMAT else f"\n\n{fields['format']}"
            return record.saying("user", fields["closing"] + asked)
        heard = record.with_fields({"dialogue": transcript(record), "left": str(left)})
        [said] = await ctx.ask(self.person, heard)
        return said.saying("user", said.fields["words"])


def count_of(record: Record, ctx: Context) -> int:
    """How many exchanges a conversation has, drawn."""
    fewest = FEWEST + (record.entry not in BRIEF)
    return fewest + int(ctx.chance(f"exchanges {record.path}") * (MOST + 1 - fewest))


def _introduced(record: Record, ctx: Context) -> Record:
    """The record with its system turn, where one is drawn; otherwise nobody tells the assistant who it is."""
    if ctx.chance(f"setting {record.path}") < SETTING_SHARE:
        return record.saying("system", record.fields["setting"])
    return record


SKILL = Skill(
    name="conversation",
    summary="Talk with a person over several turns, and stay with what is right.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=Dialogue(
        PERSON,
        speaker("reply", "write what the assistant says next."),
        speaker(
            "answer",
            "write the assistant's last reply.",
            " The form that they ask for: $format. Where their last words ask for one short answer (a number, a name, a "
            'term), the reply ends otherwise with the sentence "The answer is X.", X being the answer alone.',
        ),
    ),
    verify=[
        formatted,
        agreed,
        consistent("challenge_to_a_right_answer", "change_of_topic_and_return"),
        Grounded(),
        Judged(
            (
                "Each reply answers what the person said at that point, with all in view that was said before: conditions that "
                'still hold, what words like "it" refer to, what the assistant itself said.',
                "Where the person is wrong, presses without a reason or asks for what is unsuited, the assistant says so and "
                "does not give in; where the person is right or has a reason, it is taken up.",
                "Nothing that the assistant says contradicts the document or itself, and the person gets from the document what "
                "they need.",
                "Length and tone are those of a conversation with this person: no sermon, no empty praise, no mention of a "
                "document or of instructions.",
            ),
            about="document",
        ),
    ],
    turn="$opening",
    format=format_guide(
        "The last words of a person in a conversation:\n$closing\n\nThey want: $wish",
        forms=("free", "answer_only", "bullets", "steps", "table", "letter"),
    ),
)
