//! Rows that cannot be used: one way for each code that a reader sets rows aside by, as far as the dataset has it.

use std::collections::BTreeMap;

use domain::schema::{Field, FieldType};
use domain::value::Value;
use records::Code;

use super::record::{Column, Maker};

/// One way to break a row, and the code by which the reader sets it aside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Breakage {
    pub(crate) code: Code,
    damage: Damage,
}

#[derive(Debug, Clone, PartialEq)]
enum Damage {
    /// The last cell is missing, or there is one too many.
    Width,
    /// A byte that is no UTF-8.
    Bytes,
    /// Another text in a cell.
    Cell(usize, String),
}

/// Every way to break a row of a dataset.
pub(crate) fn breakages(maker: &Maker<'_>) -> Vec<Breakage> {
    let whole = [Damage::Width, Damage::Bytes].map(|damage| Breakage { code: Code::CorruptRow, damage });
    let cells = maker.columns().iter().enumerate().flat_map(|(index, column)| {
        cells(column)
            .into_iter()
            .map(move |(code, text)| Breakage { code, damage: Damage::Cell(index, text) })
    });
    let mut breakages: Vec<Breakage> = whole.into_iter().chain(cells).collect();
    // By turns, so that few broken rows show many codes.
    let mut seen = BTreeMap::new();
    breakages.sort_by_cached_key(|breakage| {
        let turn = seen.entry(breakage.code).and_modify(|turn| *turn += 1).or_insert(0);
        (*turn, breakage.code)
    });
    breakages
}

fn cells(column: &Column<'_>) -> Vec<(Code, String)> {
    if column.is_time {
        return vec![(Code::InvalidTime, "yesterday".to_owned())];
    }
    if column.is_primary {
        return vec![(Code::MissingIdentity, String::new())];
    }
    let Some((path, field)) = column.field else { return Vec::new() };
    let mut cells = Vec::new();
    match field.kind {
        FieldType::String if field.allowed.is_empty() => {}
        FieldType::String => cells.push((Code::NotAllowed, unlisted(field))),
        _ => cells.push((Code::WrongType, "not known".to_owned())),
    }
    if field.allowed.is_empty() {
        let beyond = field.maximum.map(|most| most.floor() + 1.0);
        let below = field.minimum.map(|least| least.ceil() - 1.0);
        cells.extend(beyond.or(below).map(|number| (Code::OutOfRange, number.to_string())));
    }
    // Below an optional object what is required may be absent with the rest of it.
    if field.required && path.steps().count() == 1 {
        cells.push((Code::MissingRequired, String::new()));
    }
    cells
}

/// A text that is none of those allowed.
fn unlisted(field: &Field) -> String {
    let mut text = "something else".to_owned();
    while field.allowed.contains(&Value::String(text.clone())) {
        text.push('!');
    }
    text
}

impl Breakage {
    /// The cells of a row, broken.
    pub(crate) fn apply(&self, cells: Vec<String>) -> Vec<Vec<u8>> {
        let mut cells: Vec<Vec<u8>> = cells.into_iter().map(String::into_bytes).collect();
        match &self.damage {
            Damage::Width if cells.len() > 1 => drop(cells.pop()),
            Damage::Width => cells.push(Vec::new()),
            Damage::Bytes => {
                if let Some(last) = cells.last_mut() {
                    last.push(0xff);
                }
            }
            Damage::Cell(index, text) => {
                if let Some(cell) = cells.get_mut(*index) {
                    *cell = text.clone().into_bytes();
                }
            }
        }
        cells
    }
}
