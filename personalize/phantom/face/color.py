"""Arithmetic with colours, mixed as squares of sRGB values: near enough to linear light, without a power function."""

from jax import Array

Color = tuple[Array, Array, Array]


def linear(srgb: Array) -> Color:
    """Squares of sRGB values."""
    return srgb[0] * srgb[0], srgb[1] * srgb[1], srgb[2] * srgb[2]


def mix(under: Color, over: tuple, cover: Array) -> Color:
    """`over` on `under` where `cover` is 1."""
    return tuple(a + (b - a) * cover for a, b in zip(under, over, strict=True))  # type: ignore[return-value]


def times(color: tuple, shade: float | Array) -> Color:
    """A colour made darker or lighter."""
    return tuple(c * shade for c in color)  # type: ignore[return-value]
