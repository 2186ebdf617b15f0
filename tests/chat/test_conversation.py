"""A conversation between a visitor and an agent, over the socket and over HTTP: acknowledged, in order, nothing twice."""

import asyncio

from router.act import Acts
from tests.chat.conftest import MakeDesk
from tests.chat.desks import ChatDesk, Frame, until_async
from tickets import look


def answered(desk: ChatDesk, number: int, text: str, agent: str = "sona") -> None:
    """Let an agent answer, and ring as whoever answers in the same process does."""
    acted = Acts(desk.app.store, desk.app.desk.current).answer(number, agent, text)
    assert acted.conversation is not None
    desk.app.live.tell(acted.conversation, {"type": "line"})


def said(frames: list[Frame]) -> list[tuple[int, str, str]]:
    return [(one["seq"], one["from"], one["text"]) for one in frames if one["type"] == "entry"]


def test_a_visitor_writes_an_agent_answers_and_both_stand_in_the_ticket_and_on_the_socket(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            assert (visitor.session["seq"], visitor.session["status"], visitor.session["open"]) == (0, "none", True)
            async with visitor.connected(origin="https://acme.example") as socket:
                await socket.say(visitor.message("Where is my order?", name="Ann"))
                assert await socket.hear("ack") == {"type": "ack", "id": "m1", "row": 1}
                mine = await socket.hear("entry")
                assert (mine["seq"], mine["from"], mine["id"], mine["text"]) == (
                    1,
                    "visitor",
                    "m1",
                    "Where is my order?",
                )
                assert await socket.hear("state") == {
                    "type": "state", "open": True, "agent": None, "status": "waiting", "rated": False,
                }  # fmt: skip
                await asyncio.to_thread(answered, desk, 1, "It left today.")
                hers = await socket.hear("entry")
                assert (hers["seq"], hers["from"], hers["id"], hers["name"], hers["text"]) == (
                    2, "agent", None, "Sona", "It left today.",
                )  # fmt: skip
                assert (await socket.hear("state"))["status"] == "taken"
            again = await desk.session(token=visitor.token)
            assert (again["seq"], again["status"]) == (2, "taken")
        [ticket] = look.listing(desk.app.store)
        assert (ticket["channel"], ticket["contact"]["name"], ticket["agent"]) == ("site", "Ann", "sona")

    asyncio.run(main())


async def _routed(desk: ChatDesk, messages: int) -> None:
    await until_async(lambda: sum(one["messages"] for one in look.listing(desk.app.store)) == messages)


def test_the_same_conversation_over_http_for_who_has_no_socket(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            answer = await visitor.post(visitor.message("Hello"))
            assert (answer.status_code, answer.json()) == (202, {"type": "ack", "id": "m1", "row": 1})
            frames = await visitor.events(wait=20)
            assert said(frames) == [(1, "visitor", "Hello")]
            assert frames[-1]["type"] == "state"
            waiting = asyncio.create_task(visitor.events(after=1, wait=20))
            await asyncio.to_thread(answered, desk, 1, "Hi, Ann")
            assert said(await waiting) == [(2, "agent", "Hi, Ann")]
            [state] = await visitor.events(after=2)
            assert (state["type"], state["agent"]) == ("state", "Sona")

    asyncio.run(main())
