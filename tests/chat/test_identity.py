"""Who is who: a typed address makes nobody a known customer, a user of the host site is one on every device."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from tests.chat.conftest import MakeDesk
from tests.chat.desks import ChatDesk, until_async
from tests.chat.test_conversation import answered, said
from tests.chat.test_tokens import SITE, site_token
from tests.desks import arrived, mail
from tickets import look
from tickets.schema import conversations, identities, tickets

SITE_SECRETS = "site_secrets: [env:SITE_KEY]"


@pytest.fixture(autouse=True)
def site_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secret the host site shares with us."""
    monkeypatch.setenv("SITE_KEY", SITE)


def every(desk: ChatDesk, what: Any) -> list[Any]:
    with desk.app.store.read() as connection:
        return list(connection.execute(select(what)).all())


async def routed(desk: ChatDesk, count: int) -> None:
    await until_async(lambda: sum(one["messages"] for one in look.listing(desk.app.store)) == count)


def test_a_typed_address_is_shown_answered_to_and_never_an_identity(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            await desk.app.accept([arrived(mail("m1@example.com", sender="ann@example.com"))])
            await routed(desk, 1)
            visitor = await desk.visitor()
            assert visitor.session["visitor"] == {"name": "", "email": "", "verified": False}
            await visitor.post(visitor.message("Where is my parcel?", name="Ann", email="Ann@Example.com"))
            await routed(desk, 2)
            by_mail, by_chat = sorted(every(desk, tickets), key=lambda row: row.id)
            assert by_mail.contact_id != by_chat.contact_id
            assert (by_chat.contact_name, by_chat.contact_address.startswith("v.")) == (
                "Ann, says Ann@Example.com",
                True,
            )
            assert sorted(row.space for row in every(desk, identities)) == ["email", "site/"]
            assert [row.mail_address for row in every(desk, conversations)] == ["ann@example.com"]

    asyncio.run(main())


def test_a_form_out_of_hours_is_a_ticket_of_its_own_answered_by_mail_and_not_shown_in_the_chat(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk()
    form = {
        "type": "offline",
        "text": "Please write to me",
        "name": "Ann",
        "email": "ann@example.com",
        "department": "billing",
    }

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            await visitor.post(visitor.message("Hello"))
            await routed(desk, 1)
            for number in ("o1", "o2", "o1"):
                assert (await visitor.post({**form, "id": number})).status_code == 202
            await routed(desk, 3)
            chat, *forms = sorted(every(desk, conversations), key=lambda row: row.ticket_id)
            assert len({row.ticket_id for row in (chat, *forms)}) == 3
            assert [(row.mail_only, row.mail_address) for row in forms] == [(1, "ann@example.com")] * 2
            assert {row.department for row in every(desk, tickets) if row.id != chat.ticket_id} == {"billing"}
            await asyncio.to_thread(answered, desk, forms[0].ticket_id, "By mail")
            assert said(await visitor.events()) == [(1, "visitor", "Hello")]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("department", "goes"), [("billing", "billing"), ("vip", "vip"), ("nowhere", "general"), ("", "general")]
)
def test_the_department_a_visitor_chose_is_validated_here_a_hidden_one_by_its_id(
    make_desk: MakeDesk, department: str, goes: str
) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            session = await desk.session(department=department)
            offered = [one["id"] for one in session["departments"]]
            assert offered == ["general", "billing", *(["vip"] if department == "vip" else [])]
            visitor = await desk.visitor()
            await visitor.post(visitor.message(department=department))
            await routed(desk, 1)
            assert [row.department for row in every(desk, tickets)] == [goes]

    asyncio.run(main())


def test_a_user_of_the_host_site_has_one_conversation_on_every_device_and_its_name(make_desk: MakeDesk) -> None:
    desk = make_desk(SITE_SECRETS)

    async def main() -> None:
        async with desk.serving():
            ann = await desk.visitor(site_token=site_token(name="Ann Example", email="ann@example.com"))
            assert ann.session["visitor"] == {"name": "Ann Example", "email": "ann@example.com", "verified": True}
            await ann.post(ann.message("Hello", name="Somebody", email="else@example.com"))
            assert said(await ann.events(wait=20)) == [(1, "visitor", "Hello")]
            [ticket] = every(desk, tickets)
            assert ticket.contact_name == "Ann Example"
            assert [row.mail_address for row in every(desk, conversations)] == ["ann@example.com"]
            phone = await desk.visitor(site_token=site_token(name="Ann Example"))
            assert phone.session["seq"] == 1
            assert said(await phone.events()) == [(1, "visitor", "Hello")]

    asyncio.run(main())


def test_another_user_or_nobody_any_more_is_another_session(make_desk: MakeDesk) -> None:
    desk = make_desk(SITE_SECRETS)

    async def main() -> None:
        async with desk.serving():
            ann = await desk.visitor(site_token=site_token())
            await ann.post(ann.message("A secret of Ann's"))
            await ann.events(wait=20)
            bob = await desk.visitor(token=ann.token, site_token=site_token(sub="18"))
            left = await desk.visitor(token=ann.token)
            stranger = await desk.visitor()
            for other in (bob, left, stranger):
                assert (other.session["seq"], said(await other.events())) == (0, [])
            assert left.session["visitor"]["verified"] is False
            again = await desk.visitor(token=stranger.token)
            assert again.session["visitor"] == stranger.session["visitor"]
            await stranger.post(stranger.message("Mine"))
            assert said(await again.events(wait=20)) == [(1, "visitor", "Mine")]

    asyncio.run(main())


@pytest.mark.parametrize(
    "token", [site_token("x" * 40), site_token(exp=1), "nonsense"], ids=["forged", "expired", "nonsense"]
)
def test_a_site_token_that_does_not_hold_is_refused_and_makes_nobody(make_desk: MakeDesk, token: str) -> None:
    desk = make_desk(SITE_SECRETS)

    async def main() -> None:
        async with desk.serving(workers=False):
            answer = await desk.ask("POST", "session", json={"site_token": token})
            assert (answer.status_code, answer.json()["error"].startswith("site_token")) == (401, True)

    asyncio.run(main())


def test_a_site_secret_that_is_not_set_is_our_trouble(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SITE_KEY")
    desk = make_desk(SITE_SECRETS)

    async def main() -> None:
        async with desk.serving(workers=False):
            answer = await desk.ask("POST", "session", json={"site_token": site_token()})
            assert (answer.status_code, "SITE_KEY" in answer.text) == (503, False)
            assert int(answer.headers["retry-after"]) > 0

    asyncio.run(main())


def test_nobody_posts_in_the_name_of_a_visitor_with_a_session(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            await visitor.post(visitor.message())
            import jwt

            known = jwt.decode(visitor.token, options={"verify_signature": False})["sub"]
            for body in (
                {"visitor": known, "client_msg_id": "1", "text": "I am somebody else"},
                {"visitor": f"{known}/offline/1", "client_msg_id": "1", "text": "x"},
                {
                    "visitor": "v1",
                    "client_msg_id": "1",
                    "text": "x",
                    "frame": {"type": "rate", "id": "1", "score": "good"},
                },
            ):
                answer = await desk.ask("POST", "messages", json=body)
                assert (answer.status_code, "token" in answer.json()["error"]) == (403, True)

    asyncio.run(main())


def test_programs_show_their_secret_where_there_is_one(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "s3cret")
    desk = make_desk("program_secrets: [env:SHOP]")
    body = {"visitor": "v1", "client_msg_id": "1", "text": "x"}

    async def main() -> None:
        async with desk.serving(workers=False):
            for header, status in [
                ({}, 401),
                ({"Authorization": "Bearer no"}, 401),
                ({"Authorization": "Basic s3cret"}, 401),
                ({"Authorization": "Bearer s3cret"}, 202),
            ]:
                assert (await desk.ask("POST", "messages", json=body, headers=header)).status_code == status
            monkeypatch.delenv("SHOP")
            answer = await desk.ask("POST", "messages", json=body, headers={"Authorization": "Bearer s3cret"})
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)

    asyncio.run(main())
