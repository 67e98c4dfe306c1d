//! Where the rows go: a CSV file or standard output, with a progress bar on a terminal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// A duplicate stands so many rows before the row that replaces it.
const DISTANCE: u64 = 500;

/// Writes the rows of one file.
pub(crate) struct Sink {
    writer: csv::Writer<Counting>,
    delayed: VecDeque<(u64, Vec<String>)>,
    rows: u64,
    bar: ProgressBar,
}

impl Sink {
    /// Opens a file and writes its header. `total` is about how many rows there will be.
    pub(crate) fn open<'a>(path: &Path, header: impl Iterator<Item = &'a str>, total: u64) -> Result<Sink> {
        let target: Box<dyn Write> = if is_standard_output(path) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).with_context(|| format!("`{}` cannot be written", path.display()))?)
        };
        let target = Counting { target: BufWriter::new(target), bytes: 0 };
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(target);
        writer.write_record(header)?;
        let style =
            ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {per_sec}, {eta} left")?;
        // Drawn on standard error, and only if that is a terminal.
        let bar = ProgressBar::new(total).with_style(style);
        Ok(Sink { writer, delayed: VecDeque::new(), rows: 0, bar })
    }

    /// Writes a row, and those whose time has come.
    pub(crate) fn write(&mut self, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<()> {
        self.put(cells)?;
        while self.delayed.front().is_some_and(|(due, _)| *due <= self.rows) {
            self.write_delayed()?;
        }
        Ok(())
    }

    /// Writes a row later on, or at the end.
    pub(crate) fn delay(&mut self, cells: Vec<String>) {
        self.delayed.push_back((self.rows + DISTANCE, cells));
    }

    /// How many rows and bytes were written, when everything is.
    pub(crate) fn finish(mut self) -> Result<(u64, u64)> {
        while !self.delayed.is_empty() {
            self.write_delayed()?;
        }
        self.bar.finish_and_clear();
        self.writer.flush()?;
        Ok((self.rows, self.writer.get_ref().bytes))
    }

    fn write_delayed(&mut self) -> Result<()> {
        match self.delayed.pop_front() {
            Some((_, cells)) => self.put(cells),
            None => Ok(()),
        }
    }

    fn put(&mut self, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<()> {
        self.writer.write_record(cells)?;
        self.rows += 1;
        self.bar.inc(1);
        Ok(())
    }
}

/// Whether the rows go to standard output, so that nothing else may.
pub(crate) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Counts the bytes that pass.
struct Counting {
    target: BufWriter<Box<dyn Write>>,
    bytes: u64,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.target.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}
