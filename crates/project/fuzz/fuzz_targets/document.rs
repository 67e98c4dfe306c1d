#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    project_fuzz::document(bytes);
});
