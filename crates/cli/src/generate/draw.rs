//! Chance that repeats itself: a choice is a function of the seed and of what it is for.

/// A place in a tree of choices. Equal places choose alike; different ones have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn of(seed: u64) -> Draw {
        Draw(mix(seed))
    }

    /// The place below this one that a number leads to.
    pub(crate) fn number(self, number: u64) -> Draw {
        Draw(mix(self.0 ^ mix(number)))
    }

    /// The place below this one that a word leads to.
    pub(crate) fn word(self, word: &str) -> Draw {
        // FNV-1a: short, and the same on every machine.
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.number(hash)
    }

    /// 64 bits.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(self, end: u64) -> u64 {
        self.0.checked_rem(end).unwrap_or(0)
    }

    /// One of the items.
    pub(crate) fn pick<T>(self, items: &[T]) -> Option<&T> {
        items.get(usize::try_from(self.below(items.len() as u64)).unwrap_or(0))
    }
}

/// The finaliser of SplitMix64: every bit of the input changes about half of the output's.
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_places_choose_alike_and_others_differ() {
        let draw = Draw::of(7);
        assert_eq!(draw.word("tier").number(3), Draw::of(7).word("tier").number(3));
        assert_ne!(draw.word("tier").number(3), draw.word("tier").number(4));
        assert_ne!(draw.number(3).word("tier"), draw.word("tier").number(3));
        assert_ne!(Draw::of(7), Draw::of(8));
    }

    #[test]
    fn choices_are_spread_evenly() {
        let draw = Draw::of(1);
        let mut counts = [0; 10];
        for number in 0..10_000 {
            counts[usize::try_from(draw.number(number).below(10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
