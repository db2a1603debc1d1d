"""What a user may do at each host: the tokens at hand, in memory only, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.dispatcher.discovery import discover
from dashboard.dispatcher.token import TokenFacts, inspect
from dashboard.errors import NotAuthorized, TokenExpired
from dashboard.hosts import Host
from dashboard.plan.plan import Plan
from dashboard.plan.roles import ANYONE, WITH_LARGE, Right, largest_batch, rights
from dashboard.settings import Settings

GIVEN = "given here"


@dataclass(frozen=True, slots=True)
class Standing:
    """A user before a host.

    Attributes
    ----------
    token
        Sent with queries, "" for an anonymous user. It is not part of the repr.
    place
        Where it was found: "ODA_TOKEN", "given here", ...; "" without one.
    """

    token: str = field(default="", repr=False)
    place: str = ""

    @property
    def facts(self) -> TokenFacts | None:
        """What the token says now; None for an anonymous user."""
        return inspect(self.token) if self.token else None

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that count; an expired token has none."""
        facts = self.facts
        return facts.roles if facts and not facts.expired else ()

    @property
    def rights(self) -> tuple[Right, ...]:
        """All that takes a role, and whether the user has it."""
        return rights(self.roles)

    @property
    def largest_batch(self) -> int | None:
        """Most science windows in one query; None for no limit."""
        return largest_batch(self.roles)

    def missing(self, plan: Plan) -> tuple[str, ...]:
        """Roles the plan needs and the user lacks."""
        return tuple(role for role in plan.roles_needed if role not in self.roles)

    def refuse(self, plan: Plan, host: Host) -> None:
        """Raise when the dispatcher would refuse the plan, so that nothing is sent in vain.

        Raises
        ------
        TokenExpired
            When the token is too old.
        NotAuthorized
            When it lacks roles; the sentence says what to do.
        """
        facts = self.facts
        if facts is not None and facts.expired:
            raise TokenExpired(f"The token for {host.name} has expired: give a new one, or go on without.")
        missing = self.missing(plan)
        if missing and host.check_roles:
            raise NotAuthorized(f"{host.name} would refuse this: {self.lack(plan)}.")

    def advised_s_max(self, plan: Plan) -> int | None:
        """The s_max that the roles allow, where the plan asks for more, or could do with fewer batches; None when it is well chosen."""
        allowed, asked = self.largest_batch or max(WITH_LARGE, plan.largest), int(plan.request["s_max"])
        spares = allowed > max(asked, ANYONE) and len(plan.batches) > len(plan.jobs)
        return allowed if plan.largest > allowed or spares else None

    def lack(self, plan: Plan) -> str:
        """Which roles the plan needs that the user lacks, and what to do about it."""
        missing = self.missing(plan)
        who = "your token lacks" if self.facts else "without a token you lack"
        largest = self.largest_batch
        smaller = f"set s_max to {largest}" if largest is not None and plan.largest > largest else ""
        return f"{who} the role{'s' * (len(missing) > 1)} {', '.join(missing)}; " + " or ".join(
            part for part in (smaller, "give a token that has " + ("them" if len(missing) > 1 else "it")) if part
        )


class Account:
    """The tokens of one user. Of a single user the one that MMODA's own client would find is taken, for the hosts it is meant for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._given: dict[str, Standing] = {}
        self._found: Standing | None = None

    def at(self, host: str) -> Standing:
        """How the user stands before a host."""
        if host in self._given:
            return self._given[host]
        known = self._settings.hosts.get(host)
        if not self._settings.single_user or known is None or not known.account_token:
            return Standing()
        if self._found is None or self._found.facts is None or self._found.facts.expired:
            self._found = Standing(*discover())
        return self._found

    def take(self, host: str, token: str) -> Standing:
        """Use a token for a host from now on; "" means to be anonymous there, whatever could be found.

        Raises
        ------
        NotAuthorized
            When it is no token.
        TokenExpired
            When it is too old.
        """
        text = token.strip()
        facts = inspect(text) if text else None
        if facts is not None and facts.expired:
            raise TokenExpired("The token has expired: get a new one from the MMODA page, or go on without one.")
        self._given[host] = Standing(text, GIVEN) if text else Standing()
        return self._given[host]


_accounts: dict[tuple[Path, str], Account] = {}


def account_of(settings: Settings, user: str) -> Account:
    """The account of a user in this process: a page that is loaded again finds its tokens as long as the process lives."""
    return _accounts.setdefault((settings.data_dir, user), Account(settings))


def nobodys_account(settings: Settings) -> Account:
    """Of who looks at what is shared: without tokens, also where the deployment's only user has one."""
    return Account(replace(settings, single_user=False))
