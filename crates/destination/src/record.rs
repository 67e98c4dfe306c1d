//! What goes in and what comes out of encoding: mapped source values, and cells exactly as they will be sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Mapped source values: target key -> clear or hashed text.
pub type Source = BTreeMap<String, String>;

/// One member in a vendor's words: target key -> cell, exactly as it will be sent. Cells are never empty.
///
/// The sender keeps what it sent, so that a changed mapping or a changed e-mail can withdraw precisely that.
/// Stored as a map; keys come back in order.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    // Sorted by key. Plugins know their keys at compile time, so that a record costs one allocation per cell.
    cells: Vec<(Cow<'static, str>, String)>,
}

impl Record {
    /// A record without cells, with room for some.
    pub fn with_capacity(cells: usize) -> Self {
        Self { cells: Vec::with_capacity(cells) }
    }

    /// Puts a cell, in place of one of the same key. An empty cell is none.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, cell: String) {
        if cell.is_empty() {
            return;
        }
        let key = key.into();
        match self.cells.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(index) => {
                if let Some((_, old)) = self.cells.get_mut(index) {
                    *old = cell;
                }
            }
            Err(index) => self.cells.insert(index, (key, cell)),
        }
    }

    /// The cell of that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let index = self.cells.binary_search_by(|(other, _)| other.as_ref().cmp(key)).ok()?;
        self.cells.get(index).map(|(_, cell)| cell.as_str())
    }

    /// Keys and cells, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cells.iter().map(|(key, cell)| (key.as_ref(), cell.as_str()))
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

// Hashed or not, a cell is about a person: a record that is logged by mistake shows its keys alone.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record")?;
        f.debug_set().entries(self.cells.iter().map(|(key, _)| key)).finish()
    }
}

impl<K: Into<Cow<'static, str>>> FromIterator<(K, String)> for Record {
    fn from_iter<I: IntoIterator<Item = (K, String)>>(cells: I) -> Self {
        let mut record = Record::default();
        for (key, cell) in cells {
            record.insert(key, cell);
        }
        record
    }
}

impl From<Record> for BTreeMap<String, String> {
    fn from(record: Record) -> Self {
        record.cells.into_iter().map(|(key, cell)| (key.into_owned(), cell)).collect()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of target keys to cells")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut record = Record::default();
                while let Some((key, cell)) = map.next_entry::<String, String>()? {
                    record.insert(key, cell);
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(Cells)
    }
}

/// A record, and what was left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// What will be sent.
    pub record: Record,
    /// Source values that could not be used, so that their cells stay empty.
    pub emptied: Vec<Emptied>,
}

impl Encoded {
    /// Refuses a record without cells.
    pub fn or_rejected(self) -> Result<Self, Rejection> {
        if self.record.is_empty() { Err(Rejection { emptied: self.emptied }) } else { Ok(self) }
    }
}

/// A source value that could not be used: which target, and why. Never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// The target's key, as the mapping has it.
    pub target: Cow<'static, str>,
    /// What was expected, as in `expected an e-mail address`.
    pub reason: &'static str,
}

/// Nothing of a source could be used: there is nothing to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why, target by target; empty if there was no value at all.
    pub emptied: Vec<Emptied>,
}

impl Rejection {
    /// The code under which it is counted.
    pub fn code(&self) -> &'static str {
        if self.emptied.is_empty() { "no_value" } else { "no_usable_value" }
    }
}

impl std::error::Error for Rejection {}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.emptied.is_empty() {
            return f.write_str("none of the mapped fields has a value");
        }
        f.write_str("none of the mapped values can be used: ")?;
        for (index, Emptied { target, reason }) in self.emptied.iter().enumerate() {
            write!(f, "{}`{target}`: {reason}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_cells_by_key_through_json() {
        let record =
            Record::from_iter([("PHONE", "1".to_owned()), ("EMAIL", "2".to_owned()), ("GEN", String::new())]);
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(json, r#"{"EMAIL":"2","PHONE":"1"}"#);
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert_eq!(record.get("PHONE"), Some("1"));
        assert_eq!(record.get("GEN"), None);
    }

    #[test]
    fn a_cell_of_the_same_key_is_replaced() {
        let record = Record::from_iter([("EMAIL", "1".to_owned()), ("EMAIL", "2".to_owned())]);
        assert_eq!(record.iter().collect::<Vec<_>>(), [("EMAIL", "2")]);
    }

    #[test]
    fn debug_shows_no_cell() {
        let record = Record::from_iter([("EXTERN_ID", "c-17".to_owned())]);
        assert_eq!(format!("{record:?}"), r#"Record{"EXTERN_ID"}"#);
    }
}
