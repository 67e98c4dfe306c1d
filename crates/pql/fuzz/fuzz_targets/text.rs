#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pql_fuzz::text(text));
