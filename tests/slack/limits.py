"""What Slack does not take: the limits the SDK checks, and those it leaves out (https://docs.slack.dev/reference/block-kit)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MOST_BLOCKS = 50
MOST_CHARACTERS = 10_000
"""Of all texts of a message's blocks; nowhere documented (slackapi/bolt-js issue 2867: 9,597 were taken, 11,341 not)."""
LARGEST_VIEW = 250_000
LARGEST_METADATA = 8_000


def message_trouble(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return Slack's word for what is wrong with a message's text, blocks and metadata, and ours; or nothing."""
    blocks = message.get("blocks") or []
    if not blocks and not message.get("text"):
        return "no_text", "neither a text nor blocks"
    if len(message.get("text") or "") > 40_000:
        return "msg_too_long", "a text over 40,000"
    if len(blocks) > MOST_BLOCKS:
        return "invalid_blocks", f"more than {MOST_BLOCKS} blocks"
    if wrong := blocks_trouble(blocks):
        return "invalid_blocks", wrong
    if sum(len(text["text"]) for text in texts(blocks)) > MOST_CHARACTERS:
        return "msg_blocks_too_long", f"more than {MOST_CHARACTERS} characters"
    return _metadata_trouble(message.get("metadata"))


def view_trouble(view: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return Slack's word for what is wrong with a modal, and ours; or nothing."""
    if len(json.dumps(view)) > LARGEST_VIEW:
        return "view_too_large", f"more than {LARGEST_VIEW} bytes"
    if view.get("type") != "modal" or not view.get("title") or not view.get("blocks"):
        return "invalid_arguments", "a modal needs a type, a title and blocks"
    if not view.get("submit") and any(block["type"] == "input" for block in view["blocks"]):
        return "invalid_arguments", "a modal with inputs needs a submit"
    try:
        View(**view).to_dict()
    except SlackObjectFormationError as error:
        return "invalid_arguments", str(error)
    wrong = blocks_trouble(view["blocks"])
    return ("invalid_arguments", wrong) if wrong else None


def blocks_trouble(blocks: Sequence[dict[str, Any]]) -> str | None:
    """Return what Slack would not take of blocks, or nothing."""
    try:
        if [block.to_dict() for block in Block.parse_all(blocks)] != list(blocks):
            return "a block has something the SDK does not know"
    except SlackObjectFormationError as error:
        return str(error)
    names = [block["block_id"] for block in blocks if "block_id" in block]
    checks = {
        "two blocks of one name": len(names) != len(set(names)),
        "an empty text": any(not text["text"].strip() for text in texts(blocks)),
        "a field over 2,000": any(len(one["text"]) > 2_000 for block in blocks for one in block.get("fields", ())),
        "a header over 150": any(_units(block["text"]["text"]) > 150 for block in blocks if block["type"] == "header"),
        "actions of one name": any(_repeated_actions(block) for block in blocks),
        "a bad URL": any(not re.match(r"https?://\S+$", url) for url in values(blocks, "url")),
    }
    return next((words for words, wrong in checks.items() if wrong), None)


def _metadata_trouble(metadata: Any) -> tuple[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not metadata.get("event_type") or "event_payload" not in metadata:
        return "invalid_metadata_format", "metadata needs event_type and event_payload"
    if not re.fullmatch(r"[a-z0-9_.-]{1,255}", metadata["event_type"]):
        return "invalid_metadata_format", "a bad event_type"
    if len(json.dumps(metadata)) > LARGEST_METADATA:
        return "metadata_too_large", f"metadata over {LARGEST_METADATA} bytes"
    return None


def is_raw(text: str) -> bool:
    """Tell whether mrkdwn holds a control character that is not an entity, save `>` at the beginning of a line."""
    return bool(re.search(r"<|(?<!^)>|&(?!(amp|lt|gt);)", text, re.MULTILINE))


def texts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every text object in blocks."""
    if isinstance(node, dict):
        if node.get("type") in {"plain_text", "mrkdwn"}:
            yield node
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from texts(value)


def values(node: Any, name: str) -> Iterator[Any]:
    """Yield every value of that name in blocks."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name)
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from values(value, name)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _repeated_actions(block: Mapping[str, Any]) -> bool:
    actions = list(values(block, "action_id"))
    return len(actions) != len(set(actions))
