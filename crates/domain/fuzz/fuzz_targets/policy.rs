//! A line of `tributary policy evaluate`: whatever it is, it is read or refused; only policies that were given are violated,
//! each with an explanation, and only by labels that were found.

#![no_main]

use domain::governance::evaluation::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Request>(bytes) else { return };
    let evaluation = request.evaluate();
    let violated = &evaluation.violated_policies;
    for explanation in &evaluation.explanations {
        assert!(violated.contains(&explanation.policy));
        assert!(explanation.found.iter().all(|found| evaluation.dule_labels.contains(&found.label)));
    }
    for policy in violated {
        assert!(evaluation.explanations.iter().any(|explanation| explanation.policy == *policy));
    }
    assert!(serde_json::to_vec(&evaluation).is_ok());
});
