"""What a browser complains of while a test drives it."""

from playwright.sync_api import ConsoleMessage, Page

# htmx says so of a question that was under way when the page was left; what a server refuses has words of its own.
_LEFT = {"htmx:sendAbort", "htmx:afterRequest"}


def complaints(page: Page) -> list[str]:
    """Collect errors of console and scripts from now on; the list grows."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and message.text not in _LEFT:
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
