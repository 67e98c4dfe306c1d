//! The decision: which offer a visitor is shown for a scope.

use jiff::{SignedDuration, Timestamp};

use crate::edge::offer::Offer;
use crate::edge::visitor::Visitor;
use crate::name::AudienceName;

/// What a decision rests on besides the offers.
pub struct Situation<'a> {
    /// What is remembered of the visitor, this event included.
    pub visitor: &'a Visitor,
    /// Whether the visitor is in an audience.
    pub is_member: &'a dyn Fn(&AudienceName) -> bool,
    /// When.
    pub now: Timestamp,
}

/// The offer for a scope: of those that the visitor may be shown the one of the highest priority, of equal ones the
/// first by name. Offers that policies or contracts refuse are not among those given.
pub fn choose<'a>(
    offers: impl IntoIterator<Item = &'a Offer>,
    scope: &str,
    situation: &Situation<'_>,
) -> Option<&'a Offer> {
    offers
        .into_iter()
        .filter(|offer| offer.scope == scope && situation.allows(offer))
        .min_by_key(|offer| (std::cmp::Reverse(offer.priority), &offer.name))
}

impl Situation<'_> {
    fn allows(&self, offer: &Offer) -> bool {
        offer.runs_at(self.now)
            && offer.all.iter().all(|audience| (self.is_member)(audience))
            && !offer.none.iter().any(|audience| (self.is_member)(audience))
            && !self.is_capped(offer)
    }

    fn is_capped(&self, offer: &Offer) -> bool {
        let Some(cap) = offer.cap else { return false };
        let within = SignedDuration::from_hours(cap.hours.into());
        let shown = self.visitor.shown.get(&offer.name).into_iter().flatten();
        let recent = shown.filter(|at| self.now.duration_since(**at) < within).count();
        recent >= usize::from(cap.times)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::edge::offer::{Cap, Item};

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn offer(name: &str, priority: i32) -> Offer {
        Offer {
            name: name.parse().unwrap(),
            title: name.to_owned(),
            scope: "__view__".to_owned(),
            all: BTreeSet::new(),
            none: BTreeSet::new(),
            priority,
            starts: None,
            ends: None,
            cap: None,
            marketing_actions: BTreeSet::new(),
            items: vec![Item::Default],
            refusals: Vec::new(),
        }
    }

    fn chosen(offers: &[Offer], visitor: &Visitor, audiences: &[&str]) -> Option<String> {
        let is_member = |name: &AudienceName| audiences.contains(&name.as_str());
        let situation = Situation { visitor, is_member: &is_member, now: NOW.parse().unwrap() };
        choose(offers, "__view__", &situation).map(|offer| offer.name.to_string())
    }

    #[test]
    fn the_best_offer_that_the_visitor_may_see_is_shown_and_else_the_fallback() {
        let coupon = Offer { all: BTreeSet::from(["movers".parse().unwrap()]), ..offer("coupon", 10) };
        let welcome = Offer { none: BTreeSet::from(["buyers".parse().unwrap()]), ..offer("welcome", 5) };
        let over = Offer { ends: Some(NOW.parse().unwrap()), ..offer("over", 99) };
        let later = Offer { starts: Some("2027-01-01T00:00:00Z".parse().unwrap()), ..offer("later", 99) };
        let elsewhere = Offer { scope: "home-promo".to_owned(), ..offer("elsewhere", 99) };
        let offers = [coupon, welcome, offer("fallback", 0), over, later, elsewhere];
        let nobody = Visitor::default();
        for (audiences, expected) in [
            (&["movers"][..], "coupon"),
            (&[], "welcome"),
            (&["buyers"], "fallback"),
            (&["movers", "buyers"], "coupon"),
        ] {
            assert_eq!(chosen(&offers, &nobody, audiences).as_deref(), Some(expected), "{audiences:?}");
        }
    }

    #[test]
    fn a_capped_offer_rests_until_its_displays_are_old_enough() {
        let coupon = Offer { cap: Some(Cap { times: 2, hours: 24 }), ..offer("coupon", 10) };
        let offers = [coupon, offer("fallback", 0)];
        let mut visitor = Visitor::default();
        for (shown, expected) in [
            (&["2026-11-22T11:00:00Z"][..], "coupon"),
            (&["2026-11-22T11:00:00Z", "2026-11-21T12:00:01Z"], "fallback"),
            (&["2026-11-22T11:00:00Z", "2026-11-21T12:00:00Z"], "coupon"),
        ] {
            let times = shown.iter().map(|at| at.parse().unwrap()).collect();
            visitor.shown.insert("coupon".parse().unwrap(), times);
            assert_eq!(chosen(&offers, &visitor, &[]).as_deref(), Some(expected), "{shown:?}");
        }
    }

    #[test]
    fn of_equal_priorities_the_first_by_name_is_shown() {
        let offers = [offer("b", 1), offer("a", 1)];
        assert_eq!(chosen(&offers, &Visitor::default(), &[]).as_deref(), Some("a"));
    }
}
