"""Pictures that are not photographs, alike in kind and different in content: none of them may be taken for another."""

import cv2
import numpy as np

from bench.alterations import Pixels, Random, write

_WORDS = ("the", "river", "council", "votes", "on", "a", "path", "after", "night", "residents", "say", "last", "week")


def _page(random: Random) -> Pixels:
    page = np.full((512, 390, 3), 255, np.uint8)
    for baseline in range(30, 500, 16):
        write(page, " ".join(random.choice(_WORDS, 9)), 20, baseline, 0.36, (20, 20, 20))
    return page


def _code(random: Random) -> Pixels:
    """A square code with three finder patterns, all of which such codes share."""
    size = int(random.integers(25, 40))
    modules = (random.integers(0, 2, (size, size)) * 255).astype(np.uint8)
    finder = np.zeros((7, 7), np.uint8)
    finder[1:6, 1:6] = 255
    finder[2:5, 2:5] = 0
    modules[:7, :7] = modules[:7, -7:] = modules[-7:, :7] = finder
    framed = np.pad(modules, 3, constant_values=255)
    large = cv2.resize(framed, (400, 400), interpolation=cv2.INTER_NEAREST)
    return np.repeat(np.asarray(large, np.uint8)[..., None], 3, 2)


def _stars(random: Random) -> Pixels:
    sky = np.zeros((384, 512), np.uint8)
    for _ in range(300):
        x, y, radius, light = (int(random.integers(*span)) for span in ((0, 512), (0, 384), (1, 3), (80, 255)))
        cv2.circle(sky, (x, y), radius, light, -1)
    return np.repeat(np.asarray(cv2.GaussianBlur(sky, (0, 0), 0.8), np.uint8)[..., None], 3, 2)


def _gradient(random: Random) -> Pixels:
    first, last = random.integers(0, 256, 3), random.integers(0, 256, 3)
    ramp = np.linspace(0, 1, 512)[None, :, None]
    return np.repeat(first * (1 - ramp) + last * ramp, 340, 0).astype(np.uint8)


def _logo(random: Random) -> Pixels:
    canvas = np.full((300, 480, 3), 255, np.uint8)
    colour = tuple(int(c) for c in random.integers(0, 200, 3))
    cv2.circle(canvas, (110, 150), int(random.integers(50, 95)), colour, -1)
    write(canvas, "".join(random.choice(list("ACMORSTUN"), 5)), 220, 180, 2.2, (20, 20, 20))
    return canvas


def non_photographs(random: Random, each: int = 8) -> list[Pixels]:
    """Pages of text, square codes, star fields, gradients and logos: alike in kind, different in content."""
    return [draw(random) for draw in (_page, _code, _stars, _gradient, _logo) for _ in range(each)]
