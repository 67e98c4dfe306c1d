//! A plan on a page: a strip of profiles at a time, a bit for each.

use std::collections::BTreeMap;

use super::bits::{BITS, Bits, transpose};
use super::kernel::Prepared;
use super::page::Page;
use super::{Effort, Node, Plan, Planned, Reference};
use crate::condition::{Condition, Place, Scope};

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
        // Going through the plan costs the same for a strip of 64 profiles as for one of eight times as many.
        if self.rows() <= BITS { self.evaluate_strips::<1>() } else { self.evaluate_strips::<8>() }
    }

    fn evaluate_strips<const WORDS: usize>(&self) -> Answers {
        let width = self.plan.roots.len().div_ceil(BITS);
        let mut words = vec![0; self.rows().saturating_mul(width)];
        let mut evaluation = Evaluation::<WORDS>::new(self);
        let length = Bits::<WORDS>::LENGTH.saturating_mul(width).max(1);
        for (strip, answers) in words.chunks_mut(length).enumerate() {
            evaluation.settle_all(strip);
            evaluation.tell(answers, width);
        }
        Answers { width, words }
    }
}

/// What is known of a strip of profiles.
struct Evaluation<'p, const WORDS: usize> {
    plan: &'p Plan,
    page: &'p Page<'p>,
    /// The kernels on this page, by node; none, where it has no columns.
    prepared: Vec<Option<Prepared<'p>>>,
    /// Which strip.
    strip: usize,
    /// By node.
    settled: Vec<Settled<WORDS>>,
    /// By node, for whom it has no answer, where there is anybody.
    unanswered: BTreeMap<usize, Bits<WORDS>>,
}

/// What is known of a node.
#[derive(Clone, Copy)]
struct Settled<const WORDS: usize> {
    /// For whom it holds, among those for whom that is known.
    holds: Bits<WORDS>,
    known: Bits<WORDS>,
}

impl<const WORDS: usize> Settled<WORDS> {
    const NOTHING: Self = Settled { holds: Bits::NONE, known: Bits::NONE };
}

impl<'p, const WORDS: usize> Evaluation<'p, WORDS> {
    fn new(page: &'p Page<'p>) -> Self {
        let plan = page.plan;
        let prepared = if page.has_columns() {
            let kernel = |planned: &'p Planned| match (&planned.kernel, &planned.node) {
                (Some(kernel), Node::Condition(condition)) => kernel.prepare(condition, page),
                _ => None,
            };
            plan.nodes.iter().map(kernel).collect()
        } else {
            Vec::new()
        };
        let settled = vec![Settled::NOTHING; plan.nodes.len()];
        Evaluation { plan, page, prepared, strip: 0, settled, unanswered: BTreeMap::new() }
    }

    /// Settles every expression for the profiles of a strip, each after those that it refers to.
    fn settle_all(&mut self, strip: usize) {
        self.strip = strip;
        self.settled.fill(Settled::NOTHING);
        self.unanswered.clear();
        let all = Bits::first(self.page.rows().saturating_sub(self.row(0)));
        if self.page.has_columns() {
            self.settle_columns(all);
        }
        for root in &self.plan.roots {
            self.settle(*root, all);
        }
        if !self.unanswered.is_empty() {
            self.leave_out_unanswered();
        }
    }

    /// Has no expression hold for whom anything that it depends on has no answer, so that nobody is in an audience for not
    /// being in another of which that is unknown.
    fn leave_out_unanswered(&mut self) {
        for (root, walks) in self.plan.roots.iter().zip(&self.plan.walks) {
            let unanswered = walks.iter().filter_map(|number| self.unanswered.get(number));
            let unanswered = unanswered.fold(Bits::NONE, |all, some| all | *some);
            self.settled.get_mut(*root).into_iter().for_each(|own| own.holds = own.holds & !unanswered);
        }
    }

    /// Settles for all what takes no more than columns, each node after those that it joins: to ask who depends on it still
    /// takes longer than that.
    fn settle_columns(&mut self, all: Bits<WORDS>) {
        for (number, planned) in self.plan.nodes.iter().enumerate() {
            if planned.effort != Effort::Columns {
                continue;
            }
            let holds = |each: &usize| self.settled.get(*each).map_or(Bits::NONE, |settled| settled.holds);
            let (holds, known) = match &planned.node {
                Node::All(joined) => (joined.iter().map(holds).fold(all, |both, each| both & each), all),
                Node::Any(joined) => (joined.iter().map(holds).fold(Bits::NONE, |any, each| any | each), all),
                Node::Not(operand) => (all & !holds(operand), all),
                _ => self.found(number, all),
            };
            self.settled.get_mut(number).into_iter().for_each(|own| *own = Settled { holds, known });
        }
    }

    /// The row of a place in the strip.
    fn row(&self, place: usize) -> usize {
        self.strip.saturating_mul(Bits::<WORDS>::LENGTH).saturating_add(place)
    }

    /// For whom a node holds, among the `wanted`. How deep this goes is limited by how deep a text may be nested: an
    /// expression that is referred to is settled already.
    fn settle(&mut self, number: usize, wanted: Bits<WORDS>) -> Bits<WORDS> {
        let Some(Settled { holds, known }) = self.settled.get(number).copied() else { return Bits::NONE };
        let open = wanted & !known;
        if open.is_none() {
            return holds & wanted;
        }
        let (found, answered) = self.found(number, open);
        let settled = Settled { holds: holds | found, known: known | answered };
        self.settled.get_mut(number).into_iter().for_each(|own| *own = settled);
        settled.holds & wanted
    }

    /// For whom a node holds, and for whom that is known now: the `open` ones at least.
    fn found(&mut self, number: usize, open: Bits<WORDS>) -> (Bits<WORDS>, Bits<WORDS>) {
        let Some(planned) = self.plan.nodes.get(number) else { return (Bits::NONE, open) };
        let found = match &planned.node {
            Node::Constant(true) => open,
            Node::Constant(false) => Bits::NONE,
            Node::All(joined) => {
                let mut rest = open;
                for each in joined {
                    if rest.is_none() {
                        break;
                    }
                    rest = self.settle(*each, rest);
                }
                rest
            }
            Node::Any(joined) => {
                let mut rest = open;
                for each in joined {
                    if rest.is_none() {
                        break;
                    }
                    rest = rest & !self.settle(*each, rest);
                }
                open & !rest
            }
            Node::Not(operand) => open & !self.settle(*operand, open),
            Node::Known(audience) => open.filter(|place| self.is_known_member(*audience, place)),
            Node::Condition(condition) => match self.prepared.get(number) {
                Some(Some(prepared)) => return (prepared.strip(self.strip), Bits::ALL),
                _ => {
                    let mut answered = open;
                    let found = open.filter(|place| {
                        let holds = self.holds(condition, place);
                        if self.page.take_unanswered() {
                            answered = answered.filter(|other| other != place);
                        }
                        holds
                    });
                    let unanswered = open & !answered;
                    if !unanswered.is_none() {
                        let known = self.unanswered.entry(number).or_insert(Bits::NONE);
                        *known = *known | unanswered;
                    }
                    found
                }
            },
        };
        (found, open)
    }

    fn holds(&self, condition: &Condition, place: usize) -> bool {
        let audiences = |number: usize| match self.plan.audiences.get(number) {
            Some(Some(Reference::Expression(expression))) => {
                let root = self.plan.roots.get(*expression);
                let settled = root.and_then(|root| self.settled.get(*root));
                settled.is_some_and(|settled| settled.holds.has(place))
            }
            Some(Some(Reference::Known(audience))) => self.is_known_member(*audience, place),
            _ => false,
        };
        let (page, row) = (self.page, Place::Row(self.row(place)));
        condition.evaluate(Scope { page, place: row, event: None, audiences: &audiences })
    }

    fn is_known_member(&self, audience: usize, place: usize) -> bool {
        let subject = self.page.subject(self.row(place));
        subject.is_some_and(|subject| subject.audiences.get(audience) == Some(&true))
    }

    /// Writes down the answers, `width` words for each profile.
    fn tell(&self, answers: &mut [u64], width: usize) {
        for (number, answers) in answers.chunks_mut(BITS.saturating_mul(width).max(1)).enumerate() {
            let is_crowd = answers.len() > width.saturating_mul(8);
            for (place, roots) in self.plan.roots.chunks(BITS).enumerate() {
                let mut block = [0; BITS];
                for (word, root) in block.iter_mut().zip(roots) {
                    let holds = self.settled.get(*root).and_then(|settled| settled.holds.0.get(number));
                    *word = holds.copied().unwrap_or_default();
                }
                let rows = answers.chunks_exact_mut(width).filter_map(|row| row.get_mut(place));
                if is_crowd {
                    transpose(&mut block);
                    rows.zip(block).for_each(|(own, word)| *own = word);
                } else {
                    for (bit, own) in rows.enumerate() {
                        *own = block.iter().rev().fold(0, |bits, word| bits << 1 | (word >> bit & 1));
                    }
                }
            }
        }
    }
}
