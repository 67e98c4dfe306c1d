//! How results look: colours on a terminal only, numbers as people read them.

use anstream::println;
use anstyle::{AnsiColor, Style};

pub const RED: Style = AnsiColor::Red.on_default().bold();
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();

/// Prints what the following lines are about.
pub fn heading(text: &str) {
    println!("\n{BOLD}{text}{BOLD:#}");
}

/// A number with its thousands apart: `12,345`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
