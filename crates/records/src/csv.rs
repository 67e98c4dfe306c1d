//! CSV (RFC 4180): bytes taken apart into records, each with the line it begins on and its text as written.
//!
//! Between this and the `csv` crate stands recovery. A quote that is never closed makes a CSV parser take everything
//! after it for one cell, gigabytes of good rows included. Here a record that spans several lines and is then too
//! long, unfinished or of the wrong width gives up its first line only, and reading starts anew on the second.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

use crate::rejected::LARGEST_RECORD;

/// How much is asked of the source at once.
const STEP: usize = 64 * 1024;

/// The records of a CSV file in turn. Blank lines are none.
pub(crate) struct Records<R> {
    source: R,
    has_ended: bool,
    /// What was read and not yet taken: `buffer[start..end]`, beginning where the current record begins.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    parser: csv_core::Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// How many cells a record has to have, once that is known.
    width: Option<usize>,
}

/// Where a record stands in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The line that it begins on; the first is 1.
    pub(crate) line: u64,
    /// The record as written, without the line break that ends it.
    pub(crate) raw: &'a [u8],
}

/// The cells of a record, unquoted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    text: &'a [u8],
    ends: &'a [usize],
}

/// Why something in the file is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A quote is opened that is closed not at all, within the largest record's length, or where another row is.
    OpenQuote,
    /// It has another number of cells than the header.
    Width {
        /// How many it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// It is longer than a record may be.
    TooLarge,
}

/// What the parser made of the bytes at hand.
enum Taken {
    /// A record: how many bytes it took, the line break included, how many bytes its cells have, and how many it has.
    Record { length: usize, text: usize, width: usize },
    /// No end of the record within its limit.
    Unfinished,
}

impl<'a> Cells<'a> {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All cells one after another.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Where a cell lies in the text.
    pub(crate) fn range(&self, index: usize) -> Option<std::ops::Range<usize>> {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(previous) => *self.ends.get(previous)?,
        };
        Some(start..*self.ends.get(index)?)
    }
}

impl<R: Read> Records<R> {
    pub(crate) fn new(source: R) -> Records<R> {
        Records {
            source,
            has_ended: false,
            buffer: vec![0; 4 * STEP],
            start: 0,
            end: 0,
            line: 1,
            parser: csv_core::Reader::new(),
            cells: vec![0; 1024],
            ends: vec![0; 64],
            width: None,
        }
    }

    /// From now on a record of another width is broken.
    pub(crate) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The first bytes of the file, fewer only if it has fewer.
    pub(crate) fn first_bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && self.fill()? {}
        Ok(self.rest().get(..count).unwrap_or(self.rest()))
    }

    /// Passes over the file's first bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// The next record, or what stands there instead; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Place<'_>, Result<Cells<'_>, Broken>)>> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let line = self.line;
        let (length, outcome) = match self.take()? {
            Taken::Record { length, text, width } => match self.width {
                Some(expected) if width != expected => match self.first_line() {
                    Some(first_line) if first_line < length => (first_line, Err(Broken::OpenQuote)),
                    _ => (length, Err(Broken::Width { found: width, expected })),
                },
                _ => (length, Ok((text, width))),
            },
            Taken::Unfinished => match self.first_line() {
                Some(first_line) => (first_line, Err(Broken::OpenQuote)),
                None => (LARGEST_RECORD, Err(Broken::TooLarge)),
            },
        };
        let begin = self.start;
        if outcome == Err(Broken::TooLarge) {
            return self.pass_long_line(line).map(Some);
        }
        self.advance(length);
        let raw = trim_line_break(self.buffer.get(begin..begin + length).unwrap_or_default());
        let cells = outcome.map(|(text, width)| Cells {
            text: self.cells.get(..text).unwrap_or_default(),
            ends: self.ends.get(..width).unwrap_or_default(),
        });
        Ok(Some((Place { line, raw }, cells)))
    }

    /// Reads one record from the start of the buffer, which stays where it is.
    fn take(&mut self) -> io::Result<Taken> {
        self.parser.reset();
        let (mut length, mut text, mut width) = (0, 0, 0);
        loop {
            if length > LARGEST_RECORD {
                return Ok(Taken::Unfinished);
            }
            if self.rest().len() == length && !self.fill()? {
                return Ok(Taken::Unfinished);
            }
            let until = self.end.min(self.start + LARGEST_RECORD + 1);
            let input = self.buffer.get(self.start + length..until).unwrap_or_default();
            let cells = self.cells.get_mut(text..).unwrap_or_default();
            let ends = self.ends.get_mut(width..).unwrap_or_default();
            let (result, read, written, ended) = self.parser.read_record(input, cells, ends);
            length += read;
            text += written;
            width += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => return Ok(Taken::Record { length, text, width }),
                // Only empty input ends the parser's file, and it is given none.
                ReadRecordResult::End => return Ok(Taken::Unfinished),
            }
        }
    }

    /// Passes over a line that is longer than a record may be, keeping what its place shows of it.
    fn pass_long_line(&mut self, line: u64) -> io::Result<(Place<'_>, Result<Cells<'_>, Broken>)> {
        self.cells = self.rest().get(..LARGEST_RECORD).unwrap_or_default().to_vec();
        loop {
            if let Some(end) = self.rest().iter().position(|byte| is_line_break(*byte)) {
                self.advance(end);
                break;
            }
            self.start = self.end;
            if !self.fill()? {
                break;
            }
        }
        Ok((Place { line, raw: &self.cells }, Err(Broken::TooLarge)))
    }

    /// Moves to the first byte of the next line that holds anything; false if there is none.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        loop {
            match self.rest().first().copied() {
                Some(byte) if is_line_break(byte) => self.advance(1),
                Some(_) => return Ok(true),
                None if self.fill()? => {}
                None => return Ok(false),
            }
        }
    }

    /// How long the record's first line is, its line break included, as far as that lies within a record's limit.
    fn first_line(&self) -> Option<usize> {
        let within = self.rest().get(..LARGEST_RECORD + 1).unwrap_or(self.rest());
        within.iter().position(|byte| is_line_break(*byte)).map(|end| end + 1)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn advance(&mut self, length: usize) {
        let passed = self.rest().get(..length).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.start += length;
    }

    /// Reads on; false at the end. The last line gets a line break if it has none, so that what is still unfinished
    /// after it stands inside quotes.
    fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        self.make_room();
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.source.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += read;
        if read > 0 {
            return Ok(true);
        }
        self.has_ended = true;
        let is_closed = self.rest().last().is_none_or(|byte| is_line_break(*byte));
        if let Some(free) = self.buffer.get_mut(self.end).filter(|_| !is_closed) {
            *free = b'\n';
            self.end += 1;
        }
        Ok(!is_closed)
    }

    /// Leaves room for a step after what is still to be taken.
    fn make_room(&mut self) {
        if self.buffer.len() - self.end >= STEP {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < STEP {
            self.buffer.resize(self.end + STEP, 0);
        }
    }
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn trim_line_break(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}
