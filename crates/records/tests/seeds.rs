//! What the fuzz target asserts, over seeds: so it is compiled, and holds, wherever the tests run.

#[expect(clippy::expect_used, reason = "a fuzz target fails by panicking")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

const ANSWER: &str = "email,northlight_id,net_worth_band,investment_rating,match_level\n\
    bobby@example.com,N-1,,7,high\n\
    \"ann@example.com\",N-2,no such band,x,\n\
    short\n\
    ,,,,\n";

#[test]
fn rows_of_an_answer_are_taken_or_set_aside() {
    assert!(fuzz::csv(ANSWER.as_bytes()) > 0);
    for end in 0..=ANSWER.len() {
        fuzz::csv(&ANSWER.as_bytes()[..end]);
    }
}

#[test]
fn what_is_no_table_is_read_to_its_end() {
    for bytes in
        [&b""[..], b"\n\r\n\r", b"\xef\xbb\xbfemail\n\xff\n", b"\"\n\"\"\"\r,\0", b"email\n\"unclosed"]
    {
        fuzz::csv(bytes);
    }
}
