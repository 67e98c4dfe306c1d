//! A call in parts: what a vendor refuses for some of its records is halved until those are known, and the others taken.

use std::iter;
use std::ops::Range;

use destination::{Delivery, DestinationError, ErrorKind, RecordOutcome, RetryClass};

/// The most requests that a call comes to: enough to find one record among 10,000, or a few.
const MOST: usize = 32;

/// What became of some of a call's records, which stand one after the other.
#[derive(Debug)]
pub struct Part {
    /// Which.
    pub records: Range<usize>,
    /// What the vendor answered, or why it was not asked.
    pub answer: Result<Delivery, DestinationError>,
}

/// Has the records of a call delivered: at once if the vendor takes them so, else in parts. Every record is in one part.
///
/// `deliver` makes the request of that number for those records. A record that is refused alone is its own fault only if
/// the vendor has taken others: what refuses everybody is no matter of records.
pub async fn deliver_in_parts(
    records: usize,
    mut deliver: impl AsyncFnMut(usize, Range<usize>) -> Result<Delivery, DestinationError>,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Vec<Range<usize>> = iter::once(0..records).collect();
    let mut requests = 0;
    let mut put_off = None;
    while let Some(records) = open.pop() {
        if let Some((message, retry_after)) = put_off {
            let left = DestinationError::new(ErrorKind::Unavailable, "call", message);
            parts.push(Part { records, answer: Err(left.with_retry_after(retry_after)) });
            continue;
        }
        requests += 1;
        let answer = deliver(requests, records.clone()).await;
        let class = answer.as_ref().err().map(DestinationError::retry_class);
        match class {
            Some(RetryClass::Split) if records.len() > 1 && requests < MOST => {
                let middle = records.start + records.len() / 2;
                open.extend([middle..records.end, records.start..middle]);
                continue;
            }
            Some(RetryClass::Retry { after }) => {
                put_off = Some(("an earlier part of the call failed", after))
            }
            Some(RetryClass::Stop | RetryClass::Unknown) => {
                put_off = Some(("an earlier part of the call failed", None));
            }
            Some(RetryClass::Split) | None if requests == MOST => {
                put_off = Some(("too many parts of the call were refused before", None));
            }
            Some(RetryClass::Split) | None => {}
        }
        parts.push(Part { records, answer });
    }
    if parts.iter().any(|part| part.answer.is_ok()) {
        parts.iter_mut().for_each(name_the_refused);
    }
    parts
}

/// A record that the vendor refuses by itself, and not the others, is set aside with the vendor's reason.
fn name_the_refused(part: &mut Part) {
    if let Err(error) = &part.answer
        && error.retry_class() == RetryClass::Split
        && part.records.len() == 1
    {
        let refused = RecordOutcome::Rejected { code: "refused_alone", reason: error.to_string() };
        part.answer = Ok(Delivery { outcomes: vec![refused], ..Delivery::complete(0) });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    fn error(kind: ErrorKind) -> DestinationError {
        DestinationError::new(kind, "add", "no")
    }

    /// The parts of a call to a vendor that refuses every request that one of the bad records is in, and the requests
    /// that it came to.
    fn parts(records: usize, bad: &BTreeSet<usize>) -> (Vec<Part>, usize) {
        let mut requests = 0;
        let parts = block_on(deliver_in_parts(records, async |number, range| {
            requests = number;
            let is_refused = bad.range(range.clone()).next().is_some();
            if is_refused {
                Err(error(ErrorKind::RecordsRefused))
            } else {
                Ok(Delivery::complete(range.len()))
            }
        }));
        (parts, requests)
    }

    fn refused(parts: &[Part]) -> BTreeSet<usize> {
        let is_refused = |part: &&Part| {
            part.answer.as_ref().is_ok_and(|delivery| {
                delivery.outcomes.iter().any(|outcome| *outcome != RecordOutcome::Delivered)
            })
        };
        parts.iter().filter(is_refused).map(|part| part.records.start).collect()
    }

    #[test]
    fn one_bad_record_among_as_many_as_a_request_takes_is_found_wherever_it_stands() {
        for bad in [0, 1, 4_999, 5_000, 9_999] {
            let (parts, requests) = parts(10_000, &[bad].into());
            assert!(parts.iter().all(|part| part.answer.is_ok()), "{bad}");
            assert_eq!(refused(&parts), [bad].into());
            assert!(requests <= MOST, "{requests}");
        }
    }

    #[test]
    fn what_refuses_everybody_is_no_fault_of_a_record() {
        for records in [1, 2, 7, 10_000] {
            let (parts, _) = parts(records, &(0..records).collect());
            assert!(parts.iter().all(|part| part.answer.is_err()), "{records}");
        }
    }

    #[test]
    fn a_vendor_that_cannot_go_on_is_not_asked_for_the_rest() {
        let after = Some(std::time::Duration::from_secs(60));
        for (kind, class) in [
            (ErrorKind::Throttled, RetryClass::Retry { after }),
            (ErrorKind::FateUnknown, RetryClass::Unknown),
            (ErrorKind::Permission, RetryClass::Stop),
        ] {
            let mut requests = 0;
            let parts = block_on(deliver_in_parts(8, async |number, _| {
                requests = number;
                let kind = if number == 1 { ErrorKind::RecordsRefused } else { kind };
                Err(error(kind).with_retry_after(after))
            }));
            assert_eq!(requests, 2, "{kind:?}");
            let classes: Vec<RetryClass> =
                parts.iter().map(|part| part.answer.as_ref().unwrap_err().retry_class()).collect();
            let rest = if kind == ErrorKind::Throttled { after } else { None };
            assert_eq!(classes, [class, RetryClass::Retry { after: rest }], "nothing was done with the rest");
        }
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_part_and_only_bad_ones_are_refused(
            records in 1_usize..300, bad in prop::collection::btree_set(0_usize..300, 0..8),
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|index| *index < records).collect();
            let (parts, requests) = parts(records, &bad);
            let covered: Vec<usize> = parts.iter().flat_map(|part| part.records.clone()).collect();
            prop_assert_eq!(covered, (0..records).collect::<Vec<_>>());
            prop_assert!(requests <= MOST);
            prop_assert!(refused(&parts).is_subset(&bad));
            if bad.len() <= 1 && records > 1 {
                prop_assert_eq!(refused(&parts), bad);
            }
        }
    }
}
