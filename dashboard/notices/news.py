"""What is told about a run, as one line, as a mail's text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dashboard.dispatcher.token import redact

LONGEST_FIELD = 2000
LONGEST_NAME, LONGEST_STATE, LONGEST_COUNT = 80, 40, 40

WORDS = {"review": "waits for its owner", "waiting": "waits"}
"""How a subject says a state that is no sentence by itself."""

WAYS_ON = {
    "done": "take its files on its page, or with: integral-dashboard export {run_id}",
    "done with failures": "its page says why batches failed and retries them; what is there: integral-dashboard export {run_id}",
    "cancelled": "batches that are done are kept and will not be asked again: ask the same request once more.",
    "review": "look through the image's catalogue on its page, or go on with it as it is: integral-dashboard continue {run_id}",
    "waiting": "nothing is lost; it goes on by itself, or when what the reason asks for is done.",
}


@dataclass(frozen=True, slots=True)
class News:
    """A run at the moment its owner is told of it.

    Each text is kept as one printable line of bounded length in which tokens are masked, whatever was given: names come from
    users and reasons from servers, and both travel into headers, chats and logs.

    Attributes
    ----------
    run_id, name, owner, state
        As in the run store.
    line_of_truth
        How much of what was asked is there, e.g. "18 of 20 batches (2 failed), 812 of 1000 ScW, 1.43 Ms, OSA11.2, CONS".
    reason
        Why it waits or could not be completed, "" when all is well.
    simulated
        Whether everything comes from the simulated observatory.
    address
        Where a browser shows the run, "" when the deployment has no address.
    """

    run_id: str
    name: str
    owner: str
    state: str
    line_of_truth: str
    reason: str
    simulated: bool
    address: str

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, str):
                object.__setattr__(self, entry.name, shortened(one_line(value), LONGEST_FIELD))

    @property
    def subject(self) -> str:
        """One line of at most 200 characters, e.g. "INTEGRAL run Crab: done with failures (18 of 20 batches, 2 failed), SIMULATED"."""
        name = shortened(self.name or self.run_id, LONGEST_NAME)
        count = shortened(self.line_of_truth.split(", ")[0].replace(" (", ", ").replace(")", ""), LONGEST_COUNT)
        state = shortened(WORDS.get(self.state, self.state), LONGEST_STATE)
        return f"INTEGRAL run {name}: {state}{f' ({count})' * bool(count)}{', SIMULATED' * self.simulated}"

    @property
    def text(self) -> str:
        """The body of a mail: what became of the run, where to see it, how to go on."""
        lines = {
            "State": WORDS.get(self.state, self.state),
            "Arrived": self.line_of_truth,
            "Reason": self.reason,
            "Run": f"{self.run_id} of {self.owner}",
            "Page": self.address,
            "To go on": WAYS_ON.get(self.state, "open its page.").format(run_id=self.run_id),
        }
        head = [self.subject, "", *(["SIMULATED: made by the simulated observatory, not measured.", ""] if self.simulated else [])]
        return "\n".join([*head, *(f"{title}: {line}" for title, line in lines.items() if line), ""])

    def to_dict(self) -> dict[str, str | bool]:
        """For JSON: the attributes under their own names, with `subject` and `text`, which chats show as they are."""
        values: dict[str, str | bool] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {**values, "subject": self.subject, "text": self.text}


def one_line(text: str) -> str:
    """The text with tokens masked, and every run of blanks and of characters that cannot be printed as one blank.

    What cannot be printed goes first: a token may begin right behind it.
    """
    return " ".join(redact("".join(letter if letter.isprintable() else " " for letter in text)).split())


def shortened(text: str, length: int) -> str:
    """At most so many characters; an ellipsis stands for what is left out."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
