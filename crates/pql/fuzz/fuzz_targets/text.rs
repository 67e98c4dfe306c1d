//! The text of an expression: whatever it is, it is read or refused at a place of the text; what is read prints as text that
//! means the same, and is evaluated alike by predicate and walk.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match pql::parse(text) {
        Ok(expression) => pql_fuzz::check(&expression),
        Err(error) => {
            assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{:?}", error.span);
            assert!(!error.render(text).is_empty());
        }
    }
});
