#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pql_fuzz::json(bytes));
