#!/usr/bin/env python3
"""The verdict of a soak over made-up series: real leaks are seen, warm-ups and sawteeth are not taken for one."""
import random
import unittest

import verdict

LEVELS = {"rss_kib": 60_000, "descriptors": 90, "database_kib": 2_000, "gateway_kib": 400, "journal_rows": 2_000,
          "tombstones": 300, "wal_kib": 9_000, "gateway_wal_kib": 4_100}


def samples(minutes=60, seed=1, **series):
    """Sixty samples of noisy levels; `series` are functions of the part of the run that has passed."""
    noise = random.Random(seed)
    made = []
    for number in range(1, 61):
        part = number / 60
        sample = {"seconds": part * minutes * 60}
        for name, level in LEVELS.items():
            value = series[name](part) if name in series else level
            sample[name] = value * noise.uniform(0.98, 1.02)
        made.append(sample)
    return made


def not_well(made):
    return [row[0] for row in verdict.judge(made) if not row[-1]]


class VerdictTest(unittest.TestCase):
    def test_noise_is_flat(self):
        for seed in range(50):
            self.assertEqual(not_well(samples(seed=seed)), [])

    def test_every_leak_is_seen(self):
        # Of an hour: 30 MiB of memory, a descriptor every two minutes, half as much again of anything else.
        grown = {"rss_kib": 30 * 1024, "descriptors": 30, "database_kib": 4_000, "gateway_kib": 2_000,
                 "journal_rows": 4_000, "tombstones": 1_000, "wal_kib": 20 * 1024, "gateway_wal_kib": 3 * 1024}
        for name, more in grown.items():
            leak = lambda part, name=name, more=more: LEVELS[name] + more * part
            self.assertEqual(not_well(samples(**{name: leak})), [name])

    def test_what_the_table_says_would_show_does(self):
        for minutes in (10, 60):
            for name, before, after, allowed, rate, is_well in verdict.judge(samples(minutes=minutes)):
                leak = lambda part: LEVELS[name] + 1.2 * rate * part * minutes / 60
                self.assertEqual(not_well(samples(minutes=minutes, **{name: leak})), [name])

    def test_a_warm_up_is_no_leak(self):
        warm = lambda name: lambda part: LEVELS[name] * min(1, 0.2 + 4 * part)
        self.assertEqual(not_well(samples(**{name: warm(name) for name in LEVELS})), [])

    def test_a_wal_file_that_fills_up_to_its_bound_is_no_leak(self):
        fills = lambda bound: lambda part: min(bound, 200 + part * 2 * bound)
        self.assertEqual(not_well(samples(wal_kib=fills(17 * 1024), gateway_wal_kib=fills(4_030))), [])
        sawtooth = lambda part: part * 10 % 1 * 16 * 1024
        self.assertEqual(not_well(samples(wal_kib=sawtooth)), [])

    def test_a_peak_beyond_the_bound_is_seen_however_short(self):
        peak = lambda part: 40 * 1024 if 0.5 < part < 0.53 else 9_000
        self.assertEqual(not_well(samples(wal_kib=peak)), ["wal_kib"])

    def test_the_table_names_what_grows(self):
        said = verdict.table(verdict.judge(samples(descriptors=lambda part: 90 + 60 * part)))
        self.assertIn("GROWS", said)
        self.assertEqual(said.count("flat"), len(verdict.GROWTHS) - 1)
        self.assertEqual(said.count("bounded"), len(verdict.BOUNDS))

    def test_too_few_samples_say_nothing(self):
        self.assertRaises(ValueError, verdict.judge, samples()[:1])


if __name__ == "__main__":
    unittest.main()
