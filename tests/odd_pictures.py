"""Pictures that are alike in kind and of nothing in common: of each kind one for every seed."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def gradient(seed: int) -> Pixels:
    first, last = np.random.default_rng(seed).integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, 512)[None, :, None]
    return np.repeat(first * (1 - ramp) + last * ramp, 340, 0).astype(np.uint8)


def stars(seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    sky = np.zeros((384, 512, 3), np.uint8)
    for _ in range(300):
        light = int(random.integers(80, 255))
        cv2.circle(sky, (int(random.integers(512)), int(random.integers(384))), 1, (light, light, light), -1)
    return sky


def page(seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    sheet = np.full((512, 390, 3), 255, np.uint8)
    words = ("river", "council", "votes", "path", "after", "long", "night", "say", "week")
    for y in range(30, 500, 16):
        cv2.putText(sheet, " ".join(random.choice(words, 8)), (16, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1)
    return sheet


def code(seed: int) -> Pixels:
    """A square code: the three finder patterns are the same in each."""
    modules = np.random.default_rng(seed).integers(0, 2, (29, 29)).astype(np.uint8) * 255
    finder = np.zeros((7, 7), np.uint8)
    finder[1:6, 1:6] = 255
    finder[2:5, 2:5] = 0
    modules[:7, :7] = modules[:7, -7:] = modules[-7:, :7] = finder
    large = np.asarray(cv2.resize(np.pad(modules, 3, constant_values=255), (400, 400), interpolation=cv2.INTER_NEAREST))
    return np.repeat(large[..., None], 3, 2)


def chart(seed: int) -> Pixels:
    """Bars within the same axes, under the same title: only their heights are drawn by `seed`."""
    random = np.random.default_rng(seed)
    sheet = np.full((400, 560, 3), 255, np.uint8)
    cv2.putText(sheet, "Rainfall by month, in millimetres", (60, 40), cv2.FONT_HERSHEY_DUPLEX, 0.8, (20, 20, 20), 1)
    for step in range(6):
        cv2.line(sheet, (60, 340 - 50 * step), (530, 340 - 50 * step), (200, 200, 200), 1)
        cv2.putText(sheet, str(20 * step), (20, 345 - 50 * step), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1)
    for month in range(12):
        left, top = 70 + 38 * month, 340 - int(random.integers(15, 250))
        cv2.rectangle(sheet, (left, top), (left + 26, 340), (40, 90, 170), -1)
        cv2.putText(sheet, "JFMAMJJASOND"[month], (left + 7, 362), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1)
    cv2.putText(
        sheet, "Source: the weather office of the river", (60, 390), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1
    )
    return sheet
