//! Conditions on one field, settled column by column.

use jiff::Timestamp;

use super::Columns;
use super::page::{Column, Page};
use super::parts::Depends;
use crate::ast::Operator;
use crate::condition::{Condition, Constant, Scope, Term, Test};
use crate::datum::Datum;
use crate::window::Range;

/// How a condition is settled column by column.
#[derive(Debug, Clone)]
pub(super) enum Kernel {
    /// It is the same for everybody.
    Constant,
    Null {
        field: usize,
        wanted: bool,
    },
    Compare {
        field: usize,
        operator: Operator,
        with: f64,
    },
    Among {
        field: usize,
        numbers: Box<[f64]>,
        wanted: bool,
    },
    /// A window that is the same for everybody.
    Within {
        field: usize,
    },
    /// For each time.
    OfTime {
        field: usize,
    },
    /// Once for each distinct value.
    OfValue {
        field: usize,
    },
}

/// A kernel on a page.
pub(super) enum Prepared<'p> {
    Constant(bool),
    Null {
        values: &'p [Option<Datum<'p>>],
        wanted: bool,
    },
    Compare {
        numbers: &'p [f64],
        operator: Operator,
        with: f64,
    },
    Among {
        numbers: &'p [f64],
        among: &'p [f64],
        wanted: bool,
    },
    Within {
        times: &'p [Option<Timestamp>],
        range: Option<Range>,
    },
    OfTime {
        times: &'p [Option<Timestamp>],
        condition: &'p Condition,
        page: &'p Page<'p>,
    },
    /// Whether the condition holds for each value of a dictionary.
    OfValue {
        codes: &'p [u32],
        holds: Vec<bool>,
    },
}

impl Kernel {
    pub(super) fn of(condition: &Condition, depends: &Depends) -> Option<Kernel> {
        let Some(field) = depends.at_most_one_field()? else { return Some(Kernel::Constant) };
        let special = match condition {
            Condition::IsNull { term: Term::Field(_), wanted } => {
                Some(Kernel::Null { field, wanted: *wanted })
            }
            Condition::Test { test, wanted } => Kernel::of_test(field, test, *wanted),
            _ => None,
        };
        let of_values =
            || if depends.on_times { Kernel::OfTime { field } } else { Kernel::OfValue { field } };
        Some(special.unwrap_or_else(of_values))
    }

    fn of_test(field: usize, test: &Test, wanted: bool) -> Option<Kernel> {
        match test {
            Test::Ordered { left: Term::Field(_), operator, right } if wanted => {
                Some(Kernel::Compare { field, operator: *operator, with: number(right)? })
            }
            Test::Ordered { left, operator, right: Term::Field(_) } if wanted => {
                Some(Kernel::Compare { field, operator: mirrored(*operator), with: number(left)? })
            }
            Test::Equal(Term::Field(_), constant) | Test::Equal(constant, Term::Field(_)) => {
                let operator = if wanted { Operator::Equal } else { Operator::Unequal };
                Some(Kernel::Compare { field, operator, with: number(constant)? })
            }
            Test::Among { item: Term::Field(_), array: Term::List(items) } => {
                let numbers: Option<Box<[f64]>> = items.iter().map(number).collect();
                // An empty list may be one of anything.
                let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
                Some(Kernel::Among { field, numbers, wanted })
            }
            Test::Occurs { instant: Term::Field(_), window } if wanted => {
                let mut is_same_for_all = true;
                window.clone().parts(&mut |_| is_same_for_all = false);
                is_same_for_all.then_some(Kernel::Within { field })
            }
            _ => None,
        }
    }

    /// The field that it reads, and in which form.
    pub(super) fn reads(&self) -> Option<(usize, Columns)> {
        let none = Columns::default();
        match self {
            Kernel::Constant => None,
            Kernel::Null { field, .. } => Some((*field, none)),
            Kernel::Compare { field, .. } | Kernel::Among { field, .. } => {
                Some((*field, Columns { numbers: true, ..none }))
            }
            Kernel::Within { field } | Kernel::OfTime { field } => {
                Some((*field, Columns { times: true, ..none }))
            }
            Kernel::OfValue { field } => Some((*field, Columns { codes: true, ..none })),
        }
    }

    /// The kernel on a page, if that has the column that it takes.
    pub(super) fn prepare<'p>(
        &'p self,
        condition: &'p Condition,
        page: &'p Page<'p>,
    ) -> Option<Prepared<'p>> {
        let column = |field: &usize| page.column(*field);
        let numbers = |field| column(field)?.numbers.as_deref();
        let times = |field| column(field)?.times.as_deref();
        Some(match self {
            Kernel::Constant => Prepared::Constant(condition.evaluate(Scope::of_value(page, None))),
            Kernel::Null { field, wanted } => Prepared::Null { values: page.values(*field), wanted: *wanted },
            Kernel::Compare { field, operator, with } => {
                Prepared::Compare { numbers: numbers(field)?, operator: *operator, with: *with }
            }
            Kernel::Among { field, numbers: among, wanted } => {
                Prepared::Among { numbers: numbers(field)?, among, wanted: *wanted }
            }
            Kernel::Within { field } => {
                let Condition::Test { test: Test::Occurs { window, .. }, .. } = condition else {
                    return None;
                };
                let range = window.range_in(Scope::of_value(page, None));
                Prepared::Within { times: times(field)?, range }
            }
            Kernel::OfTime { field } => Prepared::OfTime { times: times(field)?, condition, page },
            Kernel::OfValue { field } => {
                let Column { codes: Some(codes), .. } = column(field)? else { return None };
                let holds = |value| condition.evaluate(Scope::of_value(page, value));
                let holds = codes.distinct.iter().copied().map(holds).collect();
                Prepared::OfValue { codes: &codes.codes, holds }
            }
        })
    }
}

impl Prepared<'_> {
    /// The answers for the 64 profiles of a word.
    pub(super) fn word(&self, word: usize) -> u64 {
        match self {
            Prepared::Constant(holds) => {
                if *holds {
                    u64::MAX
                } else {
                    0
                }
            }
            Prepared::Null { values, wanted } => bits(part(values, word), |value| value.is_none() == *wanted),
            Prepared::Compare { numbers, operator, with } => {
                let (numbers, with) = (part(numbers, word), *with);
                match operator {
                    Operator::Less => bits(numbers, |number| *number < with),
                    Operator::LessOrEqual => bits(numbers, |number| *number <= with),
                    Operator::Greater => bits(numbers, |number| *number > with),
                    Operator::GreaterOrEqual => bits(numbers, |number| *number >= with),
                    // Null is neither.
                    Operator::Unequal => bits(numbers, |number| !number.is_nan() && *number != with),
                    _ => bits(numbers, |number| *number == with),
                }
            }
            Prepared::Among { numbers, among, wanted } => {
                bits(part(numbers, word), |number| !number.is_nan() && among.contains(number) == *wanted)
            }
            Prepared::Within { times, range: Some(range) } => {
                bits(part(times, word), |time| time.is_some_and(|time| range.contains(time)))
            }
            Prepared::Within { range: None, .. } => 0,
            Prepared::OfTime { times, condition, page } => bits(part(times, word), |time| {
                condition.evaluate(Scope::of_value(page, time.map(Datum::Time)))
            }),
            Prepared::OfValue { codes, holds } => bits(part(codes, word), |code| {
                usize::try_from(*code).is_ok_and(|code| holds.get(code) == Some(&true))
            }),
        }
    }
}

/// The values of a word's profiles.
fn part<T>(values: &[T], word: usize) -> &[T] {
    let start = word.saturating_mul(64);
    let end = start.saturating_add(64).min(values.len());
    values.get(start..end).unwrap_or_default()
}

/// A bit for each value, the first one lowest.
fn bits<T>(values: &[T], holds: impl Fn(&T) -> bool) -> u64 {
    values.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(holds(value)))
}

/// The double that a literal is exactly.
fn number(term: &Term) -> Option<f64> {
    match term {
        Term::Constant(Constant(value)) => Datum::from(value).exact(),
        _ => None,
    }
}

/// The operator that says the same with its operands exchanged.
fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        same => same,
    }
}
