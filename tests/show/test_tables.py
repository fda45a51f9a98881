"""Colour tables: the formula, how light the rows are, names, and tables of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.show import colour
from seewhy.show.tables import jet, table


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB rows."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_jet_is_the_formula():
    def u(k):
        return min(k, 64, 192 - k) / 64 if 1 <= k <= 191 else 0

    expected = [[u(i - 96), u(i - 32), u(i + 32)] for i in range(1, 256)]
    np.testing.assert_array_equal(jet(255), expected)
    np.testing.assert_array_equal(jet(255)[0], (0, 0, 0.515625))
    np.testing.assert_array_equal(jet(255)[127], (0.5, 1, 0.5))
    np.testing.assert_array_equal(jet(255)[254], (0.515625, 0, 0))


def test_our_table_gets_lighter_from_row_to_row():
    assert np.diff(lightness(table())).min() > 0


def test_our_signed_table_is_neutral_in_the_middle_and_lighter_towards_both_ends():
    middle = table(signed=True)[127]
    assert np.ptp(middle) < 1e-3
    steps = np.diff(lightness(table(signed=True)))
    assert steps[:127].max() < 0 < steps[127:].min()


def test_tables_by_name_and_by_hand():
    import matplotlib

    np.testing.assert_allclose(table("viridis"), matplotlib.colormaps["viridis"](range(256))[:, :3])
    np.testing.assert_allclose(table(matplotlib.colormaps["viridis"]), table("viridis"))
    np.testing.assert_array_equal(table("jet"), jet(255))
    np.testing.assert_array_equal(table([[0, 0, 0], [1, 1, 1]]), [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(table(np.array([[0, 51, 255]], dtype=np.uint8)), [[0, 0.2, 1]])


def test_an_unknown_table_names_its_neighbours():
    with pytest.raises(OptionError, match=r"^There is no colour table 'viridiss'\. Did you mean 'viridis'"):
        table("viridiss")
    with pytest.raises(OptionError, match=r"^There is no colour table 'qqqq'\. Some that it knows: ember, ember_ice, "):
        table("qqqq")
    with pytest.raises(OptionError, match=r"^A colour table has shape \(rows, 3\), this one \(3,\)"):
        table([1, 2, 3])


def test_the_darkest_is_the_largest():
    """White paper, black ink: 255 even steps, as the gradient figures of the sources are drawn."""
    ink = table("white_black")
    assert ink.shape == (255, 3)
    np.testing.assert_allclose(ink, (1 - np.arange(255) / 254)[:, None].repeat(3, axis=1))
    picture = colour.colourise(np.array([[0.0, 1.0], [2.0, 4.0]]), "white_black")
    assert picture[:, :, 0].tolist() == [[255, 192], [128, 0]]


def test_a_signed_table_with_white_in_the_middle():
    signed = table("blue_white_red")
    np.testing.assert_allclose(signed[127], 1)
    picture = colour.colourise(np.array([[-2.0, 0.0, 1.0, 2.0]]), "blue_white_red", signed=True)
    assert picture[0, 1].tolist() == [255, 255, 255]
    assert picture[0, 0, 2] > picture[0, 0, 0]  # against: blue
    assert picture[0, 3, 0] > picture[0, 3, 2]  # for: red
    assert picture[0, 2].sum() > picture[0, 3].sum()
