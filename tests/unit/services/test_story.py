"""The demo's story: its commands do what it says, and what it says is held to the truth."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.shop_sales import shop_sales
from pricelm.catalog.shops import Shop
from pricelm.cli.main import app
from pricelm.cli.story_view import story_view
from pricelm.core.errors import DataError
from pricelm.services.story import CHAPTERS, FOLDER, story_at_hand, tell_story
from pricelm.services.story_chapters import Chapter
from tests.generated_listings import listings_frame

COLUMNS = ColumnMap(listing_id="sku", title="name", brand="maker", category="group", price="cost")


def made_up_shop() -> Shop:
    new = listings_frame(3, seed=8).drop(columns="cost")
    return Shop("made up", listings_frame(150), COLUMNS, new, "USD", "Made up.")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Chapter]]:
    out = tmp_path_factory.mktemp("story")
    return out, tell_story(made_up_shop(), out)


def test_every_chapter_can_be_run_as_it_stands(told: tuple[Path, list[Chapter]]) -> None:
    out, chapters = told
    assert [one.name for one in chapters] == list(CHAPTERS)
    files = sorted((out / FOLDER).glob("*.csv"))
    before = {path.name: path.read_bytes() for path in files}
    for chapter in chapters:
        done = CliRunner().invoke(app, shlex.split(chapter.command)[1:])
        assert done.exit_code == 0, (chapter.name, done.output)
        assert not chapter.page or (out / FOLDER / chapter.page).is_file()
    assert {path.name: path.read_bytes() for path in files} == before
    assert {"demand.csv", "prices.csv", "campaigns.csv", "markdown.csv", "orders.csv"} < set(before)


def test_the_story_is_kept_and_shown(told: tuple[Path, list[Chapter]]) -> None:
    out, chapters = told
    assert [one.to_dict() for one in story_at_hand(out)] == [one.to_dict() for one in chapters]
    by_name = {one.name: one for one in chapters}
    assert "The truth is in" in by_name["demand"].said[0]
    assert "By the true demand" in by_name["optimize"].said[0]
    assert by_name["optimize"].figures and by_name["stock"].figures
    console = Console(width=100, file=io.StringIO())
    with console.capture() as shown_text:
        console.print(story_view(chapters))
    shown = shown_text.get()
    assert all(one.title in shown and "$ pricelm" in shown for one in chapters)


def test_the_truth_is_in_most_intervals(told: tuple[Path, list[Chapter]]) -> None:
    folder = told[0] / FOLDER
    table = pd.read_csv(folder / "demand.csv").merge(pd.read_csv(folder / "truth.csv"), on="sku")
    truth = table["own_price_elasticity_y"]
    assert len(table) == 27 and set(table["rung"]) == {"instruments"}
    assert truth.between(table["elasticity_low"], table["elasticity_high"]).mean() >= 0.7
    naive, ours = (table[name] - truth for name in ("naive_elasticity", "own_price_elasticity_x"))
    assert abs(ours.mean()) < 0.15 < naive.mean(), "prices that follow busy weeks look harmless"


def test_the_same_seed_draws_the_same_sales_and_units_follow_the_truth() -> None:
    shop = made_up_shop()
    one, same, other = shop_sales(shop), shop_sales(shop), shop_sales(shop, seed=1)
    pd.testing.assert_frame_equal(one.sales, same.sales)
    assert not one.sales["units"].equals(other.sales["units"])
    products = one.products.set_index("sku")
    assert (products["unit_cost"] < products["price"]).all() and products["exit_date"].ne("").sum() == 3
    sku = products.index[0]
    slope = one.truth.set_index("sku").at[sku, "own_price_elasticity"]
    price = products.at[sku, "price"]
    now, then = (one.true_units({sku: at})[sku] for at in (price, 1.1 * price))
    assert np.log(then / now) / np.log(1.1) == pytest.approx(slope)


def test_a_shop_without_categories_is_refused() -> None:
    shop = made_up_shop()
    with pytest.raises(DataError, match="expected a shop with titles, prices and categories"):
        shop_sales(Shop("x", shop.listings, ColumnMap(title="name", price="cost"), shop.new_listings, "", ""))
    with pytest.raises(DataError, match="expected a category with 9 priced products"):
        shop_sales(Shop("x", shop.listings.head(5), COLUMNS, shop.new_listings, "", ""))
