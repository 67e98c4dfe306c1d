//! A plan on a page: 64 profiles at a time, a bit for each.

use super::kernel::Prepared;
use super::page::Page;
use super::{Node, Plan, Reference};
use crate::condition::{Condition, Place, Scope};

/// For how many profiles at once a word has bits.
const BITS: usize = 64;

/// Which expressions of a plan hold for which profiles of a page.
#[derive(Debug)]
pub struct Answers {
    /// How many words a profile has.
    width: usize,
    /// A bit for each expression, profile after profile.
    words: Vec<u64>,
}

impl Answers {
    /// Whether an expression holds for a profile.
    pub fn holds(&self, expression: usize, row: usize) -> bool {
        self.of(row).get(expression / BITS).is_some_and(|word| word >> (expression % BITS) & 1 == 1)
    }

    /// A bit for each expression: whether it holds for a profile.
    pub fn of(&self, row: usize) -> &[u64] {
        let start = row.saturating_mul(self.width);
        self.words.get(start..start.saturating_add(self.width)).unwrap_or_default()
    }
}

impl Page<'_> {
    /// Evaluates every expression of the plan for every profile.
    pub fn evaluate(&self) -> Answers {
        let width = self.plan.roots.len().div_ceil(BITS);
        let mut words = vec![0; self.rows().saturating_mul(width)];
        let mut evaluation = Evaluation::new(self);
        for (word, answers) in words.chunks_mut(BITS.saturating_mul(width).max(1)).enumerate() {
            evaluation.settle_all(word);
            evaluation.tell(answers, width);
        }
        Answers { width, words }
    }
}

/// What is known of 64 profiles.
struct Evaluation<'p> {
    plan: &'p Plan,
    page: &'p Page<'p>,
    /// The kernels on this page, by node; none, where it has no columns.
    prepared: Vec<Option<Prepared<'p>>>,
    /// Which 64 profiles.
    word: usize,
    /// By node.
    settled: Vec<Settled>,
}

/// What is known of a node.
#[derive(Clone, Copy, Default)]
struct Settled {
    /// For whom it holds, among those for whom that is known.
    holds: u64,
    known: u64,
}

impl<'p> Evaluation<'p> {
    fn new(page: &'p Page<'p>) -> Evaluation<'p> {
        let plan = page.plan;
        let prepared = if page.has_columns() {
            let kernel = |planned: &'p super::Planned| match (&planned.kernel, &planned.node) {
                (Some(kernel), Node::Condition(condition)) => kernel.prepare(condition, page),
                _ => None,
            };
            plan.nodes.iter().map(kernel).collect()
        } else {
            Vec::new()
        };
        Evaluation { plan, page, prepared, word: 0, settled: vec![Settled::default(); plan.nodes.len()] }
    }

    /// Settles every expression for the profiles of a word, each after those that it refers to.
    fn settle_all(&mut self, word: usize) {
        let rows = self.page.rows().saturating_sub(word.saturating_mul(BITS)).min(BITS);
        let all = if rows == BITS { u64::MAX } else { (1 << rows) - 1 };
        self.word = word;
        self.settled.fill(Settled::default());
        for root in &self.plan.roots {
            self.settle(*root, all);
        }
    }

    /// For whom a node holds, among the `wanted`. How deep this goes is limited by how deep a text may be nested: an
    /// expression that is referred to is settled already.
    fn settle(&mut self, number: usize, wanted: u64) -> u64 {
        let Some(Settled { holds, known }) = self.settled.get(number).copied() else { return 0 };
        let open = wanted & !known;
        if open == 0 {
            return holds & wanted;
        }
        let (found, answered) = self.found(number, open);
        let settled = Settled { holds: holds | found, known: known | answered };
        self.settled.get_mut(number).into_iter().for_each(|own| *own = settled);
        settled.holds & wanted
    }

    /// For whom a node holds, and for whom that is known now: the `open` ones at least.
    fn found(&mut self, number: usize, open: u64) -> (u64, u64) {
        let Some(planned) = self.plan.nodes.get(number) else { return (0, open) };
        let found = match &planned.node {
            Node::Constant(constant) => {
                if *constant {
                    open
                } else {
                    0
                }
            }
            Node::All(joined) => {
                let mut rest = open;
                for each in joined {
                    if rest == 0 {
                        break;
                    }
                    rest = self.settle(*each, rest);
                }
                rest
            }
            Node::Any(joined) => {
                let mut rest = open;
                for each in joined {
                    if rest == 0 {
                        break;
                    }
                    rest &= !self.settle(*each, rest);
                }
                open & !rest
            }
            Node::Not(operand) => open & !self.settle(*operand, open),
            Node::Known(audience) => self.each(open, |row, _| self.is_known_member(*audience, row)),
            Node::Condition(condition) => match self.prepared.get(number) {
                Some(Some(prepared)) => return (prepared.word(self.word), u64::MAX),
                _ => self.each(open, |row, bit| self.holds(condition, row, bit)),
            },
        };
        (found, open)
    }

    /// Asks a question of each of the `open` profiles, by its row and its bit.
    fn each(&self, open: u64, holds: impl Fn(usize, u32) -> bool) -> u64 {
        let mut found = 0;
        let mut rest = open;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            let row = self.word * BITS + usize::try_from(bit).unwrap_or_default();
            found |= u64::from(holds(row, bit)) << bit;
        }
        found
    }

    fn holds(&self, condition: &Condition, row: usize, bit: u32) -> bool {
        let audiences = |number: usize| match self.plan.audiences.get(number) {
            Some(Some(Reference::Expression(expression))) => {
                let root = self.plan.roots.get(*expression);
                let settled = root.and_then(|root| self.settled.get(*root));
                settled.is_some_and(|settled| settled.holds >> bit & 1 == 1)
            }
            Some(Some(Reference::Known(audience))) => self.is_known_member(*audience, row),
            _ => false,
        };
        let (page, place) = (self.page, Place::Row(row));
        condition.evaluate(Scope { page, place, event: None, audiences: &audiences })
    }

    fn is_known_member(&self, audience: usize, row: usize) -> bool {
        self.page.subject(row).is_some_and(|subject| subject.audiences.get(audience) == Some(&true))
    }

    /// Writes down the answers, `width` words for each profile.
    fn tell(&self, answers: &mut [u64], width: usize) {
        let is_crowd = answers.len() > width.saturating_mul(8);
        for (place, roots) in self.plan.roots.chunks(BITS).enumerate() {
            let mut block = [0; BITS];
            for (word, root) in block.iter_mut().zip(roots) {
                *word = self.settled.get(*root).map_or(0, |settled| settled.holds);
            }
            let rows = answers.chunks_exact_mut(width);
            if is_crowd {
                transpose(&mut block);
                let rows = rows.zip(block);
                rows.for_each(|(row, word)| row.get_mut(place).into_iter().for_each(|own| *own = word));
            } else {
                for (bit, row) in rows.enumerate() {
                    let bits = block.iter().rev().fold(0, |bits, word| bits << 1 | (word >> bit & 1));
                    row.get_mut(place).into_iter().for_each(|own| *own = bits);
                }
            }
        }
    }
}

/// Exchanges the rows and the columns of a square of bits: halves first, then halves of these.
fn transpose(block: &mut [u64; BITS]) {
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
