//! What should come of the visits.

use super::super::checks::Check;
use super::visits::{PROMO, Seen, Visits};

/// The code that only a recent mover is shown.
const COUPON: &str = "NEWHOME10";

/// Compares.
pub fn of(visits: &Visits) -> Vec<Check> {
    let Visits { mover: [first, again, click], resident } = visits;
    let has_coupon = |seen: &Seen| seen.text(PROMO).contains(COUPON);
    let all = [first, again, click, resident];
    let complaints: Vec<&str> = all.iter().flat_map(|seen| seen.complaints()).collect();
    vec![
        Check::that("recent mover: the first page has the coupon", has_coupon(first)),
        Check::that("recent mover: so has the page when it is loaded again", has_coupon(again)),
        Check::that("recent mover: has an ECID", first.ecid().is_some()),
        Check::that("recent mover: keeps it", first.ecid() == again.ecid()),
        Check::that(
            "recent mover: the coupon's display is reported",
            first.told("decisioning.propositionDisplay") > 0,
        ),
        Check::that(
            "recent mover: the click on it is reported",
            click.calls.iter().any(|call| call.action == "collect"),
        ),
        Check::that(
            "resident: the first page has something else",
            !has_coupon(resident) && !resident.text(PROMO).is_empty(),
        ),
        Check::that(
            "resident: has an ECID of their own",
            resident.ecid().is_some() && resident.ecid() != first.ecid(),
        ),
        Check::of("complaints of the Web SDK", String::new(), complaints.join("; ")),
    ]
}
