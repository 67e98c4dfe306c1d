//! A reason as a tree for people.

use pql::{Reason, Short};

use crate::table::Table;
use crate::terminal::{DIM, GREEN, RED, YELLOW};

/// The parts that decided, each marked with what it came to, and below each what it read. Each line ends.
pub(crate) fn tree(reason: &Reason) -> String {
    let mut text = String::new();
    print(reason, "", "", &mut text);
    text
}

fn print(reason: &Reason, fork: &str, indent: &str, text: &mut String) {
    let style = match reason.word() {
        "true" => GREEN,
        "null" => YELLOW,
        _ => RED,
    };
    let word = reason.word();
    text.push_str(&format!("{style}{word:<5}{style:#}  {DIM}{fork}{DIM:#}{}\n", reason.expression));
    let parts = reason.because.len();
    let line = if parts + reason.more > 0 { "│ " } else { "  " };
    for fact in facts(reason) {
        text.push_str(&format!("       {DIM}{indent}{line}{DIM:#}{fact}\n"));
    }
    for (index, part) in reason.because.iter().enumerate() {
        let is_last = index + 1 == parts && reason.more == 0;
        let (fork, line) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        print(part, &format!("{indent}{fork}"), &format!("{indent}{line}"), text);
    }
    if reason.more > 0 {
        text.push_str(&format!("       {DIM}{indent}└─ and {} more alike{DIM:#}\n", reason.more));
    }
}

/// Which items it was asked of, and what it read where no part tells.
fn facts(reason: &Reason) -> Vec<String> {
    let mut table = Table::of(["what", "value"]);
    for item in &reason.items {
        let name = item.name.as_deref().unwrap_or("item");
        table.row([format!("{name} (number {})", item.index + 1).into(), Short(&item.value).into()]);
    }
    for (name, value) in reason.read.iter().filter(|_| reason.because.is_empty()) {
        table.row([name.into(), Short(value).into()]);
    }
    table.body().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    fn told(text: &str, profile: &str) -> String {
        let profile = serde_json::from_str(profile).unwrap();
        let reason =
            pql::parse(text).unwrap().explain(&profile, "2026-01-31T12:00:00Z".parse().unwrap(), None);
        plain(&tree(&reason.unwrap()))
    }

    #[test]
    fn a_reason_is_a_tree_with_what_was_read() {
        let profile = r#"{"age": 40, "orders": [{"total": 1}, {"total": 2}, {"total": 3}, {"total": 4}, {"total": 5}]}"#;
        let text = "age > 30 and (optIn or plan in [\"gold\", \"vip\"]) and exists O from orders where O.total > age and true";
        insta::assert_snapshot!(told(text, profile));
    }
}
