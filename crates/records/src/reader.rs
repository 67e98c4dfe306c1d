//! Reading a file: its header once, then row after row.

use std::io::{self, Read};

use domain::dataset::{Dataset, FileSource, Format};
use domain::schema::Schema;
use domain::value::Object;
use jiff::Timestamp;

use crate::cell::{expected, time};
use crate::csv::{Broken, Cells, Place, Records};
use crate::header::{Header, HeaderError, known};
use crate::rejected::{Code, Fault, LARGEST_RECORD, Rejected};

/// A row that passed every check that needs the row alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Counts the file's data rows from 1, used or not.
    pub number: u64,
    /// The line on which the row begins; the file's first line is 1.
    pub line: u64,
    /// Its values in the schema's shape. What is empty is absent. Identities are as written, without surrounding white
    /// space: their namespaces have not seen them yet.
    pub attributes: Object,
    /// The row's own time, where the dataset has one.
    pub time: Option<Timestamp>,
}

/// The rows of one file.
///
/// As an iterator it gives each row, or why it cannot be used; or an error of the source, which says nothing about
/// the row and ends the reading.
pub struct Reader<R> {
    records: Records<R>,
    header: Header,
    rows: u64,
    has_failed: bool,
}

impl<R: Read> Reader<R> {
    /// Begins to read a file of a dataset, given the dataset's schema.
    ///
    /// # Errors
    /// Where the source fails, or where the file's beginning shows that no row can be read from it.
    pub fn new(source: R, dataset: &Dataset, schema: &Schema) -> Result<Reader<R>, HeaderError> {
        let Some(files) = dataset.files() else {
            return Err(HeaderError::NoFiles { dataset: dataset.name.to_string() });
        };
        match files.format {
            Format::Csv => Reader::csv(source, dataset, files, schema),
        }
    }

    fn csv(
        source: R,
        dataset: &Dataset,
        files: &FileSource,
        schema: &Schema,
    ) -> Result<Reader<R>, HeaderError> {
        let mut records = Records::new(source);
        pass_byte_order_mark(&mut records)?;
        let known = || known(files);
        let header = match records.next()? {
            None => return Err(HeaderError::Empty { known: known() }),
            Some((_, Ok(cells))) => {
                let text = std::str::from_utf8(cells.text())
                    .map_err(|_| HeaderError::NotUtf8 { found: "bytes of another encoding in line 1" })?;
                let cell = |index| cells.range(index).and_then(|range| text.get(range)).map(str::trim);
                let names: Vec<&str> = (0..cells.len()).map(|index| cell(index).unwrap_or("")).collect();
                Header::check(&names, dataset, files, schema)?
            }
            Some((_, Err(Broken::OpenQuote))) => {
                return Err(HeaderError::Corrupt { found: "a quote that is never closed", known: known() });
            }
            Some((_, Err(_))) => {
                return Err(HeaderError::Corrupt { found: "more than 100 KB", known: known() });
            }
        };
        records.expect_width(header.width);
        Ok(Reader { records, header, rows: 0, has_failed: false })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Result<Row, Rejected>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let (place, cells) = match self.records.next() {
            Ok(found) => found?,
            Err(error) => {
                self.has_failed = true;
                return Some(Err(error));
            }
        };
        self.rows += 1;
        let number = self.rows;
        let row = match cells {
            Ok(cells) => self.header.row(cells),
            Err(broken) => Err((broken.fault(), Object::new())),
        };
        Some(Ok(match row {
            Ok((attributes, time)) => Ok(Row { number, line: place.line, attributes, time }),
            Err((fault, primary)) => Err(reject(fault, primary, number, place)),
        }))
    }
}

impl Header {
    /// The attributes and the time of a row; or what is wrong with it, and whom it is about all the same.
    fn row(&self, cells: Cells<'_>) -> Result<(Object, Option<Timestamp>), (Fault, Object)> {
        let not_utf8 = || (not_utf8(), Object::new());
        let text = std::str::from_utf8(cells.text()).map_err(|_| not_utf8())?;
        // A character cut in two by the end of a cell is no UTF-8 either, though the cells together are.
        if (0..cells.len())
            .any(|index| cells.range(index).is_none_or(|range| !text.is_char_boundary(range.end)))
        {
            return Err(not_utf8());
        }
        let cell = |index| cells.range(index).and_then(|range| text.get(range)).unwrap_or_default();
        let row = || {
            let time = self.row_time.as_ref().map(|(column, index)| row_time(column, cell(*index)));
            Ok((self.members.read(&cell)?, time.transpose()?))
        };
        row().map_err(|fault| (fault, self.members.read_primary(&cell)))
    }
}

fn row_time(column: &str, text: &str) -> Result<Timestamp, Fault> {
    time(text.trim()).ok_or_else(|| {
        let expectation = "the row's time, a date-time with an offset such as 2026-01-31T18:30:00Z";
        Fault {
            code: Code::InvalidTime,
            reason: format!("column `{column}`: {}", expected(expectation, text)),
            column: Some(column.to_owned()),
        }
    })
}

impl Broken {
    fn fault(self) -> Fault {
        let (code, reason) = match self {
            Broken::OpenQuote => {
                let reason = "expected a closed quote, found one that runs on into the next rows";
                (Code::CorruptRow, reason.to_owned())
            }
            Broken::Width { found, expected } => {
                (Code::CorruptRow, format!("expected {expected} cells as in the header, found {found}"))
            }
            Broken::TooLarge => {
                (Code::TooLarge, format!("expected at most {LARGEST_RECORD} bytes, found a longer row"))
            }
        };
        Fault { code, reason, column: None }
    }
}

fn not_utf8() -> Fault {
    let reason = "expected UTF-8, found bytes of another encoding".to_owned();
    Fault { code: Code::CorruptRow, reason, column: None }
}

fn reject(fault: Fault, primary: Object, number: u64, place: Place<'_>) -> Rejected {
    Rejected {
        number,
        line: place.line,
        code: fault.code,
        reason: fault.reason,
        column: fault.column,
        raw: String::from_utf8_lossy(place.raw).into_owned(),
        primary,
    }
}

/// Passes over the mark that some programs write before UTF-8, and tells by their own marks what is no text in UTF-8.
fn pass_byte_order_mark<R: Read>(records: &mut Records<R>) -> Result<(), HeaderError> {
    let found = match records.first_bytes(4)? {
        [0xEF, 0xBB, 0xBF, ..] => {
            records.skip(3);
            return Ok(());
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16",
        [0x1F, 0x8B, ..] => "gzip",
        [0x28, 0xB5, 0x2F, 0xFD] => "zstd",
        b"PAR1" => "Parquet",
        b"PK\x03\x04" => "ZIP",
        _ => return Ok(()),
    };
    Err(HeaderError::NotUtf8 { found })
}
