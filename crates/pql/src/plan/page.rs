//! A page of profiles, as columns.

use std::cell::Cell;
use std::collections::HashMap;

use domain::value::Object;
use jiff::Timestamp;

use super::literals::Literals;
use super::{Field, Forms, Plan};
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
    taken: Taken<'a>,
    /// Whether a condition went without an answer since that was asked last.
    unanswered: Cell<bool>,
}

/// What was taken out of profiles. Each is gone through once, as long as the processor has it at hand.
#[derive(Debug)]
enum Taken<'a> {
    /// Every value of the first of a few profiles, then every value of the next.
    Rows(Vec<Option<Datum<'a>>>),
    /// By field.
    Columns(Vec<Column<'a>>),
}

/// A field's values in the forms in which the plan reads it. Those that it does not are empty.
#[derive(Debug)]
pub(super) struct Column<'a> {
    values: Vec<Option<Datum<'a>>>,
    /// Which of the [`Literals`] each value is.
    pub(super) literals: Vec<u8>,
    /// Null is no number.
    numbers: Vec<f64>,
    /// Whether all values are null or numbers that a double is exactly.
    is_exact: bool,
    /// Nanoseconds since 1970, or [`NO_TIME`].
    pub(super) times: Vec<i128>,
    pub(super) dictionary: Option<Dictionary<'a>>,
}

/// What stands among times for a value that is none. No instant is as many nanoseconds before 1970.
pub(super) const NO_TIME: i128 = i128::MIN;

/// The distinct values, and where among them each value stands. Null is the first.
#[derive(Debug)]
pub(super) struct Dictionary<'a> {
    pub(super) distinct: Vec<Option<Datum<'a>>>,
    known: HashMap<Key<'a>, u32>,
    pub(super) codes: Vec<u32>,
}

/// What values are the same.
#[derive(Debug, PartialEq, Eq, Hash)]
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
        let taken = if subjects.len() < Self::LEAST {
            Taken::Rows(rows(plan, subjects))
        } else {
            Taken::Columns(columns(plan, subjects))
        };
        Page { plan, subjects, now, taken, unanswered: Cell::new(false) }
    }

    /// Notes that a condition has no answer, and takes it not to hold for the time being.
    pub(crate) fn go_without_answer(&self) -> bool {
        self.unanswered.set(true);
        false
    }

    /// Whether a condition went without an answer since this was asked last.
    pub(super) fn take_unanswered(&self) -> bool {
        self.unanswered.take()
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
        match &self.taken {
            Taken::Rows(values) => {
                *values.get(row.checked_mul(self.plan.fields.len())?.checked_add(field)?)?
            }
            Taken::Columns(columns) => match columns.get(field)?.values.get(row) {
                Some(value) => *value,
                // It is read in another form, but not all values have that.
                None => self.plan.fields.get(field)?.of(self.subjects.get(row)?),
            },
        }
    }

    pub(super) fn has_columns(&self) -> bool {
        matches!(self.taken, Taken::Columns(_))
    }

    pub(super) fn column(&self, field: usize) -> Option<&Column<'a>> {
        match &self.taken {
            Taken::Rows(_) => None,
            Taken::Columns(columns) => columns.get(field),
        }
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

    /// Shows the fields that a profile has, with their values.
    fn read<'a>(&self, subject: &Subject<'a>, mut see: impl FnMut(usize, Datum<'a>)) {
        for (view, members) in &self.views {
            if let Some(attributes) = subject.attributes.get(*view) {
                members.read(attributes, &mut |field, value| see(field, value.into()));
            }
        }
    }
}

fn rows<'a>(plan: &Plan, subjects: &[Subject<'a>]) -> Vec<Option<Datum<'a>>> {
    let width = plan.fields.len();
    let mut values = vec![None; width.saturating_mul(subjects.len())];
    for (subject, values) in subjects.iter().zip(values.chunks_exact_mut(width.max(1))) {
        plan.read(subject, |field, value| {
            values.get_mut(field).into_iter().for_each(|own| *own = Some(value));
        });
    }
    values
}

fn columns<'a>(plan: &Plan, subjects: &[Subject<'a>]) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> =
        plan.fields.iter().map(|field| Column::of_nulls(field.forms, subjects.len())).collect();
    for (row, subject) in subjects.iter().enumerate() {
        plan.read(subject, |number, value| {
            if let (Some(column), Some(field)) = (columns.get_mut(number), plan.fields.get(number)) {
                column.put(row, value, &field.literals);
            }
        });
    }
    columns
}

impl Field {
    fn of<'a>(&self, subject: &Subject<'a>) -> Option<Datum<'a>> {
        self.path.follow(subject.attributes.get(self.view)?).map(Datum::from)
    }
}

impl<'a> Column<'a> {
    fn of_nulls(wanted: Forms, rows: usize) -> Column<'a> {
        let length = |is_wanted: bool| if is_wanted { rows } else { 0 };
        Column {
            values: vec![None; length(wanted.values)],
            literals: vec![Literals::NULL; length(wanted.literals)],
            numbers: vec![f64::NAN; length(wanted.numbers)],
            is_exact: true,
            times: vec![NO_TIME; length(wanted.times)],
            dictionary: wanted.dictionary.then(|| Dictionary::of_nulls(rows)),
        }
    }

    fn put(&mut self, row: usize, value: Datum<'a>, literals: &Literals) {
        if let Some(own) = self.values.get_mut(row) {
            *own = Some(value);
        }
        if let Some(own) = self.literals.get_mut(row) {
            *own = literals.code(value);
        }
        if let Some(own) = self.numbers.get_mut(row) {
            match value.exact() {
                Some(number) => *own = number,
                None => self.is_exact = false,
            }
        }
        if let Some(own) = self.times.get_mut(row) {
            *own = value.time().map_or(NO_TIME, Timestamp::as_nanosecond);
        }
        if let Some(dictionary) = &mut self.dictionary {
            dictionary.put(row, value);
        }
    }

    /// The values as doubles, if they are some.
    pub(super) fn numbers(&self) -> Option<&[f64]> {
        self.is_exact.then_some(&self.numbers)
    }
}

impl<'a> Dictionary<'a> {
    fn of_nulls(rows: usize) -> Dictionary<'a> {
        Dictionary { distinct: vec![None], known: HashMap::new(), codes: vec![0; rows] }
    }

    fn put(&mut self, row: usize, value: Datum<'a>) {
        let next = u32::try_from(self.distinct.len()).unwrap_or(u32::MAX);
        let code = match Key::of(value) {
            Some(key) => *self.known.entry(key).or_insert(next),
            None => next,
        };
        if code == next {
            self.distinct.push(Some(value));
        }
        self.codes.get_mut(row).into_iter().for_each(|own| *own = code);
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
