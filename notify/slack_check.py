"""What must hold for Slack between the parts of a desk."""

from collections.abc import Iterable

from config.desk import Desk
from config.problems import Place, Problem
from notify import slack

SILENT = "nobody hears what is clicked or written in Slack: set signing_secret, or app_token for Socket Mode"


def check_slack(desk: Desk) -> Iterable[Problem]:
    """Return what is odd about the desk's Slack."""
    place, config = Place(), desk.notifiers.get("slack")
    if isinstance(config, slack.Config) and heard_by(config) is None:
        place.at("notifiers", "slack").warn(SILENT)
    return place.found


def heard_by(config: slack.Config) -> str | None:
    """Return in words how clicks and replies in Slack come in, or nothing when they do not."""
    ways = {"signed HTTP at /slack/": config.signing_secret, "Socket Mode": config.app_token}
    return " and ".join(way for way, secret in ways.items() if secret is not None) or None
