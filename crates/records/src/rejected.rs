//! Rows that cannot be used, and why.

use std::fmt;

use domain::value::Object;

/// The most bytes that a record may have, as written in its file.
pub const LARGEST_RECORD: usize = 100 * 1024;

/// A row that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Counts the file's data rows from 1, used or not.
    pub number: u64,
    /// The line on which the row begins; the file's first line is 1.
    pub line: u64,
    /// What is wrong, for counting.
    pub code: Code,
    /// What is wrong, for people: the column, what was expected, and the kind and length of what was found. It never
    /// repeats what was found, which may be personal data.
    pub reason: String,
    /// The column that is wrong, where it is one.
    pub column: Option<String>,
    /// The row as written, for quarantine: at most [`LARGEST_RECORD`] bytes of it, and whatever is not UTF-8
    /// replaced. Personal data.
    pub raw: String,
    /// Nothing but the row's primary identity in the schema's shape, where that can be read: whom it is about. Personal
    /// data.
    pub primary: Object,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The row cannot be taken apart: the wrong number of cells, an open quote, not UTF-8.
    CorruptRow,
    /// The row is longer than [`LARGEST_RECORD`].
    TooLarge,
    /// A value is not of its field's type.
    WrongType,
    /// A value is none of those that its field allows.
    NotAllowed,
    /// A number lies outside its field's bounds.
    OutOfRange,
    /// A text has too few or too many characters.
    WrongLength,
    /// A text is not in its field's format.
    WrongFormat,
    /// A text does not fit its field's pattern.
    PatternMismatch,
    /// A required field is empty.
    MissingRequired,
    /// The primary identity is empty.
    MissingIdentity,
    /// The row's own time is empty or no time.
    InvalidTime,
}

impl Code {
    /// The code as it is written in ledgers and quarantine; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::CorruptRow => "corrupt_row",
            Code::TooLarge => "too_large",
            Code::WrongType => "wrong_type",
            Code::NotAllowed => "not_allowed",
            Code::OutOfRange => "out_of_range",
            Code::WrongLength => "wrong_length",
            Code::WrongFormat => "wrong_format",
            Code::PatternMismatch => "pattern_mismatch",
            Code::MissingRequired => "missing_required",
            Code::MissingIdentity => "missing_identity",
            Code::InvalidTime => "invalid_time",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is wrong with a row, before it is known which row it is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) column: Option<String>,
}
