"""Tests of the model, which ./test.sh runs."""

import unittest
from unittest.mock import patch

from scale import document, model


class Model(unittest.TestCase):
    def test_more_pages_never_need_less(self) -> None:
        needs = [model.need(pages) for pages in sorted(model.SIZES)]
        for less, more in zip(needs, needs[1:]):
            self.assertLess(less.price, more.price)
            self.assertLessEqual(less.disk_gb, more.disk_gb)
            for part, load in less.loads.items():
                if part != "Blob Storage" or more.pages != model.FRONT_DOOR_FROM:  # From there on, Front Door has most photos.
                    self.assertLessEqual(load, more.loads[part], part)

    def test_processors_are_those_of_the_measured_costs(self) -> None:
        # 1,000 searches and 1,000 other pages a second, all cached, without changes and photos.
        with (
            patch.multiple(model, LISTS=0.5, RESTAURANTS=0, SEARCHES=0.5, CACHED_US=100, SEARCH_US=700),
            patch.multiple(model, THUMBNAILS_SEEN=0, PHOTOS_SEEN=0),
        ):
            site, database = model._processors(2_000, changes=0, instances=1, misses=0, search_us=900)
        self.assertAlmostEqual(site, 0.1 + 0.7)
        self.assertAlmostEqual(database, 0.9)

    def test_changes_render_the_lists_again_in_every_instance(self) -> None:
        few, many = (model._processors(10_000, changes=10, instances=count, misses=0, search_us=900) for count in (1, 10))
        self.assertGreater(many[0], few[0])
        # At most every list is rendered.
        endless = model._processors(100, changes=1e6, instances=30, misses=0, search_us=900)[1]
        most = model.LISTS * model.LIST_DATABASE_US + model.RESTAURANTS * model.RESTAURANT_DATABASE_US + model.SEARCHES * 900
        self.assertAlmostEqual(endless - model.REVIEW_DATABASE_US, 100 * most / 1e6)

    def test_sizes_end_where_azure_ends(self) -> None:
        self.assertEqual(model._server(0.01, 0.1, 6, False), ("B1ms", model.B1MS))
        self.assertEqual(model._server(0.01, 0.1, 6, True)[0], "D2ds_v5")
        # Too many connections, too much data, too much work for the small ones.
        self.assertEqual(model._server(0.01, 0.1, 36, False)[0], "D2ds_v5")
        self.assertEqual(model._server(0.01, 60, 6, False)[0], "E2ds_v5")
        self.assertEqual(model._server(10, 1, 6, False)[0], "D32ds_v5")
        self.assertEqual(model._server(100, 1, 6, False)[0], "cluster of 3 × E96ds_v5")
        name, instances = model._plan(1_000, 1, 1e9)
        self.assertEqual(name, "P3v3")
        self.assertGreater(instances, model.INSTANCES["P"], "more than Azure offers is said, not hidden")

    def test_a_cheaper_search_needs_a_smaller_database(self) -> None:
        dear, cheap = model.need(1e8), model.need(1e8, search_us=model.CHEAP_SEARCH_US)
        self.assertLess(cheap.prices["database"], dear.prices["database"] / 10)
        self.assertEqual(cheap.prices["network"], dear.prices["network"])

    def test_a_small_site_costs_what_the_tutorial_deploys(self) -> None:
        small = model.need(1e4)
        self.assertEqual((small.plan, small.instances, small.database), ("B1", 1, "B1ms"))

    def test_the_document_has_the_table_of_these_inputs(self) -> None:
        text = document.DOCUMENT.read_text(encoding="utf-8")
        self.assertEqual(document.between(text, "model"), model.content(), "run ./benches/scale.sh model")


if __name__ == "__main__":
    unittest.main()
