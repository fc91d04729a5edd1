"""Tests of the budget check. Run: python3 -m unittest discover benches/instructions"""

import unittest

from budget import compare


def figures(**counts):
    return {"rustc": "1.0", "instructions per request": {"site": counts}}


class Budget(unittest.TestCase):
    def test_a_rise_of_more_than_5_percent_fails(self):
        report, passed = compare(figures(home=1000, details=1000), figures(home=1051, details=1050))
        self.assertFalse(passed)
        self.assertEqual(report.count("TOO MANY"), 1)
        self.assertRegex(report, r"home .* 1,051 +\+5\.1%  TOO MANY")
        self.assertIn("--update", report)

    def test_a_rise_of_5_percent_passes(self):
        report, passed = compare(figures(home=1000), figures(home=1050))
        self.assertTrue(passed)
        self.assertNotIn("--update", report)

    def test_a_fall_asks_for_a_lower_budget(self):
        report, passed = compare(figures(home=1000), figures(home=949))
        self.assertTrue(passed)
        self.assertIn("lower the budget", report)

    def test_a_page_without_budget_fails(self):
        report, passed = compare(figures(home=1000), figures(home=1000, new=10))
        self.assertFalse(passed)
        self.assertRegex(report, "new +is not in budget.json")

    def test_a_page_that_is_no_longer_measured_fails(self):
        report, passed = compare(figures(home=1000, old=10), figures(home=1000))
        self.assertFalse(passed)
        self.assertRegex(report, "old +is not in the measurement")
