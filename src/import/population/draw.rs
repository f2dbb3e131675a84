//! The chances of the sample population, always the same: SplitMix64 from a seed. <https://prng.di.unimi.it/splitmix64.c>

/// A row of numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The row of one person: of a population's seed, and the person's place in it.
    pub fn new(seed: u64, place: u64) -> Self {
        let mut row = Self(seed ^ (place + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Neighbours begin close together, and one step parts them.
        row.next();
        row
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, [low, high]: [i64; 2]) -> i64 {
        let width = u64::try_from(high - low).unwrap_or(0) + 1;
        low + i64::try_from(self.next() % width).unwrap_or(0)
    }

    /// One of several; nothing where there are none.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(of.len()).ok()? - 1;
        let at = (last >= 0).then(|| self.between([0, last]))?;
        of.get(usize::try_from(at).ok()?)
    }

    /// Whether it happens that happens to so many of a hundred.
    pub fn happens(&mut self, percent: i64) -> bool {
        self.between([0, 99]) < percent
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
