"""What must hold between the parts of a desk: names are unique, what is referred to exists."""

from collections.abc import Iterable

from config.calendar import ALWAYS, NEVER
from config.check_staff import check_staff
from config.desk import Desk
from config.problems import Place, Problem, Where, shown
from config.sla import Sla

NOBODY = "nobody"
"""What `assign:` writes for taking the agent off; no agent may be called so."""
CUSTOMER = "customer"
"""Who the outbox says an answer goes to; no agent may be called so."""
LAST_AGENT = "last_agent"
"""What `assign:` writes for whoever had the contact's ticket before; no agent may be called so."""
ESCALATES_TO = "escalates_to"
"""What `transfer:` writes for the department the ticket's own escalates to; no department may be called so."""
TAKEN = {
    NOBODY: "what a rule assigns to have no agent",
    CUSTOMER: "who answers go to",
    LAST_AGENT: "what a rule assigns for who had the contact's ticket before",
}


def check_desk(desk: Desk) -> Iterable[Problem]:
    """Return the errors and warnings between the desk's own parts; the rules' words are the router's to check."""
    place = Place()
    _unique(desk, place)
    _references(desk, place)
    _words(desk, place)
    _calendars(desk, place)
    _hours(desk, place)
    _limits(desk, place)
    _promises(desk, place)
    _oddities(desk, place)
    _never(desk, place)
    check_staff(desk, place)
    return place.found


def _unique(desk: Desk, place: Place) -> None:
    names: list[tuple[str, str, Where]] = [
        *(("agent id", agent.id, ("agents", i, "id")) for i, agent in enumerate(desk.agents)),
        *(("agent email", agent.email, ("agents", i, "email")) for i, agent in enumerate(desk.agents)),
        *(
            ("agent email", address, ("agents", i, "addresses", j))
            for i, agent in enumerate(desk.agents)
            for j, address in enumerate(agent.addresses)
        ),
        *(("Slack member", agent.slack, ("agents", i, "slack")) for i, agent in enumerate(desk.agents) if agent.slack),
        *(("department id", one.id, ("departments", i, "id")) for i, one in enumerate(desk.departments)),
        *(("calendar id", one.id, ("calendars", i, "id")) for i, one in enumerate(desk.calendars)),
        *(("channel name", one.name, ("channels", i, "name")) for i, one in enumerate(desk.channels)),
        *(("correlation name", one.name, ("correlations", i, "name")) for i, one in enumerate(desk.correlations)),
        *(("sla id", one.id, ("slas", i, "id")) for i, one in enumerate(desk.slas)),
        *(("contact group id", one.id, ("contact_groups", i, "id")) for i, one in enumerate(desk.contact_groups)),
        *(("tag", tag, ("tags", i)) for i, tag in enumerate(desk.tags)),
        *(("rule name", one.name, ("rules", i, "name")) for i, one in enumerate(desk.rules)),
        *(
            ("department address", address, ("departments", i, "addresses", j))
            for i, one in enumerate(desk.departments)
            for j, address in enumerate(one.addresses)
        ),
    ]
    first: dict[tuple[str, str], Where] = {}
    for noun, name, where in names:
        taken = first.setdefault((noun, name), where)
        if taken != where:
            place.at(*where).twice(noun, name, taken)


def _references(desk: Desk, place: Place) -> None:
    for i, department in enumerate(desk.departments):
        members = department.agents if isinstance(department.agents, tuple) else ()
        for j, agent in enumerate(members):
            here = place.at("departments", i, "agents", j)
            if agent not in desk.agents_by_id:
                here.unknown("agent", agent, desk.agents_by_id)
            elif agent in members[:j]:
                here.twice("agent", agent, ("departments", i, "agents", members.index(agent)))
    if desk.desk.administrators is not None and desk.desk.administrators not in desk.departments_by_id:
        place.at("desk", "administrators").unknown("department", desk.desk.administrators, desk.departments_by_id)
    for i, channel in enumerate(desk.channels):
        if channel.department is not None and channel.department not in desk.departments_by_id:
            place.at("channels", i, "department").unknown("department", channel.department, desk.departments_by_id)


def _words(desk: Desk, place: Place) -> None:
    for i, person in enumerate(desk.agents):
        if person.id in TAKEN:
            place.at("agents", i, "id").note(f'"{person.id}" is {TAKEN[person.id]}; choose another id')
    for i, department in enumerate(desk.departments):
        if department.id == ESCALATES_TO:
            place.at("departments", i, "id").note(f'"{ESCALATES_TO}" is a word of the rules; choose another id')


def _calendars(desk: Desk, place: Place) -> None:
    for i, calendar in enumerate(desk.calendars):
        if calendar.id in (ALWAYS, NEVER):
            place.at("calendars", i, "id").note(f'"{calendar.id}" is a word of its own; choose another id')
        for j, day in enumerate(calendar.closed):
            if day in calendar.exceptions:
                place.at("calendars", i, "closed", j).note("this day stands in exceptions too; write it once")
        if not any((*calendar.week, *calendar.exceptions.values())):
            place.at("calendars", i).warn(f"{calendar.id} has no hours; it is never open")


def _hours(desk: Desk, place: Place) -> None:
    known = desk.hours
    for i, department in enumerate(desk.departments):
        here = place.at("departments", i)
        if department.calendar is not None and department.calendar not in known:
            here.at("calendar").unknown("calendar", department.calendar, known)
        for way, calendar_id in department.availability.items():
            if calendar_id not in known:
                here.at("availability", way).unknown("calendar", calendar_id, known)
        for channel in department.conversations:
            if channel not in desk.channels_by_name:
                here.at("conversations", channel).unknown("channel", channel, desk.channels_by_name, on_key=True)


def _limits(desk: Desk, place: Place) -> None:
    for i, alarm in enumerate(desk.correlations):
        here = place.at("correlations", i)
        if alarm.channel is not None and alarm.channel not in desk.channels_by_name:
            here.at("channel").unknown("channel", alarm.channel, desk.channels_by_name)
        if alarm.department is not None and alarm.department not in desk.departments_by_id:
            here.at("department").unknown("department", alarm.department, desk.departments_by_id)


def _promises(desk: Desk, place: Place) -> None:
    for i, sla in enumerate(desk.slas):
        here = place.at("slas", i)
        if sla.calendar is not None and sla.calendar not in desk.hours:
            here.at("calendar").unknown("calendar", sla.calendar, desk.hours)
        elif sla.calendar == NEVER:
            here.at("calendar").warn("it is never open, so no promise ever becomes due")
        _targets(sla, here)
    for i, department in enumerate(desk.departments):
        if department.sla is not None and department.sla not in desk.slas_by_id:
            place.at("departments", i, "sla").unknown("sla", department.sla, desk.slas_by_id)
    first: dict[str, Where] = {}
    for i, group in enumerate(desk.contact_groups):
        if group.sla is not None and group.sla not in desk.slas_by_id:
            place.at("contact_groups", i, "sla").unknown("sla", group.sla, desk.slas_by_id)
        for j, member in enumerate(group.members):
            where = ("contact_groups", i, "members", j)
            if (taken := first.setdefault(member, where)) != where:
                path = Problem(taken, "").path
                place.at(*where).warn(f"{shown(member)} stands in {path} already, and that counts")


def _targets(sla: Sla, here: Place) -> None:
    """Warn of promises that say nothing: none at all, no time to warn in, an answer later than the end of it all."""
    for priority in (None, *sla.priorities):
        place = here if priority is None else here.at("priorities", priority)
        promised = sla.targets(priority or "")
        if not promised and not (priority is None and sla.priorities):
            place.warn("promises nothing; write first_response, next_response or resolution")
        for name, seconds in promised.items():
            if sla.warn_before is not None and seconds <= sla.warn_before:
                place.warn(f"nobody is warned of {name}: warn_before is not shorter")
            if name != "resolution" and seconds > promised.get("resolution", seconds):
                place.warn(f"{name} is longer than resolution, which is due before")


def _oddities(desk: Desk, place: Place) -> None:
    members = frozenset[str]().union(*(desk.members(department.id) for department in desk.departments))
    for i, agent in enumerate(desk.agents):
        if agent.id not in members:
            place.at("agents", i).warn(f"{agent.id} is in no department and sees no ticket")
        if agent.email in desk.departments_by_address:
            place.at("agents", i, "email").warn(
                "this is a department's address; the agent's notices come back as tickets"
            )
    for i, department in enumerate(desk.departments):
        if not desk.members(department.id):
            place.at("departments", i).warn(f"{department.id} has no agents; nobody sees its tickets")
        if not department.addresses:
            place.at("departments", i).warn(f"{department.id} has no address; no mail leads to it")


def _never(desk: Desk, place: Place) -> None:
    """Warn of rules for what cannot happen in this desk."""
    promises = ("sla.warning", "sla.breached", "time.due_in_less_than", "time.overdue_more_than")
    never = {
        **({} if desk.slas else dict.fromkeys(promises, "slas")),
        **({} if desk.escalations else dict.fromkeys(("ticket.escalated", "ticket.acknowledged"), "escalations")),
    }
    for i, rule in enumerate(desk.rules):
        for j, on in enumerate(rule.on):
            if on.event in never:
                place.at("rules", i, "on", j).warn(f"{on.event} never happens: the desk file has no {never[on.event]}")
