"""How signing in through the provider can fail; each failure ends on a page that says why."""


class SignInFailed(Exception):  # noqa: N818 - named as its kinds are, for what happened
    """Signing in ended here.

    `str()` is a sentence for the person, `code` a word for the log (never a token, name or
    address), `status` the HTTP status of the page.
    """

    status = 403

    def __init__(self, code: str, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.status = status or type(self).status


class ProviderUnavailable(SignInFailed):
    """The provider does not answer (503), or not with what the protocol asks for (502)."""

    status = 503


class TokenRefused(SignInFailed):
    """The ID token does not prove who is there."""

    status = 403


class SignInRefused(SignInFailed):
    """The attempt, or the person, is not let in."""

    status = 403
