//! What expressions answer for one profile and its events, and what they read for that.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
mod events;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod time;
#[cfg(test)]
mod values;
#[cfg(test)]
mod walked;

/// Checks a table of expressions that all answer alike, and names every one that does not.
#[cfg(test)]
#[track_caller]
fn all(expected: bool, expressions: &[&str]) {
    let wrong: Vec<String> = expressions
        .iter()
        .filter_map(|text| match common::evaluate(text) {
            Ok(answer) if answer == expected => None,
            Ok(answer) => Some(format!("{text}: {answer}")),
            Err(error) => Some(format!("{text}: {}", error.render(text))),
        })
        .collect();
    assert!(wrong.is_empty(), "expected {expected}:\n{}", wrong.join("\n"));
}
