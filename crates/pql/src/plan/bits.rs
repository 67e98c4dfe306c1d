//! Sets of profiles: a bit for each.

use std::ops::{BitAnd, BitOr, Not};

/// For how many profiles a word has bits.
pub(super) const BITS: usize = 64;

/// Some of 64 profiles for each word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<const WORDS: usize>(pub(super) [u64; WORDS]);

impl<const WORDS: usize> Bits<WORDS> {
    pub(super) const NONE: Self = Bits([0; WORDS]);
    pub(super) const ALL: Self = Bits([u64::MAX; WORDS]);
    /// For how many profiles there are bits.
    pub(super) const LENGTH: usize = WORDS * BITS;

    /// So many, from the first one on.
    pub(super) fn first(count: usize) -> Self {
        Bits(std::array::from_fn(|word| match count.saturating_sub(word * BITS) {
            BITS.. => u64::MAX,
            rest => (1 << rest) - 1,
        }))
    }

    /// Those whose values are as wanted.
    pub(super) fn of<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Self {
        Self::by_words(values, |values, bytes| mark(values, bytes, &holds))
    }

    /// Those whose values are some of a few.
    pub(super) fn among<T: PartialEq>(values: &[T], few: &[T]) -> Self {
        Self::by_words(values, |values, bytes| {
            few.iter().for_each(|one| mark(values, bytes, |value| value == one));
        })
    }

    fn by_words<T>(values: &[T], mark: impl Fn(&[T], &mut [u8; BITS])) -> Self {
        let mut bits = Self::NONE;
        for (word, values) in bits.0.iter_mut().zip(values.chunks(BITS)) {
            let mut bytes = [0; BITS];
            mark(values, &mut bytes);
            *word = gathered(&bytes);
        }
        bits
    }

    pub(super) fn is_none(self) -> bool {
        self.0.iter().fold(0, |all, word| all | word) == 0
    }

    /// Whether the profile of a place is among them.
    pub(super) fn has(self, place: usize) -> bool {
        self.0.get(place / BITS).is_some_and(|word| word >> (place % BITS) & 1 == 1)
    }

    /// Those of whom it is true, by their places.
    pub(super) fn filter(self, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut found = self;
        for (number, word) in found.0.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                if !holds(number * BITS + usize::try_from(bit).unwrap_or_default()) {
                    *word &= !(1 << bit);
                }
            }
        }
        found
    }
}

impl<const WORDS: usize> BitAnd for Bits<WORDS> {
    type Output = Self;

    fn bitand(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own &= other);
        self
    }
}

impl<const WORDS: usize> BitOr for Bits<WORDS> {
    type Output = Self;

    fn bitor(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
        self
    }
}

impl<const WORDS: usize> Not for Bits<WORDS> {
    type Output = Self;

    fn not(self) -> Self {
        Bits(self.0.map(|word| !word))
    }
}

/// Sets the byte of each value that is as wanted. It is a loop without branches, of which the compiler makes vector
/// instructions where it knows how long it is.
fn mark<T>(values: &[T], bytes: &mut [u8; BITS], holds: impl Fn(&T) -> bool) {
    let tell = |(byte, value): (&mut u8, &T)| *byte |= u8::from(holds(value));
    match values.first_chunk::<BITS>() {
        Some(values) => bytes.iter_mut().zip(values).for_each(tell),
        None => bytes.iter_mut().zip(values).for_each(tell),
    }
}

/// The lowest bit of each byte, that of the first one lowest.
fn gathered(bytes: &[u8; BITS]) -> u64 {
    /// Moves the lowest bits of eight bytes to the highest byte, each to a place of its own.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks();
    let gathered = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> (BITS - 8);
    eights.iter().rev().fold(0, |word, eight| word << 8 | gathered(eight))
}

/// Exchanges the rows and the columns of a square of bits: halves first, then halves of these.
pub(super) fn transpose(block: &mut [u64; BITS]) {
    let (mut width, mut mask) = (BITS / 2, u64::MAX >> (BITS / 2));
    while width > 0 {
        for pair in block.chunks_exact_mut(2 * width) {
            let (upper, lower) = pair.split_at_mut(width);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let exchanged = (*upper >> width ^ *lower) & mask;
                *lower ^= exchanged;
                *upper ^= exchanged << width;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_bit_of_its_place() {
        for count in [0, 1, 7, 8, 63, 64, 65, 127, 128, 200] {
            let values: Vec<usize> = (0..count).collect();
            let wanted = |value: &usize| value.is_multiple_of(3) || *value == 64;
            let bits = Bits::<2>::of(&values, wanted);
            let asked = Bits::<2>::first(count).filter(|place| wanted(&place));
            for place in 0..200 {
                let holds = place < count.min(128) && wanted(&place);
                assert_eq!((bits.has(place), asked.has(place)), (holds, holds), "{place} of {count}");
            }
        }
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let mut block: [u64; BITS] =
            std::array::from_fn(|row| 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(row as u64 + 1));
        let before = block;
        transpose(&mut block);
        for (row, word) in block.iter().enumerate() {
            for (column, before) in before.iter().enumerate() {
                assert_eq!(word >> column & 1, before >> row & 1, "{row} {column}");
            }
        }
    }
}
