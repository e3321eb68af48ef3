"""What every door of the stand-in needs, and one transaction over it."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.imagekit.access import Keys
from sandbox.imagekit.blobs import Blobs
from sandbox.imagekit.books import Books
from sandbox.imagekit.errors import Answer, ImageKitError
from sandbox.store import Store
from sandbox.world import World


@dataclass(frozen=True)
class Account:
    """The one account: its keys, its library and its files."""

    store: Store
    blobs: Blobs
    world: World
    keys: Keys

    def run(self, deed: Callable[[Books], Answer]) -> Answer:
        """Do something in one transaction; then the blobs that nothing names any more are forgotten."""
        try:
            with self.store.transaction() as db:
                books = Books(db, self.world)
                answer = deed(books)
        except ImageKitError as error:
            return error.answer()
        self.blobs.drop(books.dropped)
        return answer
