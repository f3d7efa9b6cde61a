use std::cell::Cell;

/// Each power of two is divided into this many buckets, which are thus under 1 % wide.
const BUCKETS_LOG2: u32 = 7;
const BUCKETS: u64 = 1 << BUCKETS_LOG2;

/// Counts times by log-linear buckets.
pub struct Histogram {
    counts: Vec<Cell<u64>>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![Cell::new(0); ((u64::BITS - BUCKETS_LOG2) as usize + 1) << BUCKETS_LOG2] }
    }
}

impl Histogram {
    #[inline]
    pub fn record(&self, ns: i64) {
        let value = ns.max(1) as u64;
        let shift = (value.ilog2() + 1).saturating_sub(BUCKETS_LOG2 + 1);
        let count = &self.counts[((u64::from(shift) << BUCKETS_LOG2) + (value >> shift)) as usize];
        count.set(count.get() + 1);
    }

    pub fn clear(&self) {
        self.counts.iter().for_each(|count| count.set(0));
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().map(Cell::get).sum()
    }

    /// The upper bound and the count of each bucket that has any, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counted = self.counts.iter().map(Cell::get).enumerate().filter(|&(_, count)| count > 0);
        counted.map(|(index, count)| (upper_bound(index as u64), count))
    }
}

fn upper_bound(index: u64) -> u64 {
    if index < 2 * BUCKETS {
        return index;
    }
    let shift = (index >> BUCKETS_LOG2) - 1;
    ((index % BUCKETS + BUCKETS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_report_an_upper_bound_within_one_percent() {
        for ns in (1..5_000).chain([99_999, 1_000_000, 123_456_789, i64::MAX / 2]) {
            let histogram = Histogram::default();
            histogram.record(ns);
            let (bound, count) = histogram.buckets().next().unwrap();
            assert_eq!(count, 1);
            assert!(bound >= ns as u64 && bound as f64 <= ns as f64 * 1.01, "{ns}: {bound}");
        }
    }
}
