#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    records_fuzz::csv(bytes);
});
