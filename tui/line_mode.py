"""Line mode: the same questions, progress and order as the pages, as plain lines.

For dumb terminals, screen readers and logs. It is the same flow and not a second one: questions from `form`, words from `view`,
deeds through `link`. It never overwrites a line, and asks only what the pages ask.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from seedvm.site.doubts import Doubt
from tui.backend.engine import EngineClient
from tui.backend.site_form import FIELDS, Field, problems, propose, to_text
from tui.desk import Desk
from tui.screens.review import review_lines
from tui.state.machines import names
from tui.state.watcher import View
from tui.text.progress import failure_lines, lanes, light, log_text, overall_line, status_line

WIDTH = 100
EXIT_DONE, EXIT_STOPPED, EXIT_WAITS = 0, 1, 3
CLOSED = "Closed. An engine that works keeps working; seedvm wizard --plain comes back to it."
_TELL_EVERY_SECONDS = 30.0
_STOPPED_HELP = """The engine stopped for the reason above. Fix what it names, then answer r: it checks the current state and resumes.
Nothing is lost by starting it again. q leaves; seedvm status shows each step."""
_DOUBT_HELP = """A doubt is what could not be measured. Accept it by its name where you know the reason, or put it right and start again."""
_REVIEW_HELP = """Above is every machine and disk. Disks marked WIPE are erased once you have typed the site's name,
and nothing is erased before. Enter leaves without a change."""
_FORM_HELP = """Enter takes the value in brackets, - leaves it empty. What is wrong is asked again with the reason.
Nothing is written before the last question, and nothing is contacted before the review of what would be."""
_ACCOUNT_HELP = """Name an account of the BMCs, then its password, which is not shown. An empty name ends the list.
Passwords are stored in secrets.yaml, readable by root alone, and tried so that no account is locked."""


class _QuitError(Exception):
    """The operator leaves the conversation; the engine works on."""


_EVERYWHERE = "? or help: this help; quit: leave (so does Ctrl+C); the engine keeps running, and the same command comes back to it."


def plain(line: Line) -> str:
    """A styled line without its styles."""
    return "".join(text for text, _ in line)


class Talk:
    """One conversation about one site."""

    def __init__(self, link: EngineClient, desk: Desk, *, replaying: bool = False) -> None:
        self._link, self._desk, self._replaying = link, desk, replaying
        self._logged = 0
        self._told = (-1, 0.0)
        self._stale = False
        self._captioned = ""

    async def run(self) -> int:
        """Until the receipt (0), a stop that is not retried (1), or a question without an answer (3)."""
        views = self._link.follow()
        view = await anext(views, None)
        if view is None:
            return EXIT_STOPPED
        self._logged = 0 if self._replaying else view.state.logged
        self._desk.say(
            f"seedvm, site {view.state.site or 'not described yet'}. {status_line(view.state, view.running)}."
        )
        try:
            if not self._replaying and not await self._begin(view):
                return EXIT_WAITS
            return await self._watch(view, views)
        except SeedvmError as error:
            for text in error.lines():
                self._desk.say(text)
            return EXIT_STOPPED
        except _QuitError:
            self._desk.say(CLOSED)
            return EXIT_WAITS

    async def _ask(self, question: str, help: str, *, hidden: bool = False) -> str | None:
        """An answer; help is given as often as it is asked for. None at the end of input."""
        while True:
            answer = await self._desk.ask(question, hidden=hidden)
            word = "" if answer is None or hidden else answer.strip().lower()
            if word == "quit":
                raise _QuitError
            if word not in ("?", "help"):
                return answer
            for line in (*help.splitlines(), _EVERYWHERE):
                self._desk.say(line)

    async def _begin(self, view: View) -> bool:
        if not view.running and not view.state.steps:
            if "networks" in view.lacks and not await self._describe(view.has_site):
                return False
            if "credentials" in view.lacks and not await self._accounts():
                return False
        waits = _waits_for_review(view)
        if not waits and not view.running and not view.state.all_done:
            await self._link.start_engine()
            self._stale = True
            self._desk.say("The engine has been started. It keeps running when you close this session.")
        return True

    async def _watch(self, first: View, views: AsyncIterator[View]) -> int:
        async for view in views if self._stale else _first_then(first, views):
            self._tell(view)
            if light(view.state, view.receipt)[0] or view.state.all_done:
                return self._end(view)
            stopped = not view.running and (view.state.failure is not None or bool(view.notice))
            if stopped and not self._replaying:
                code = await self._stopped(view)
                if code is not None:
                    return code
        return EXIT_DONE

    def _tell(self, view: View) -> None:
        state = view.state
        if self._link.caption != self._captioned:
            self._captioned = self._link.caption
            self._desk.say(f"== {self._captioned}")
        named = names(view.review)
        fresh = state.logged - self._logged
        self._logged = state.logged
        for line in state.log[-fresh:] if fresh > 0 else ():
            self._desk.say(log_text(line, named))
        if state.current is None or not view.running:
            return
        text = plain(overall_line(state, state.last, 24))
        share = int(text.split("]")[1].split("%")[0]) // 5
        if share != self._told[0] or state.last - self._told[1] > _TELL_EVERY_SECONDS:
            self._told = (share, state.last)
            busy = [f"{named.get(n.node, n.node)} {n.phase}{'' if n.percent is None else f' {n.percent:.0f}%'}"
                    for n in lanes(state, view.review) if n.phase not in ("active", "unfit", "inspected")]  # fmt: skip
            self._desk.say(f"-- {text.split(']')[1].strip()}. {state.current.title}. {', '.join(busy[:8])}")

    async def _stopped(self, view: View) -> int | None:
        """What to do now: None continues, a number ends the session."""
        if view.state.failure is not None:
            for line in failure_lines(view.state.failure, WIDTH):
                self._desk.say(plain(line))
        else:
            self._desk.say(view.notice)
        if _waits_for_review(view):
            return await self._review(view)
        if view.receipt is not None and view.receipt.open:
            await self._doubts(view.receipt.open)
        answer = await self._ask("r: start the engine again, q: quit, ?: help > ", _STOPPED_HELP)
        if answer is None or answer.strip().lower() not in ("r", "retry"):
            return EXIT_STOPPED
        await self._link.start_engine()
        self._desk.say("The engine has been started again. It checks the current state and resumes.")
        return None

    async def _doubts(self, listed: Sequence[Doubt]) -> None:
        """The operator's word on each doubt, by its name; an empty answer leaves the rest open."""
        while listed:
            for one in listed:
                self._desk.say(f"doubt {one.name}: {one.what}. {one.why}")
            answer = await self._ask(
                "Type a doubt's name to accept it, or press Enter to leave them open > ", _DOUBT_HELP
            )
            if not answer:
                return
            try:
                listed = await self._link.accept(answer.strip())
            except SeedvmError as error:
                self._desk.say(str(error))

    async def _review(self, view: View) -> int | None:
        assert view.review is not None
        for line in review_lines(view.review, "", WIDTH):
            self._desk.say(plain(line))
        while True:
            question = (
                f"Type the site name ({view.review.site}) to allow wiping these disks, or press Enter to cancel > "
            )
            answer = await self._ask(question, _REVIEW_HELP)
            if not answer:
                self._desk.say(
                    f"Nothing has been changed. Start the wizard again later, or run: seedvm run --yes-wipe {view.review.site}"
                )
                return EXIT_WAITS
            try:
                await self._link.confirm(answer)
            except SeedvmError as error:
                self._desk.say(str(error))
                continue
            await self._link.start_engine()
            self._desk.say("Confirmed. The engine continues.")
            return None

    def _end(self, view: View) -> int:
        safe, words = light(view.state, view.receipt)
        if view.receipt is not None:
            for text in view.receipt.page or tuple(f"{name}: {value}" for name, value in view.receipt.lines):
                self._desk.say(text)
        self._desk.say(words)
        return EXIT_DONE if safe or view.state.all_done else EXIT_STOPPED

    async def _describe(self, begun: bool) -> bool:
        """The form's questions until nothing is wrong, then the file; of a site that is `begun` only those that are wrong.

        False at the end of input, or where a site file is wrong at something that no question is about.
        """
        values, found = await self._link.site_values()
        self._desk.say(
            "NICs of this seed: "
            + ("; ".join(str(nic) for nic in found if nic.link or nic.address) or "none with a link")
        )
        self._desk.say("Press Enter to accept the value in brackets; type - to leave it empty.")
        left = await self._tell_wrong(values) if begun else {field.key: "" for field in FIELDS}
        while left:
            if not any(field.key in left for field in FIELDS):
                self._desk.say("Fix this in site.yaml.")
                return False
            for field in (one for one in FIELDS if one.key in left):
                answered = await self._answer(field, propose(values))
                if answered is None:
                    return False
                values = answered
            left = await self._tell_wrong(values)
        await self._link.write_site(values)
        self._desk.say("site.yaml has been written.")
        return True

    async def _tell_wrong(self, values: dict[str, str]) -> dict[str, str]:
        wrong = await self._link.wrong(values)
        labels = {field.key: f"{field.label}: " for field in FIELDS}
        for key, text in wrong.items():
            self._desk.say(f"! {labels.get(key, '')}{text}")
        return wrong

    async def _answer(self, field: Field, values: dict[str, str]) -> dict[str, str] | None:
        """The values with this field answered; asked again while the answer is wrong in itself."""
        while True:
            answer = await self._ask(_question(field, values[field.key]), _FORM_HELP)
            if answer is None:
                return None
            entered = {**values, field.key: "" if answer.strip() == "-" else answer.strip() or values[field.key]}
            wrong = problems(to_text(entered)).get(field.key, "")
            if not wrong:
                return entered
            self._desk.say(f"! {wrong}")

    async def _accounts(self) -> bool:
        self._desk.say("Enter the BMC accounts to try, most likely first. Leave the user empty to finish.")
        candidates = await self._link.candidates()
        while True:
            user = await self._ask(f"user ({len(candidates)} so far) > ", _ACCOUNT_HELP)
            if user is None or (not user and not candidates):
                return False
            if not user:
                return True
            password = await self._ask("password > ", "", hidden=True)
            if password is None:
                return False
            candidates = (*candidates, Candidate(user, Secret(password)))
            await self._link.store_candidates(candidates)


def _question(field: Field, value: str) -> str:
    tell = f" ({field.tell})" if field.tell else ""
    return f"{field.label}{tell} [{value}] > "


def _waits_for_review(view: View) -> bool:
    failure = view.state.failure
    asked = failure is not None and failure.step == "review" and failure.kind == "blocked" and not view.running
    return asked and view.review is not None and not view.confirmed


async def _first_then(first: View, rest: AsyncIterator[View]) -> AsyncIterator[View]:
    yield first
    async for view in rest:
        yield view
