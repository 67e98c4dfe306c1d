//! Deliveries come to what is wanted, whatever dies, is repeated or changes in between.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use domain::delivery::{
    Cells, Delivery, Intent, Operation, Outcome, OutcomeResult, Sent, SourceHash, Step, Target, Vendor,
    Wanted, lags, next_step,
};
use jiff::Timestamp;

fn cells(value: u8) -> Cells {
    Cells::from([("EMAIL".to_owned(), value.to_string())])
}

fn present(value: u8) -> Target {
    Target::Present(cells(value), SourceHash::of(&cells(value)))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sent(value: u8) -> Delivery {
    let sent = Sent { cells: cells(value), source: SourceHash::of(&cells(value)), at: at(0), sequence: 1 };
    Delivery { sent: Some(sent), ..Delivery::default() }
}

fn intended(operation: Operation, value: u8) -> Delivery {
    let source = SourceHash::of(&cells(value));
    let intent = Intent {
        attempt: "a".into(),
        operation,
        cells: cells(value),
        source,
        deadline: at(10),
        receipt: None,
    };
    Delivery { intent: Some(intent), ..Delivery::default() }
}

fn accepted(operation: Operation, value: u8) -> Delivery {
    let mut delivery = intended(operation, value);
    delivery.intent.as_mut().unwrap().receipt = Some("r".to_owned());
    delivery
}

#[test]
fn the_next_step_follows_from_what_was_sent_and_what_is_wanted() {
    let call = |operation, value: u8| Step::Call(operation, cells(value), SourceHash::of(&cells(value)));
    use Operation::{Add, Remove};
    for (case, delivery, target, may_send, idempotent, expected) in [
        ("nothing wanted, nothing sent", Delivery::default(), Target::Absent, true, true, Step::Done),
        ("wanted", Delivery::default(), present(1), true, true, call(Add, 1)),
        ("wanted, not allowed", Delivery::default(), present(1), false, true, Step::Hold),
        ("wanted and sent", sent(1), present(1), true, true, Step::Done),
        ("wanted and sent, not allowed any more", sent(1), present(1), false, true, Step::Done),
        (
            "the same cells of other values",
            sent(1),
            Target::Present(cells(1), SourceHash::of(&cells(2))),
            false,
            true,
            Step::Keep(SourceHash::of(&cells(2))),
        ),
        ("not decided yet", sent(1), Target::Undecided, true, true, Step::Done),
        (
            "not decided yet, a call of unknown fate",
            intended(Add, 1),
            Target::Undecided,
            true,
            true,
            Step::Done,
        ),
        (
            "the same cells of other values",
            sent(1),
            Target::Present(cells(1), SourceHash::of(&cells(2))),
            false,
            true,
            Step::Keep(SourceHash::of(&cells(2))),
        ),
        ("not decided yet", sent(1), Target::Undecided, true, true, Step::Done),
        (
            "not decided yet, a call of unknown fate",
            intended(Add, 1),
            Target::Undecided,
            true,
            true,
            Step::Done,
        ),
        ("left", sent(1), Target::Absent, true, true, call(Remove, 1)),
        ("left, though nothing may be sent", sent(1), Target::Absent, false, true, call(Remove, 1)),
        ("changed", sent(1), present(2), true, true, call(Remove, 1)),
        ("changed, not allowed", sent(1), present(2), false, true, Step::Hold),
        (
            "a call under way",
            Delivery {
                intent: intended(Add, 1).intent.map(|i| Intent { deadline: at(99), ..i }),
                ..Delivery::default()
            },
            present(1),
            true,
            true,
            Step::Wait(at(99)),
        ),
        ("an addition of unknown fate", intended(Add, 1), present(1), true, true, call(Add, 1)),
        ("the same, not wanted any more", intended(Add, 1), Target::Absent, true, true, call(Remove, 1)),
        ("the same, something else wanted", intended(Add, 1), present(2), true, true, call(Remove, 1)),
        (
            "the same, not to be repeated",
            intended(Add, 1),
            present(1),
            true,
            false,
            Step::Unknown("a".into()),
        ),
        (
            "the same, not to be repeated, left",
            intended(Add, 1),
            Target::Absent,
            true,
            false,
            call(Remove, 1),
        ),
        (
            "a removal not to be repeated",
            intended(Remove, 1),
            Target::Absent,
            true,
            false,
            Step::Unknown("a".into()),
        ),
        ("a removal of unknown fate", intended(Remove, 1), Target::Absent, false, true, call(Remove, 1)),
    ] {
        let vendor = Vendor { idempotent, overwrites: false };
        assert_eq!(next_step(&delivery, &target, may_send, vendor, at(20)), expected, "{case}");
    }
}

#[test]
fn where_what_is_wanted_overwrites_what_stands_it_is_sent_alone() {
    let call = |operation, value: u8| Step::Call(operation, cells(value), SourceHash::of(&cells(value)));
    let refused = OutcomeResult::SetAside { source: SourceHash::of(&cells(2)), reason: String::new() };
    let refused = Delivery { outcome: Some(Outcome { at: at(0), result: refused }), ..sent(1) };
    use Operation::{Add, Remove};
    for (case, delivery, target, may_send, expected) in [
        ("changed", sent(1), present(2), true, call(Add, 2)),
        ("changed, not allowed", sent(1), present(2), false, Step::Hold),
        ("changed, and refused by the vendor", refused, present(2), true, Step::Done),
        ("left", sent(1), Target::Absent, true, call(Remove, 1)),
        (
            "an addition of unknown fate, something else wanted",
            intended(Add, 1),
            present(2),
            true,
            call(Add, 2),
        ),
        ("the same, not allowed", intended(Add, 1), present(2), false, call(Remove, 1)),
        (
            "a removal of unknown fate, something else wanted",
            intended(Remove, 1),
            present(2),
            true,
            call(Add, 2),
        ),
        ("the same, nothing wanted", intended(Remove, 1), Target::Absent, true, call(Remove, 1)),
    ] {
        let vendor = Vendor { idempotent: true, overwrites: true };
        assert_eq!(next_step(&delivery, &target, may_send, vendor, at(20)), expected, "{case}");
    }
}

#[test]
fn what_the_vendor_accepted_is_asked_for_as_long_as_it_is_wanted() {
    let call = |operation, value: u8| Step::Call(operation, cells(value), SourceHash::of(&cells(value)));
    let look = |operation, value: u8| Step::Look(accepted(operation, value).intent.unwrap());
    use Operation::{Add, Remove};
    for (case, delivery, target, may_send, overwrites, expected) in [
        ("an addition, wanted", accepted(Add, 1), present(1), true, false, look(Add, 1)),
        ("the same, held since", accepted(Add, 1), present(1), false, false, look(Add, 1)),
        ("the same, left since", accepted(Add, 1), Target::Absent, true, false, call(Remove, 1)),
        ("the same, changed since", accepted(Add, 1), present(2), true, false, call(Remove, 1)),
        ("the same, overwritten", accepted(Add, 1), present(2), true, true, call(Add, 2)),
        ("the same, not decided", accepted(Add, 1), Target::Undecided, true, false, Step::Done),
        ("a removal, wanted", accepted(Remove, 1), Target::Absent, false, false, look(Remove, 1)),
        ("the same, before something else", accepted(Remove, 1), present(2), true, false, look(Remove, 1)),
        ("the same, overwritten", accepted(Remove, 1), present(2), true, true, call(Add, 2)),
        ("the same, not to be overwritten", accepted(Remove, 1), present(2), false, true, look(Remove, 1)),
        ("the same, come back", accepted(Remove, 1), present(1), true, false, call(Add, 1)),
    ] {
        let vendor = Vendor { idempotent: true, overwrites };
        for now in [at(5), at(20)] {
            assert_eq!(next_step(&delivery, &target, may_send, vendor, now), expected, "{case}");
        }
    }
}

#[test]
fn whoever_leaves_is_not_put_off_until_an_addition_is_confirmed() {
    let put_off = |delivery: Delivery| Delivery { dirty: true, ..delivery };
    let lags = |delivery: Delivery, wanted: &Wanted| lags(Some(&put_off(delivery)), wanted, true);
    assert!(lags(accepted(Operation::Add, 1), &Wanted::Absent));
    assert!(!lags(accepted(Operation::Add, 1), &Wanted::Present(cells(1))));
    assert!(!lags(accepted(Operation::Remove, 1), &Wanted::Absent));
    assert!(!lags(intended(Operation::Add, 1), &Wanted::Absent), "its worker is at it");
}

/// One thing that happens to a delivery while its worker goes about it.
#[derive(Debug, Clone)]
enum Event {
    Want(Option<u8>),
    Allow(bool),
    /// A step whose call is made and whose outcome is written.
    Work,
    /// A step whose call the vendor accepts, and confirms when it is asked.
    Accept,
    /// A step whose worker dies: before the call, or after it.
    Die {
        called: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop::option::of(0_u8..3).prop_map(Event::Want),
        any::<bool>().prop_map(Event::Allow),
        Just(Event::Work),
        Just(Event::Accept),
        any::<bool>().prop_map(|called| Event::Die { called }),
    ]
}

/// How a step ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Settled,
    Accepted,
    Died { called: bool },
}

struct World {
    delivery: Delivery,
    target: Target,
    allowed: bool,
    /// What the vendor holds; adding or removing twice is the same as once.
    vendor: BTreeSet<Cells>,
    /// Whether it holds one thing of a person, under an id that stays, so that the later call stands.
    overwrites: bool,
    clock: i64,
}

impl World {
    /// Makes one step, as the worker does; says whether there was one to make.
    fn step(&mut self, end: End) -> bool {
        self.clock += 100;
        let vendor = Vendor { idempotent: true, overwrites: self.overwrites };
        let intent = match next_step(&self.delivery, &self.target, self.allowed, vendor, at(self.clock)) {
            Step::Call(operation, cells, source) => self.call(operation, cells, source, end),
            Step::Look(intent) => intent,
            _ => return false,
        };
        if end == End::Settled {
            self.delivery.intent = None;
            self.delivery.sent = (intent.operation == Operation::Add).then(|| Sent {
                cells: intent.cells,
                source: intent.source,
                at: at(self.clock),
                sequence: 1,
            });
        }
        true
    }

    fn call(&mut self, operation: Operation, cells: Cells, source: SourceHash, end: End) -> Intent {
        let receipt = (end == End::Accepted).then(|| "r".to_owned());
        let deadline = at(self.clock + 10);
        let intent = Intent { attempt: self.clock.to_string(), operation, cells, source, deadline, receipt };
        self.delivery.intent = Some(intent.clone());
        if end == (End::Died { called: false }) {
            return intent;
        }
        if self.overwrites {
            self.vendor.clear();
        }
        match operation {
            Operation::Add => {
                assert!(self.allowed, "nothing is sent that may not be");
                self.vendor.insert(intent.cells.clone());
            }
            Operation::Remove => {
                self.vendor.remove(&intent.cells);
            }
        }
        intent
    }
}

proptest! {
    /// However often workers die, whatever changes in between: in the end the vendor holds exactly what is wanted,
    /// or nothing but what was sent before it was held.
    #[test]
    fn deliveries_end_at_what_is_wanted_whatever_dies_or_changes(
        events in prop::collection::vec(event(), 0..40),
        overwrites: bool,
    ) {
        let mut world = World {
            delivery: Delivery::default(),
            target: Target::Absent,
            allowed: true,
            vendor: BTreeSet::new(),
            overwrites,
            clock: 0,
        };
        for event in events {
            match event {
                Event::Want(value) => world.target = value.map_or(Target::Absent, present),
                Event::Allow(allowed) => world.allowed = allowed,
                Event::Work => { world.step(End::Settled); }
                Event::Accept => { world.step(End::Accepted); }
                Event::Die { called } => { world.step(End::Died { called }); }
            }
            prop_assert!(world.vendor.len() <= 1, "a person stands at most once: {:?}", world.vendor);
        }
        world.allowed = true;
        let steps = (0..10).take_while(|_| world.step(End::Settled)).count();
        prop_assert!(steps < 10, "it comes to an end");
        let wanted: BTreeSet<Cells> = match &world.target {
            Target::Present(cells, _) => BTreeSet::from([cells.clone()]),
            _ => BTreeSet::new(),
        };
        prop_assert_eq!(&world.vendor, &wanted);
        let wanted = match &world.target {
            Target::Present(cells, _) => Wanted::Present(cells.clone()),
            _ => Wanted::Absent,
        };
        prop_assert!(!lags(Some(&world.delivery), &wanted, true), "what is delivered does not lag");
    }
}

/// What stands of a person of whom two profiles have become one.
fn row(email: u8, phone: u8) -> Sent {
    let cells =
        Cells::from([("EMAIL".to_owned(), format!("e{email}")), ("PHONE".to_owned(), format!("p{phone}"))]);
    Sent { source: SourceHash::of(&cells), cells, at: at(0), sequence: 1 }
}

#[test]
fn what_two_profiles_have_sent_alike_needs_no_call() {
    let vendor = Vendor { idempotent: false, overwrites: false };
    let step = |delivery: &Delivery| next_step(delivery, &present(1), true, vendor, at(100));
    let both = Delivery { also: sent(1).sent.into_iter().collect(), ..sent(1) };
    assert!(lags(Some(&both), &Wanted::Present(cells(1)), true));
    let Step::Turn(stands) = step(&both) else { panic!("it is not written down anew") };
    assert_eq!(stands, sent(1).sent.into_iter().collect::<Vec<_>>());
    assert_eq!(step(&Delivery { sent: stands.into_iter().next(), ..Delivery::default() }), Step::Done);
    // What only the other has sent is as good.
    let theirs = Delivery { also: sent(1).sent.into_iter().collect(), ..Delivery::default() };
    assert_eq!(step(&theirs), Step::Turn(sent(1).sent.into_iter().collect()));
}

#[test]
fn what_stands_of_a_profile_that_has_become_another_is_handed_over_once_every_call_is_over() {
    let step = |delivery: &Delivery, idempotent, now| {
        let vendor = Vendor { idempotent, overwrites: false };
        next_step(delivery, &Target::OfAnother, true, vendor, at(now))
    };
    let under_way = intended(Operation::Add, 2);
    assert_eq!(step(&sent(1), true, 100), Step::HandOver);
    assert_eq!(step(&under_way, true, 5), Step::Wait(at(10)));
    let Step::Turn(stands) = step(&Delivery { intent: under_way.intent.clone(), ..sent(1) }, true, 100)
    else {
        panic!("what may stand is not written down")
    };
    assert_eq!(stands.into_iter().map(|sent| sent.cells).collect::<Vec<_>>(), [cells(1), cells(2)]);
    assert_eq!(step(&under_way, false, 100), Step::Unknown("a".to_owned()), "a person decides first");
    assert!(matches!(step(&accepted(Operation::Add, 2), false, 100), Step::Look(_)));
}

proptest! {
    /// Whatever stood of several profiles that have become one, and however they shared values: in the end the vendor
    /// holds exactly what is wanted, and does not find it gone with what was withdrawn.
    #[test]
    fn joined_deliveries_end_at_what_is_wanted(
        stood in prop::collection::vec((0_u8..3, 0_u8..3), 1..5),
        has_sent: bool,
        wanted in prop::option::of((0_u8..3, 0_u8..3)),
    ) {
        let mut vendor: BTreeSet<Cells> = stood.iter().map(|(email, phone)| row(*email, *phone).cells).collect();
        let mut all: Vec<Sent> = stood.iter().map(|(email, phone)| row(*email, *phone)).collect();
        let first = has_sent.then(|| all.remove(0));
        let mut delivery = Delivery { sent: first, also: all, ..Delivery::default() };
        let wanted = wanted.map(|(email, phone)| row(email, phone));
        let target = wanted.as_ref().map_or(Target::Absent, |row| Target::Present(row.cells.clone(), row.source.clone()));
        let rules = Vendor { idempotent: true, overwrites: false };
        let mut steps = 0;
        loop {
            match next_step(&delivery, &target, true, rules, at(100)) {
                Step::Done => break,
                Step::Turn(stands) => {
                    let mut stands = stands.into_iter();
                    delivery.sent = stands.next();
                    delivery.also = stands.collect();
                }
                Step::Call(Operation::Remove, cells, _) => {
                    // A vendor finds a person by any value.
                    vendor.retain(|row| !row.values().any(|value| cells.values().any(|gone| gone == value)));
                    delivery.sent = None;
                }
                Step::Call(Operation::Add, cells, source) => {
                    vendor.insert(cells.clone());
                    delivery.sent = Some(Sent { cells, source, at: at(1), sequence: 1 });
                }
                other => panic!("{other:?}"),
            }
            steps += 1;
            prop_assert!(steps < 30, "it comes to an end");
        }
        prop_assert!(delivery.also.is_empty());
        prop_assert_eq!(vendor, wanted.into_iter().map(|row| row.cells).collect::<BTreeSet<_>>());
    }
}
