"""The devices an agent is told on by push: a browser asks for the desk's key, subscribes, and hands in what it got."""

import time
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from notify import push
from tickets import devices
from tickets.devices import CannotAddError, Device
from tickets.look import moment
from web.api import LARGEST, Api, Asked, RefusedError


class _Given(BaseModel):
    """What a browser got from its push service (https://www.w3.org/TR/push-api/#pushsubscription-interface)."""

    model_config = ConfigDict(extra="forbid")

    endpoint: Annotated[str, Field(max_length=2_000)]
    p256dh: Annotated[str, Field(max_length=100)]
    auth: Annotated[str, Field(max_length=40)]
    label: Annotated[str, Field(max_length=100)] = ""


def routes(api: Api) -> list[BaseRoute]:
    """Return the paths of push below `/api/v1/me`."""

    def key(asked: Asked) -> Response:
        from notify.sealed import public_key  # noqa: PLC0415  # it costs a tenth of a second to import

        _config(asked)
        return JSONResponse({"key": public_key(api.store)})

    def several(asked: Asked) -> Response:
        if asked.method == "POST":
            return JSONResponse({"id": _added(api, asked)}, 201)
        return JSONResponse({"devices": [_shown(one) for one in devices.of(api.store, asked.agent)]})

    def one(asked: Asked) -> Response:
        id_: int = asked.path["id"]
        if id_ > LARGEST or not devices.remove(api.store, asked.agent, id_):
            raise RefusedError(404, f"no device {id_} of yours")
        return Response(status_code=204)

    return [
        api.route("/me/push", key, "GET"),
        api.route("/me/devices", several, "GET", "POST"),
        api.route("/me/devices/{id:int}", one, "DELETE"),
    ]


def _config(asked: Asked) -> push.Config:
    config = asked.desk.notifiers.get("push")
    if not isinstance(config, push.Config):
        raise RefusedError(404, "this desk has no push; an operator switches it on with notifiers.push")
    return config


def _added(api: Api, asked: Asked) -> int:
    from notify.sealed import key_is_sound  # noqa: PLC0415  # see above

    config, given = _config(asked), asked.said(_Given)
    if not push.allowed(given.endpoint, config):
        raise _wrong(
            "endpoint", "is no push service of a browser; an operator may add one with notifiers.push.services"
        )
    if not key_is_sound(given.p256dh, given.auth):
        raise _wrong("p256dh", "is no key of a browser, or auth is none: a point of P-256 and 16 bytes, in base64url")
    device = Device(given.endpoint, given.p256dh, given.auth, given.label)
    try:
        return devices.add(api.store, asked.agent, device, time.time())
    except CannotAddError as error:
        raise RefusedError(409, str(error)) from None


def _wrong(path: str, message: str) -> RefusedError:
    problem = {"path": path, "message": message, "suggestion": None}
    return RefusedError(422, f"{path}: {message}", {"problems": [problem]})


def _shown(device: Device) -> dict[str, object]:
    """Return a device without what would let others send to it."""
    host = urlsplit(device.endpoint).hostname
    return {"id": device.id, "label": device.label, "service": host, "since": moment(device.made_at)}
