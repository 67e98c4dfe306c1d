//! Conditions on one field, settled column by column.

use std::ops::Range;

use jiff::Timestamp;

use super::Field;
use super::bits::Bits;
use super::literals::Literals;
use super::page::{NO_TIME, Page};
use crate::ast::Operator;
use crate::condition::{Condition, Constant, Scope, Term, Test};
use crate::datum::Datum;

/// How a condition is settled column by column.
#[derive(Debug, Clone)]
pub(super) enum Kernel {
    /// It is the same for everybody.
    Constant,
    /// Whether it is one of some of the field's literals.
    AmongLiterals {
        field: usize,
        codes: Box<[u8]>,
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
    AmongLiterals {
        literals: &'p [u8],
        among: &'p [u8],
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
    /// Whether times lie in a range, or outside of it.
    Within {
        times: &'p [i128],
        range: Range<i128>,
        inside: bool,
    },
    OfTime {
        times: &'p [i128],
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
    /// How a condition is settled that depends on one field and nothing else; `on_times`, if on nothing of it but which times
    /// it has. The field is read in the form that it takes.
    pub(super) fn on(number: usize, field: &mut Field, condition: &Condition, on_times: bool) -> Kernel {
        let literals = Kernel::of_literals(number, &mut field.literals, condition);
        let special = literals.or_else(|| match condition {
            Condition::Test { test, wanted } => Kernel::of_test(number, test, *wanted),
            _ => None,
        });
        let of_values =
            if on_times { Kernel::OfTime { field: number } } else { Kernel::OfValue { field: number } };
        let kernel = special.unwrap_or(of_values);
        let forms = &mut field.forms;
        match &kernel {
            Kernel::Constant => {}
            Kernel::AmongLiterals { .. } => forms.literals = true,
            Kernel::Compare { .. } | Kernel::Among { .. } => forms.numbers = true,
            Kernel::Within { .. } | Kernel::OfTime { .. } => forms.times = true,
            Kernel::OfValue { .. } => forms.dictionary = true,
        }
        kernel
    }

    fn of_literals(field: usize, literals: &mut Literals, condition: &Condition) -> Option<Kernel> {
        let mut code = |literal: &Term| match literal {
            Term::Constant(Constant(value)) => literals.add(value),
            _ => None,
        };
        // Null is neither one of them nor another.
        let (codes, wanted) = match condition {
            Condition::Holds(Term::Field(_)) => (vec![Literals::FALSE, Literals::EMPTY], false),
            Condition::IsNull { term: Term::Field(_), wanted: true } => (vec![Literals::NULL], true),
            Condition::IsNull { term: Term::Field(_), wanted: false } => (Vec::new(), false),
            Condition::Test { test, wanted } => match test {
                Test::Equal(Term::Field(_), literal) | Test::Equal(literal, Term::Field(_)) => {
                    (vec![code(literal)?], *wanted)
                }
                Test::Among { item: Term::Field(_), array: Term::List(items) } => {
                    (items.iter().map(code).collect::<Option<_>>()?, *wanted)
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(Kernel::AmongLiterals { field, codes: codes.into(), wanted })
    }

    fn of_test(field: usize, test: &Test, wanted: bool) -> Option<Kernel> {
        match test {
            Test::Ordered { left: Term::Field(_), operator, right } if wanted => {
                Some(Kernel::Compare { field, operator: *operator, with: number(right)? })
            }
            Test::Ordered { left, operator, right: Term::Field(_) } if wanted => {
                Some(Kernel::Compare { field, operator: operator.mirrored(), with: number(left)? })
            }
            Test::Equal(Term::Field(_), constant) | Test::Equal(constant, Term::Field(_)) => {
                let operator = if wanted { Operator::Equal } else { Operator::Unequal };
                Some(Kernel::Compare { field, operator, with: number(constant)? })
            }
            Test::Among { item: Term::Field(_), array: Term::List(items) } => {
                let numbers = items.iter().map(number).collect::<Option<_>>()?;
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

    /// The kernel on a page, if that has the column that it takes.
    pub(super) fn prepare<'p>(
        &'p self,
        condition: &'p Condition,
        page: &'p Page<'p>,
    ) -> Option<Prepared<'p>> {
        let column = |field: &usize| page.column(*field);
        Some(match self {
            Kernel::Constant => Prepared::Constant(condition.evaluate(Scope::of_value(page, None))),
            Kernel::AmongLiterals { field, codes, wanted } => {
                Prepared::AmongLiterals { literals: &column(field)?.literals, among: codes, wanted: *wanted }
            }
            Kernel::Compare { field, operator, with } => {
                Prepared::Compare { numbers: column(field)?.numbers()?, operator: *operator, with: *with }
            }
            Kernel::Among { field, numbers: among, wanted } => {
                Prepared::Among { numbers: column(field)?.numbers()?, among, wanted: *wanted }
            }
            Kernel::Within { field } => {
                let Condition::Test { test: Test::Occurs { window, .. }, .. } = condition else {
                    return None;
                };
                match window.range_in(Scope::of_value(page, None)) {
                    Some(range) => {
                        let (range, inside) = range.nanoseconds();
                        Prepared::Within { times: &column(field)?.times, range, inside }
                    }
                    None => Prepared::Constant(false),
                }
            }
            Kernel::OfTime { field } => Prepared::OfTime { times: &column(field)?.times, condition, page },
            Kernel::OfValue { field } => {
                let dictionary = column(field)?.dictionary.as_ref()?;
                let holds = |value| condition.evaluate(Scope::of_value(page, value));
                let holds = dictionary.distinct.iter().copied().map(holds).collect();
                Prepared::OfValue { codes: &dictionary.codes, holds }
            }
        })
    }
}

impl Prepared<'_> {
    /// For which profiles of a strip the condition holds.
    pub(super) fn strip<const WORDS: usize>(&self, strip: usize) -> Bits<WORDS> {
        match self {
            Prepared::Constant(true) => Bits::ALL,
            Prepared::Constant(false) => Bits::NONE,
            Prepared::AmongLiterals { literals, among, wanted } => {
                let literals = part::<_, WORDS>(literals, strip);
                let found = Bits::among(literals, among);
                if *wanted { found } else { !found & Bits::of(literals, |code| *code != Literals::NULL) }
            }
            Prepared::Compare { numbers, operator, with } => {
                let with = *with;
                match operator {
                    Operator::Less => bits(numbers, strip, |number| *number < with),
                    Operator::LessOrEqual => bits(numbers, strip, |number| *number <= with),
                    Operator::Greater => bits(numbers, strip, |number| *number > with),
                    Operator::GreaterOrEqual => bits(numbers, strip, |number| *number >= with),
                    // Null is neither.
                    Operator::Unequal => bits(numbers, strip, |number| (*number < with) | (*number > with)),
                    _ => bits(numbers, strip, |number| *number == with),
                }
            }
            Prepared::Among { numbers, among, wanted } => {
                let numbers = part::<_, WORDS>(numbers, strip);
                let found = Bits::among(numbers, among);
                if *wanted { found } else { !found & Bits::of(numbers, |number| !number.is_nan()) }
            }
            Prepared::Within { times, range, inside } => bits(times, strip, |time| {
                let is_in = (range.start <= *time) & (*time < range.end);
                (is_in == *inside) & (*time != NO_TIME)
            }),
            Prepared::OfTime { times, condition, page } => bits(times, strip, |time| {
                let time = Timestamp::from_nanosecond(*time).ok().map(Datum::Time);
                condition.evaluate(Scope::of_value(page, time))
            }),
            Prepared::OfValue { codes, holds } => bits(codes, strip, |code| {
                usize::try_from(*code).is_ok_and(|code| holds.get(code) == Some(&true))
            }),
        }
    }
}

/// The profiles of a strip whose values are as wanted.
fn bits<T, const WORDS: usize>(values: &[T], strip: usize, holds: impl Fn(&T) -> bool) -> Bits<WORDS> {
    Bits::of(part::<_, WORDS>(values, strip), holds)
}

/// The values from the first profile of a strip on.
fn part<T, const WORDS: usize>(values: &[T], strip: usize) -> &[T] {
    values.get(strip.saturating_mul(Bits::<WORDS>::LENGTH)..).unwrap_or_default()
}

/// The double that a literal is exactly.
fn number(term: &Term) -> Option<f64> {
    match term {
        Term::Constant(Constant(value)) => Datum::from(value).exact(),
        _ => None,
    }
}
