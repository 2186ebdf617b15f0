"""Settings of the process, from the environment (`FRONTDESK_…`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

EXAMPLE = Path(__file__).parent / "example" / "desk.yaml"


class WrongSettingError(Exception):
    """A setting that cannot work here; the message says what to do."""


class Settings(BaseSettings):
    """What the environment says; the defaults run the embedded mode with the shipped example desk."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_", frozen=True)

    config: Path | None = Field(default=None, description="the desk file; else ./desk.yaml, else the shipped example")
    data: Path = Field(default=Path("var"), description="folder for the database and the outbox folder")
    database_url: str | None = Field(default=None, description="postgresql://…; without it SQLite in the data folder")
    broker_url: str | None = Field(default=None, description="redis://…; without it the in-memory broker")
    blobs: str | None = Field(
        default=None,
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]+(/.*)?(\?.*)?|[^:]+|/.*)$",
        description="a folder or s3://bucket/prefix for mails too large for a row; else blobs in the data folder",
    )
    clamd: str | None = Field(
        default=None,
        pattern=r"^(unix:/.+|tcp://.+:\d{1,5})$",
        description="unix:/run/clamav/clamd.ctl or tcp://host:3310: what attachments are scanned by",
    )
    http: str = Field(default="127.0.0.1:8080", pattern=r"^.+:\d{1,5}$", description="where HTTP listens, host:port")
    log: Literal["console", "json"] | None = Field(default=None, description="console on a terminal, else json")

    @property
    def desk_file(self) -> Path:
        """The desk file to use."""
        if self.config is not None:
            return self.config
        here = Path("desk.yaml")
        return here if here.exists() else EXAMPLE

    @property
    def database(self) -> str:
        """The database's URL, for SQLAlchemy."""
        return self.database_url or f"sqlite:///{(self.data / 'frontdesk.sqlite3').absolute()}"

    @property
    def blobs_place(self) -> str | Path:
        """Where blobs lie: the URL of an S3-compatible store, or a folder."""
        if self.blobs is not None and "://" in self.blobs:
            return self.blobs
        return Path(self.blobs) if self.blobs else self.data / "blobs"

    @property
    def outbox_folder(self) -> Path:
        """Where notices lie that have no relay or token to go through."""
        return self.data / "outbox"
