//! A page of profiles, as columns.

use std::collections::HashMap;

use domain::value::Object;
use jiff::Timestamp;

use super::{Columns, Field, Plan};
use crate::condition::{Place, Scope};
use crate::datum::Datum;

/// A profile, or a visitor.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its merged attributes, as each of the views that the plan speaks of has them.
    pub attributes: &'a [Object],
    /// Its events that are known, in any order.
    pub events: &'a [Event<'a>],
    /// Whether it is a member of each of the audiences whose members are known.
    pub audiences: &'a [bool],
}

/// Something that somebody did.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// When: what an expression calls its `timestamp`.
    pub at: Timestamp,
    /// Its other fields, of which only those that an expression reads are asked for.
    pub fields: &'a Object,
}

/// Profiles that a plan is evaluated on, with the fields that it reads taken out of them once.
#[derive(Debug)]
pub struct Page<'a> {
    pub(crate) plan: &'a Plan,
    subjects: &'a [Subject<'a>],
    pub(crate) now: Timestamp,
    /// Every value of the first field, then every value of the next.
    values: Vec<Option<Datum<'a>>>,
    /// Other forms of the same, by field. A page of a few profiles has none.
    columns: Vec<Column<'a>>,
}

/// A field's values in the forms that kernels read.
#[derive(Debug, Default)]
pub(super) struct Column<'a> {
    pub(super) codes: Option<Codes<'a>>,
    /// Null is no number. There is no such column, if some value is no number, or is one that no double has.
    pub(super) numbers: Option<Vec<f64>>,
    pub(super) times: Option<Vec<Option<Timestamp>>>,
}

/// A dictionary, and where in it each value stands. Null is its first entry.
#[derive(Debug)]
pub(super) struct Codes<'a> {
    pub(super) distinct: Vec<Option<Datum<'a>>>,
    pub(super) codes: Vec<u32>,
}

/// What values are the same.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Boolean(bool),
    Integer(i64),
    Text(&'a str),
}

impl<'a> Page<'a> {
    /// For how many profiles columns pay.
    const LEAST: usize = 8;

    /// Takes what a plan reads out of profiles. `now` is the instant of evaluation, one and the same for a whole run: what
    /// happened at this very instant does not lie before it.
    pub fn new(plan: &'a Plan, subjects: &'a [Subject<'a>], now: Timestamp) -> Page<'a> {
        let mut values = Vec::with_capacity(plan.fields.len().saturating_mul(subjects.len()));
        for field in &plan.fields {
            values.extend(subjects.iter().map(|subject| field.of(subject)));
        }
        let mut page = Page { plan, subjects, now, values, columns: Vec::new() };
        if subjects.len() >= Self::LEAST {
            let fields = plan.fields.iter().enumerate();
            page.columns =
                fields.map(|(number, field)| Column::new(page.values(number), field.columns)).collect();
        }
        page
    }

    /// How many profiles there are.
    pub(super) fn rows(&self) -> usize {
        self.subjects.len()
    }

    pub(crate) fn subject(&self, row: usize) -> Option<&'a Subject<'a>> {
        self.subjects.get(row)
    }

    /// The value that a field has of a profile.
    pub(crate) fn value(&self, field: usize, row: usize) -> Option<Datum<'a>> {
        *self.values.get(field.checked_mul(self.rows())?.checked_add(row)?)?
    }

    pub(super) fn values(&self, field: usize) -> &[Option<Datum<'a>>] {
        let start = field.saturating_mul(self.rows());
        self.values.get(start..start.saturating_add(self.rows())).unwrap_or_default()
    }

    pub(super) fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    pub(super) fn column(&self, field: usize) -> Option<&Column<'a>> {
        self.columns.get(field)
    }
}

impl Plan {
    /// Whether an event is one that a chain of the plan asks for, whenever it happened. Others need not be kept to evaluate
    /// the plan.
    pub fn wants(&self, subject: &Subject<'_>, event: &Event<'_>, now: Timestamp) -> bool {
        if self.chains.is_empty() {
            return false;
        }
        let page = Page::new(self, std::slice::from_ref(subject), now);
        let scope = Scope { page: &page, place: Place::Row(0), event: Some(event), audiences: &|_| false };
        self.chains.iter().any(|chain| chain.wants(scope))
    }
}

impl Field {
    fn of<'a>(&self, subject: &Subject<'a>) -> Option<Datum<'a>> {
        self.path.follow(subject.attributes.get(self.view)?).map(Datum::from)
    }
}

impl<'a> Column<'a> {
    fn new(values: &[Option<Datum<'a>>], wanted: Columns) -> Column<'a> {
        Column {
            codes: wanted.codes.then(|| Codes::new(values)),
            numbers: wanted.numbers.then(|| values.iter().copied().map(number).collect()).flatten(),
            times: wanted.times.then(|| values.iter().map(|value| value.and_then(Datum::time)).collect()),
        }
    }
}

impl<'a> Codes<'a> {
    fn new(values: &[Option<Datum<'a>>]) -> Codes<'a> {
        let mut distinct = vec![None];
        let mut known = HashMap::new();
        let code = |value: &Option<Datum<'a>>| {
            let Some(datum) = value else { return 0 };
            let next = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
            let code = match Key::of(*datum) {
                Some(key) => *known.entry(key).or_insert(next),
                None => next,
            };
            if code == next {
                distinct.push(*value);
            }
            code
        };
        let codes = values.iter().map(code).collect();
        Codes { distinct, codes }
    }
}

impl<'a> Key<'a> {
    fn of(datum: Datum<'a>) -> Option<Key<'a>> {
        match datum {
            Datum::Boolean(boolean) => Some(Key::Boolean(boolean)),
            Datum::Integer(number) => Some(Key::Integer(number)),
            Datum::Text(text) => Some(Key::Text(text)),
            _ => None,
        }
    }
}

/// A value as a double, if it is null or a number that one has.
fn number(value: Option<Datum<'_>>) -> Option<f64> {
    value.map_or(Some(f64::NAN), Datum::exact)
}
