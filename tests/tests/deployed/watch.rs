//! The shortest loop of whoever works on a function.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::bank::Bank;

/// Events about what the ledger does not know: their messages come again.
const COMES_AGAIN: [&str; 2] = ["evaluate-slice", "ingest-chunk"];

#[tokio::test]
#[ignore = "compiles every function once more, for minutes: cargo xtask test --long"]
async fn every_function_answers_its_sample_events_under_cargo_lambda_watch() {
    let bank = Bank::deploy(&[]).await;
    bank.at.apply();
    let watch = bank.at.watch().await;
    let mut functions = BTreeSet::new();
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("events").read_dir().unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let function = name.split_once('-').unwrap().0;
        let answer = watch.invoke(function, &entry.path());
        let failures = answer.get("batchItemFailures").and_then(Value::as_array).unwrap();
        assert_eq!(!failures.is_empty(), COMES_AGAIN.contains(&name.as_str()), "{name}: {answer}");
        functions.insert(function.to_owned());
    }
    assert_eq!(functions, ["activate", "dispatch", "evaluate", "ingest"].map(str::to_owned).into());
}
