//! Tables and cards: what people read, as text.

use std::fmt;

use anstyle::Style;

use crate::terminal::{BOLD, DIM};

/// Rows under a header, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug)]
struct Column {
    title: String,
    numbers: bool,
}

/// A cell of a table.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style of its own.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: fmt::Display> From<T> for Cell {
    fn from(content: T) -> Cell {
        Cell { text: content.to_string(), style: Style::new() }
    }
}

impl Table {
    /// A table of columns. A title that begins with `#` is one of numbers, which stand to the right.
    pub(crate) fn of<const N: usize>(titles: [&'static str; N]) -> Table {
        let column = |title: &'static str| match title.strip_prefix('#') {
            Some(title) => Column { title: title.to_owned(), numbers: true },
            None => Column { title: title.to_owned(), numbers: false },
        };
        Table { columns: titles.map(column).into(), rows: Vec::new() }
    }

    /// A table of columns that are named by what they are about.
    pub(crate) fn with_titles(titles: impl IntoIterator<Item = String>) -> Table {
        let columns = titles.into_iter().map(|title| Column { title, numbers: false }).collect();
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.row_of(cells);
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn row_of(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells);
    }

    /// The rows without the header, where they need none.
    pub(crate) fn body(&self) -> String {
        self.lines().iter().skip(1).map(|line| format!("{line}\n")).collect()
    }

    fn lines(&self) -> Vec<String> {
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::styled(column.title.as_str(), BOLD)).collect();
        let all = || std::iter::once(&titles).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| all().filter_map(|row| row.get(index)).map(Cell::width).max().unwrap_or_default())
            .collect();
        all().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |index| index + 1);
        for (index, ((cell, column), width)) in row.iter().zip(&self.columns).zip(widths).enumerate() {
            if index == last {
                break;
            }
            if index > 0 {
                line.push_str("  ");
            }
            let Cell { text, style } = cell;
            let space = " ".repeat(width.saturating_sub(cell.width()));
            if column.numbers {
                line.push_str(&format!("{space}{style}{text}{style:#}"));
            } else {
                line.push_str(&format!("{style}{text}{style:#}"));
                if index + 1 < last {
                    line.push_str(&space);
                }
            }
        }
        line
    }
}

impl fmt::Display for Table {
    /// One line for each row, the header first; each line ends.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// A card: a title, and lines below it that belong together.
pub(crate) fn card(title: &str, note: &str, body: &str) -> String {
    let mut card = format!("{DIM}╭─{DIM:#} {BOLD}{title}{BOLD:#}");
    if !note.is_empty() {
        card.push_str(&format!(" {DIM}({note}){DIM:#}"));
    }
    card.push('\n');
    for line in body.lines() {
        card.push_str(&format!("{DIM}│{DIM:#} {line}\n"));
    }
    card.push_str(&format!("{DIM}╰─{DIM:#}\n"));
    card
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_no_line_ends_in_spaces() {
        let mut table = Table::of(["name", "#rows", "why"]);
        table.row(["a".into(), 7.into(), "".into()]);
        table.row([Cell::styled("longer", BOLD), 1_234.into(), "because".into()]);
        let shown = plain(&table.to_string());
        assert_eq!(shown, "name    rows  why\na          7\nlonger  1234  because\n");
    }

    #[test]
    fn a_card_holds_its_lines_together() {
        let shown = plain(&card("Title", "a note", "one\ntwo\n"));
        assert_eq!(shown, "╭─ Title (a note)\n│ one\n│ two\n╰─\n");
    }
}
