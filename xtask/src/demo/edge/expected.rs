//! What should come of the visits.

use super::super::checks::Check;
use super::outcome::{COUPON, Outcome, REFUSED};
use super::visits::{HERO, PROMO, Seen, Visits};

/// The code that only a recent mover is shown.
const CODE: &str = "NEWHOME10";
/// What is promoted to everybody, and to those whose offer is refused.
const FALLBACK: &str = "Free delivery";

/// Compares.
pub fn of(visits: &Visits, outcome: &Outcome) -> Vec<Check> {
    let mut checks = of_pages(visits);
    checks.extend(of_offers(outcome));
    checks.push(Check::of("profiles with the recent mover's ECID", 1, outcome.mover.len()));
    for profile in &outcome.mover {
        let known = &profile.known;
        let partner_ids: Vec<&str> =
            known.partner_ids.iter().map(|identity| identity.namespace.code.as_str()).collect();
        checks.extend([
            Check::of("recent mover: partner IDs", "NorthlightID".to_owned(), partner_ids.join(", ")),
            Check::of(
                "recent mover: identities beside the ECID",
                0,
                known.linked_identities.len().saturating_sub(1),
            ),
            Check::that(
                "recent mover: in the audience",
                known.audiences.iter().any(|audience| audience == "recent_movers"),
            ),
        ]);
    }
    checks
}

fn of_pages(visits: &Visits) -> Vec<Check> {
    let Visits { mover: [first, again, click], resident } = visits;
    let has_coupon = |seen: &Seen| seen.text(HERO).contains(CODE);
    let all = [first, again, click, resident];
    let complaints: Vec<&str> = all.iter().flat_map(|seen| seen.complaints()).collect();
    vec![
        Check::that("recent mover: the first page has the coupon", has_coupon(first)),
        Check::that("recent mover: so has the page when it is loaded again", has_coupon(again)),
        Check::that("recent mover: keeps the ECID", first.ecid().is_some() && first.ecid() == again.ecid()),
        Check::that(
            "recent mover: the refused offer shows its fallback",
            first.text(PROMO).contains(FALLBACK),
        ),
        Check::that(
            "resident: the first page is the page as it is",
            !has_coupon(resident) && !resident.text(HERO).is_empty(),
        ),
        Check::that(
            "resident: has an ECID of their own",
            resident.ecid().is_some() && resident.ecid() != first.ecid(),
        ),
        Check::of("complaints of the Web SDK", "none".to_owned(), in_words(&complaints)),
    ]
}

fn in_words(complaints: &[&str]) -> String {
    if complaints.is_empty() { "none".to_owned() } else { complaints.join("; ") }
}

fn of_offers(outcome: &Outcome) -> Vec<Check> {
    let Some((coupon, refused)) = outcome.offers.get(COUPON).zip(outcome.offers.get(REFUSED)) else {
        return vec![Check::that("the offers are in the project", false)];
    };
    vec![
        Check::of("the coupon: displays", 2, coupon.displayed),
        Check::of("the coupon: clicks", 1, coupon.interacted),
        Check::of("the refused offer: state", "blocked", refused.state.as_str()),
        Check::of("the refused offer: displays", 0, refused.displayed),
    ]
}
