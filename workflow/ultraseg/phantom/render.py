"""Grey values of the phantom: what each structure looks like, and what the microscope adds to it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ultraseg.phantom.geometry import Plane, Section
from ultraseg.phantom.noise import LatticeNoise
from ultraseg.phantom.organelles import ENDOSOME, LYSOSOME, MITOCHONDRION

MEMBRANE, SPACE, CYTOPLASM, NUCLEOPLASM = 0.20, 0.76, 0.57, 0.63


class Textures:
    """Random fields behind the grey values; the grain of textures is in voxels and does not follow the scale."""

    def __init__(self, shape: tuple[int, int, int], seed: int, scale: float):
        def field(spacing: float | tuple[float, float, float], k: int) -> LatticeNoise:
            return LatticeNoise(shape, spacing, [seed, 40 + k])

        self.fine, self.grain = field(1.6, 0), field(3.2, 1)
        self.clumps = field(max(9 * scale, 4.0), 2)
        self.reticulum = field(max(13 * scale, 6.0), 3)
        self.region = field(70 * scale, 4)
        self.faint = field(26 * scale, 5)
        self.fibres = field((20 * scale, max(4.5 * scale, 3.0), 16 * scale), 6)
        self.light = field((90.0, 260.0, 260.0), 7)
        self.contrast = field((40.0, 200.0, 200.0), 8)
        self.curtain = field((5.0, 300.0, 2.5), 9)
        self.flicker = field((1.5, 1e6, 1e6), 10)


class Painter:
    """Turns sections into images; ``difficulty`` 0..1 makes membranes faint and the imaging noisy."""

    def __init__(
        self, shape: tuple[int, int, int], seed: int, scale: float, difficulty: float, tone: np.ndarray
    ):
        self.textures = Textures(shape, seed, scale)
        self.seed, self.scale, self.difficulty, self.tone = seed, scale, difficulty, tone.astype(np.float32)
        self.thick = np.float32(max(1.0, np.sqrt(scale)))  # of membranes

    def tissue(self, plane: Plane, section: Section) -> np.ndarray:
        """Noise-free stained tissue, about 0..1: float32 (Y, X)."""

        def at(noise: LatticeNoise) -> np.ndarray:
            return noise.on_slice(plane.z, plane.y, plane.x)

        fine, grain, clumps = (at(n) for n in (self.textures.fine, self.textures.grain, self.textures.clumps))
        image = SPACE + 0.03 * fine + 0.03 * grain - 0.13 * np.clip(at(self.textures.fibres) - 0.6, 0, 1)
        image = _blend(image, self._cytoplasm(section, at, fine, grain, clumps), section.depth)
        image = self._endings(image, section, fine, grain)
        image = self._nucleus(image, section, fine, grain, clumps)
        return self._membrane(image, section.depth, at(self.textures.faint))

    def _cytoplasm(
        self,
        section: Section,
        at: Callable[[LatticeNoise], np.ndarray],
        fine: np.ndarray,
        grain: np.ndarray,
        clumps: np.ndarray,
    ) -> np.ndarray:
        region = at(self.textures.region)
        tone = self.tone[np.clip(section.cell, 0, len(self.tone) - 1)]
        base = CYTOPLASM + tone + 0.035 * region + 0.045 * fine + 0.035 * grain + 0.015 * clumps
        # cisternae of the reticulum: thin curved lines along a contour of a random field, in part of the cell
        line = np.exp(-((at(self.textures.reticulum) / 0.16) ** 2)) * np.clip(0.8 * region + 0.5, 0, 1)
        base -= (
            (0.16 + 0.10 * self.difficulty) * line * (section.depth > 6 * self.scale) * ~section.protrusion
        )
        # actin makes filopodia denser and free of reticulum
        return np.where(section.protrusion, CYTOPLASM - 0.06 + tone + 0.03 * fine + 0.02 * grain, base)

    def _endings(
        self, image: np.ndarray, section: Section, fine: np.ndarray, grain: np.ndarray
    ) -> np.ndarray:
        """Mitochondria, endosomes and lysosomes."""
        depth, t = section.kind_depth, self.thick
        rim = np.exp(-(((depth - 0.8 * t) / (0.9 * t)) ** 2))
        period = max(5.5 * np.sqrt(self.scale), 4.0)
        stripes = np.sin(2 * np.pi / period * (section.kind_along + 1.6 * grain)).astype(np.float32)
        looks = {
            MITOCHONDRION: 0.42 + 0.09 * stripes * (depth > 1.5 * t) + 0.025 * fine - 0.22 * rim,
            ENDOSOME: 0.82 - 0.14 * np.clip(grain - 0.9, 0, 1.5) + 0.02 * fine - 0.60 * rim,
            LYSOSOME: 0.22 + 0.05 * fine + 0.07 * grain - 0.04 * rim,
        }
        for kind, look in looks.items():
            image = np.where(section.kind == kind, _blend(image, look, depth), image)
        return image

    def _nucleus(
        self, image: np.ndarray, section: Section, fine: np.ndarray, grain: np.ndarray, clumps: np.ndarray
    ) -> np.ndarray:
        depth, t = section.nucleus_depth, self.thick
        # heterochromatin: clumps inside, and a broken layer under the envelope
        dense = np.clip(clumps - 0.5 + 1.1 * np.exp(-np.maximum(depth, 0) / (5 * self.scale)), 0, 1.2)
        look = NUCLEOPLASM + 0.035 * fine + 0.025 * grain - 0.13 * dense
        envelope = np.exp(-(((depth - 0.6 * t) / (1.0 * t)) ** 2))
        image = _blend(image, look, depth)
        core = 0.30 + 0.04 * fine + 0.05 * grain
        image = _blend(image, core, section.nucleolus_depth)
        return image - 0.30 * envelope * np.clip(0.7 + 0.3 * clumps, 0.2, 1)

    def _membrane(self, image: np.ndarray, depth: np.ndarray, faint: np.ndarray) -> np.ndarray:
        strength = np.clip(1 - 1.3 * self.difficulty * np.clip(faint, 0, 1.1), 0.08, 1)
        profile = np.exp(-(((depth - 0.5 * self.thick) / (1.0 * self.thick)) ** 2))
        return image + strength * profile * (MEMBRANE - image)

    def expose(self, tissue: np.ndarray, z: int, rows: slice, block: int) -> np.ndarray:
        """Image one window of slice ``z`` as uint8: blur, contrast, light, flicker, curtains, shot noise."""
        y, x = (
            np.arange(rows.start, rows.stop, dtype=np.float64),
            np.arange(tissue.shape[1], dtype=np.float64),
        )
        tx, hard = self.textures, np.float32(self.difficulty)
        image = cv2.GaussianBlur(tissue.astype(np.float32), (0, 0), 0.6 + 0.3 * self.difficulty)
        image = 0.55 + (image - 0.55) * (1 + 0.08 * tx.contrast.on_slice(z, y, x))
        flicker = tx.flicker.on_slice(z, y[:1], x[:1])[0, 0]
        image = image * (1 + (0.03 + 0.04 * hard) * tx.light.on_slice(z, y, x) + 0.015 * flicker)
        image += (0.006 + 0.014 * hard) * tx.curtain.on_slice(z, y, x)
        rng = np.random.default_rng([self.seed, 90, z, block])
        shot = rng.standard_normal(image.shape, np.float32)
        image += (0.025 + 0.05 * hard) * np.sqrt(np.clip(image, 0.05, 1)) * shot
        return np.clip(np.round(image * 255), 0, 255).astype(np.uint8)


def _blend(below: np.ndarray, above: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Lay ``above`` over ``below`` where the depth is positive, with an edge one voxel wide."""
    alpha = np.clip(depth + np.float32(0.5), 0, 1)
    return below + alpha * (above - below)
