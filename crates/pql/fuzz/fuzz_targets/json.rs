//! An expression as JSON, and a whole line of `tributary pql eval`: whatever it is, it is answered.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use pql::line::{Task, answer};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = serde_json::from_slice::<Value>(bytes)
        && let Ok(expression) = pql::parse_json(&document)
    {
        pql_fuzz::check(&expression);
    }
    for task in [Task::Evaluate, Task::Check, Task::Explain] {
        let answer = answer(bytes, task, Timestamp::UNIX_EPOCH).to_string();
        assert!(serde_json::from_str::<Value>(&answer).is_ok(), "{answer}");
    }
});
