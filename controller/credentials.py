"""Where the cloud token comes from. It is never an argument, never in the config, never in a message."""

import os
import re
import stat
from pathlib import Path
from typing import Protocol

from controller.errors import ConfigError

TOKEN_NAME = "goe_token"  # noqa: S105 - the credential's name, not a token
GOE_ADVICE = (
    "[charger] token_file is missing and there is no systemd credential goe_token. Remedy: write "
    "the token (go-e app: Internet, Advanced settings, Cloud API) to a file of its own, mode "
    "0600, and name it there."
)


class NamesTokenFile(Protocol):
    """A section of the config that may name a token file."""

    @property
    def token_file(self) -> str | None: ...


class TokenSource:
    """A token: systemd credential, else token_file; read again when the file changes. go-e's by default."""

    def __init__(
        self,
        settings: NamesTokenFile,
        env: dict[str, str] | None = None,
        *,
        credential: str = TOKEN_NAME,
        advice: str = GOE_ADVICE,
    ) -> None:
        credentials = (os.environ if env is None else env).get("CREDENTIALS_DIRECTORY")
        self._credential = Path(credentials) / credential if credentials else None
        self._advice = advice
        self._file = Path(settings.token_file) if settings.token_file else None
        self._stamp: tuple[int, int] | None = None
        self._token = ""
        self.seen: list[str] = []
        """Every token read so far, a renewed one too: what no log may show."""

    def __repr__(self) -> str:
        return "TokenSource(***)"

    def __call__(self) -> str:
        """Return the token. Raises ConfigError that never contains it."""
        if self._credential is not None and self._credential.is_file():
            return self._read(self._credential, check_mode=False)
        if self._file is None:
            raise ConfigError(self._advice)
        return self._read(self._file, check_mode=True)

    def _read(self, path: Path, *, check_mode: bool) -> str:
        try:
            info = path.lstat() if check_mode else path.stat()
            if check_mode:
                _check_private(path, info)
            stamp = (info.st_mtime_ns, info.st_ino)
            if stamp != self._stamp:
                self._token, self._stamp = path.read_text("utf-8").strip(), stamp
                self.seen = [*self.seen[-9:], self._token] if self._token else self.seen
        except FileNotFoundError:
            text = f"{path}: there is no such file. Remedy: write the token there, one line, mode 0600"
            raise ConfigError(text) from None
        except PermissionError:
            text = f"{path}: this user may not read the token. Remedy: put sudo in front of the command"
            raise ConfigError(text) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: the token cannot be read ({type(error).__name__}).") from None
        if not self._token or not re.fullmatch(r"[\x21-\x7e]{4,256}", self._token):
            raise ConfigError(f"{path}: does not hold a token. Remedy: one line, the token and nothing else.")
        return self._token


def _check_private(path: Path, info: os.stat_result) -> None:
    if stat.S_ISLNK(info.st_mode) or not stat.S_ISREG(info.st_mode):
        raise ConfigError(f"{path}: the token file must be a plain file, not a link.")
    if info.st_mode & 0o077:
        raise ConfigError(f"{path}: others may read the token. Remedy: chmod 600 {path}")
    if info.st_uid not in (os.getuid(), 0):
        raise ConfigError(f"{path}: the token file belongs to another user. Remedy: chown it to the service.")
