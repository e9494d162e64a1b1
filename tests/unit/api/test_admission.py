"""Who is taken on and who is refused, with workers that are held: counts, never seconds."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import anyio
import pytest

from api.http.admission import Admission, Party, Pictures
from api.http.metrics import Metrics
from provenance.errors import Overloaded, RateLimited, RetryLater
from tests.patience import HUNG_SECONDS


def address(number: int, most: int = 4) -> Party:
    return Party(f"192.0.2.{number}", most)


@contextmanager
def held(pictures: Pictures, *parties: Party) -> Iterator[None]:
    """A picture of each of these is in hand."""
    with ExitStack() as places:
        for each in parties:
            places.enter_context(pictures.place(each))
        yield


def test_an_address_has_four_pictures_in_hand_and_others_are_taken_all_the_same() -> None:
    refused: list[str] = []
    pictures = Pictures(64, 2, refused=refused.append)
    with held(pictures, *[address(1)] * 4):
        for _ in range(3):
            with (
                pytest.raises(RateLimited, match="4 pictures from here are in hand") as refusal,
                held(pictures, address(1)),
            ):
                pass
            assert refusal.value.retry_after >= 1
        with held(pictures, address(2)):
            assert pictures.in_hand == 5
    assert refused == ["pictures_of_a_party"] * 3
    with held(pictures, address(1)):
        assert pictures.in_hand == 1


def test_many_addresses_of_one_attacker_leave_places_for_those_that_have_none() -> None:
    pictures = Pictures(64, 64)
    with held(pictures, *[address(n) for n in range(8) for _ in range(4)]):  # half of the places
        with pytest.raises(RateLimited), held(pictures, address(9), address(9)):
            pass
        with (
            held(pictures, *[address(n) for n in range(100, 132)]),
            pytest.raises(Overloaded, match="64 pictures are in hand"),
            held(pictures, address(200)),
        ):
            pass


def test_a_picture_that_would_wait_for_too_long_is_refused_at_once_and_told_how_long() -> None:
    refused: list[str] = []
    pictures = Pictures(64, 2, max_wait=20, refused=refused.append)
    pictures.expected = 4.0
    with held(pictures, *[address(n) for n in range(11)]):
        pictures.check(address(50))  # the twelfth waits for ten turns of four seconds, of two workers
        with held(pictures, address(50)), pytest.raises(Overloaded) as refusal:
            pictures.check(address(51))
    assert str(refusal.value) == "A picture would have to wait for 22 seconds now, more than 20: retry later."
    assert refused == ["expected_wait"]
    assert refusal.value.retry_after == pytest.approx(4)


def test_of_each_other_party_no_more_pictures_come_first_than_one_has_itself() -> None:
    pictures = Pictures(64, 1, max_wait=20)
    pictures.expected = 6.0
    with held(pictures, *[address(1)] * 4):
        with pytest.raises(Overloaded):
            pictures.check(Party("192.0.2.1", 10))  # four of its own come first
        pictures.check(address(2))  # one of the other's


def test_what_pictures_take_is_learned_from_those_that_were_looked_at() -> None:
    pictures = Pictures(64, 1)
    for _ in range(100):
        with pictures.place(address(1)) as budget:
            budget.held = 3.0
    assert pictures.expected == pytest.approx(3, rel=0.01)
    with pictures.place(address(1)):
        pass  # one that no worker saw says nothing
    assert pictures.expected == pytest.approx(3, rel=0.01)


@pytest.mark.timing
def test_digests_are_looked_up_while_every_place_for_pictures_is_taken() -> None:
    """Ninety pictures from thirty addresses whose workers do not answer; 140 look-ups: all are answered before them."""
    admission = Admission(16, Metrics(), workers=2, max_wait=1e9)
    released = threading.Event()
    answered: list[int] = []
    refused: list[RetryLater] = []

    async def picture(number: int) -> None:
        try:
            with admission.pictures.place(address(number % 30)):
                await admission.examine(released.wait, HUNG_SECONDS)
        except RetryLater as refusal:
            refused.append(refusal)

    async def digest(number: int) -> None:
        answered.append(await admission.look_up(lambda: number))

    async def both() -> None:
        async with anyio.create_task_group() as pictures:
            for number in range(90):
                pictures.start_soon(picture, number)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as digests:
                for number in range(140):
                    digests.start_soon(digest, number)
            assert admission.pictures.in_hand == 16
            released.set()

    anyio.run(both)
    assert sorted(answered) == list(range(140))
    assert refused
    assert admission.pictures.in_hand == 0


@pytest.mark.timing
def test_what_writes_has_places_beside_pictures() -> None:
    metrics = Metrics()
    admission = Admission(2, metrics, workers=1, max_wait=1e9)
    released = threading.Event()

    async def all_kinds() -> None:
        async with anyio.create_task_group() as tasks:
            with held(admission.pictures, address(1), address(2)):
                for _ in range(2):
                    tasks.start_soon(admission.run, released.wait, HUNG_SECONDS)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(Overloaded, match="write"):
                    await admission.run(int)
                assert await admission.look_up(int) == 0
                assert b"countermark_working 4.0" in metrics.exposition()
                released.set()

    anyio.run(all_kinds)
    assert b'countermark_work_refused_total{reason="work"} 1.0' in metrics.exposition()
