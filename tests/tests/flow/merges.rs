//! Profiles that turn out to be one person, or two: nothing of them is lost, whoever dies in between, and nobody who
//! stays a member is told to leave.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::delivery::{Cells, Sent, SourceHash};
use domain::fragment::FragmentKey;
use domain::graph::DropReason;
use domain::membership::{Membership, MembershipStatus, Memberships};
use domain::profile::Profile;
use domain::value::{self, Value};
use ingest::row::Outcome;
use jiff::Timestamp;
use serde_json::json;
use tests::flow::Gate;
use tests::graph_api::Fault;

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, FACEBOOK, answer, answer_of, customers, digest};
use crate::desk::{DATASET, Desk};

/// What a story does at the desk.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// A record of a time is applied.
    Hear(u64, &'static [&'static str]),
    /// Something was sent of whoever has an identity, and they are in an audience.
    Send(&'static str),
    /// An identity is split off.
    Split(&'static str),
}
use Act::{Hear, Send, Split};

struct Story {
    name: &'static str,
    before: &'static [Act],
    then: Act,
    /// Whose profiles are compared.
    people: &'static [&'static str],
}

const STORIES: [Story; 3] = [
    Story {
        name: "merge",
        before: &[
            Hear(1, &["Email:b", "NorthlightID:N"]),
            Hear(2, &["CRMID:1", "Email:a"]),
            Send("Email:b"),
            Send("CRMID:1"),
        ],
        then: Hear(3, &["CRMID:1", "Email:b"]),
        people: &["CRMID:1", "Email:a", "Email:b"],
    },
    Story {
        name: "move",
        before: &[
            Hear(1, &["CRMID:1", "Email:s"]),
            Hear(2, &["Email:s", "NorthlightID:N"]),
            Send("CRMID:1"),
            Hear(2, &["CRMID:2", "Email:b"]),
        ],
        then: Hear(3, &["CRMID:2", "Email:s"]),
        people: &["CRMID:1", "CRMID:2", "Email:s"],
    },
    Story {
        name: "split",
        before: &[Hear(1, &["CRMID:1", "Email:s"]), Hear(2, &["Email:s", "NorthlightID:N"]), Send("CRMID:1")],
        then: Split("Email:s"),
        people: &["CRMID:1", "Email:s"],
    },
];

/// A story with names of its own.
struct Play<'a> {
    desk: &'a Desk,
    name: String,
}

impl Play<'_> {
    fn text(&self, text: &str) -> String {
        let (namespace, value) = text.split_once(':').unwrap();
        let domain = if namespace == "Email" { "@example.com" } else { "" };
        format!("{namespace}:{value}-{}{domain}", self.name)
    }

    async fn act(&self, store: &aws::Store, act: Act) -> Result<(), aws::Error> {
        match act {
            Hear(time, texts) => {
                let texts: Vec<String> = texts.iter().map(|text| self.text(text)).collect();
                let record = self.desk.record(time, time, &texts, &time.to_string());
                assert!(matches!(self.desk.apply(store, &record).await?, Outcome::Ingested { .. }));
            }
            Send(text) => {
                let profile = self.desk.profile(&self.text(text)).await.unwrap();
                let flow = FACEBOOK.parse().unwrap();
                let cells = Cells::from([("EMAIL".to_owned(), text.to_owned())]);
                let sent =
                    Sent { source: SourceHash::of(&cells), cells, at: Timestamp::UNIX_EPOCH, sequence: 1 };
                store.profiles.take_over(&profile.id, &flow, &[sent], Timestamp::now()).await?;
                let membership = Membership {
                    status: MembershipStatus::Realized,
                    since: Timestamp::UNIX_EPOCH,
                    definition: serde_json::from_value(json!("d")).unwrap(),
                };
                let audience = text.replace(':', "_").to_lowercase().parse().unwrap();
                let audiences = [(audience, membership)].into();
                let memberships = Memberships { version: 1, sequence: 1, audiences };
                assert!(store.profiles.put_memberships(&profile.id, &memberships, 0).await?);
            }
            Split(text) => _ = self.desk.split(store, &self.text(text), 10).await?,
        }
        Ok(())
    }

    async fn begin(&self, story: &Story) {
        for act in story.before {
            self.act(&self.desk.store, *act).await.unwrap();
        }
    }

    /// Who is who, and what lies with them, in words that do not differ among plays.
    async fn outcome(&self, story: &Story) -> String {
        let store = &self.desk.store;
        let partner_id = self.desk.identity(&self.text("NorthlightID:N")).key;
        let references = store.identities.references(&partner_id).await.unwrap();
        let mut people = Vec::new();
        for text in story.people {
            let Some(profile) = self.desk.profile(&self.text(text)).await else {
                people.push(json!({ *text: null }));
                continue;
            };
            let names: BTreeSet<String> = profile
                .graph
                .identities
                .values()
                .map(|node| format!("{}:{}", node.namespace, node.value))
                .collect();
            let said: Vec<_> =
                profile.fragments.values().map(|each| (&each.attributes, each.token.time)).collect();
            let mut said: Vec<String> = said.into_iter().map(|said| format!("{said:?}")).collect();
            said.sort();
            let mut stands: Vec<_> = profile
                .deliveries
                .values()
                .flat_map(|each| each.may_stand())
                .map(|sent| sent.cells)
                .collect();
            stands.sort();
            let audiences: Vec<String> =
                profile.memberships.audiences.keys().map(ToString::to_string).collect();
            // A reference too many does no harm: what it leads to is looked at.
            let holds = profile.fragments.values().any(|fragment| fragment.holds(&partner_id));
            let is_found = holds && references.iter().any(|reference| reference.profile == profile.id);
            people.push(json!({ *text: {
                "names": names, "said": said, "stands": stands, "audiences": audiences, "found": is_found,
                "splits": profile.graph.splits.len(), "dropped": profile.graph.dropped.len(),
            }}));
        }
        json!(people).to_string().replace(&format!("-{}", self.name), "")
    }
}

fn is_write(call: &str) -> bool {
    call.starts_with("DynamoDB") && !call.ends_with(".GetItem") && !call.ends_with(".Query")
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn whoever_dies_at_any_write_of_a_merge_a_move_or_a_split_leaves_what_the_sweep_and_the_next_row_repair()
 {
    let local = Desk::local().await;
    let desk = Desk::at(&local).await;
    for story in &STORIES {
        let play = Play { desk: &desk, name: format!("{}-undisturbed", story.name) };
        play.begin(story).await;
        play.act(&desk.store, story.then).await.unwrap();
        let expected = play.outcome(story).await;
        for call in 0.. {
            let play = Play { desk: &desk, name: format!("{}-{call}", story.name) };
            play.begin(story).await;
            let gate = Gate::on(&local, is_write, call).await;
            let store = gate.store(&local);
            let ended = gate.hold(&mut Box::pin(play.act(&store, story.then))).await;
            // What is on its way when everybody looks is nobody's loss.
            desk.sweep().await;
            desk.account().await;
            if ended.is_some() {
                assert!(call > 3, "{} has more writes than these", story.name);
                break;
            }
            play.act(&desk.store, story.then).await.unwrap();
            assert_eq!(play.outcome(story).await, expected, "{} died at write {call}", story.name);
        }
    }
    desk.account().await;
}

#[tokio::test]
async fn two_profiles_of_one_person_become_one_with_all_that_lies_under_them() {
    let desk = Desk::at(&Desk::local().await).await;
    let play = Play { desk: &desk, name: "one".to_owned() };
    play.begin(&STORIES[0]).await;
    let loser = desk.profile(&play.text("Email:b")).await.unwrap();
    play.act(&desk.store, STORIES[0].then).await.unwrap();
    let profile = desk.profile(&play.text("Email:b")).await.unwrap();
    assert_eq!(profile.id, desk.profile(&play.text("CRMID:1")).await.unwrap().id);
    assert_eq!((profile.graph.identities.len(), profile.fragments.len()), (3, 2));
    assert_eq!(profile.memberships.audiences.len(), 2, "in whatever audience either was in");
    assert_eq!(
        profile.deliveries[&FACEBOOK.parse().unwrap()].may_stand().len(),
        2,
        "nothing sent is forgotten"
    );
    let left = desk.store.profiles.load_all(&loser.id).await.unwrap().unwrap();
    assert_eq!(left.graph.merged_into, Some(profile.id));
    assert!(left.fragments.is_empty() && left.deliveries.is_empty());
    // A writer who had read that it is theirs before, and writes only now.
    let key =
        FragmentKey { dataset: DATASET.parse().unwrap(), primary: desk.identity(&play.text("Email:b")).key };
    let mut late = profile.fragments[&key].clone();
    late.token.time = 9;
    assert!(desk.store.profiles.put_fragment(&loser.id, &key, &late, None).await.unwrap());
    desk.sweep().await;
    assert_eq!(desk.account().await[&key].token.time, 9, "what landed there late has followed");
}

#[tokio::test]
async fn whoever_repeats_the_writing_of_a_graph_learns_that_it_is_written() {
    let local = Desk::local().await;
    let desk = Desk::at(&local).await;
    desk.hear(1, &["CRMID:1", "Email:a@example.com"]).await;
    let profiles = &desk.store.profiles;
    let Profile { id, graph, .. } = desk.profile("CRMID:1").await.unwrap();
    let next = |value: &str| graph.without(&BTreeSet::from([&desk.identity(value).key]));
    let read = Some(graph.version);
    for repeated in 0..2 {
        assert!(profiles.put_graph(&id, &next("CRMID:1"), read).await.unwrap(), "{repeated}");
        assert!(!profiles.put_graph(&id, &next("Email:a@example.com"), read).await.unwrap(), "{repeated}");
    }
    assert_eq!(profiles.graph(&id).await.unwrap(), Some(next("CRMID:1")));
}

#[tokio::test]
async fn a_shared_email_follows_the_newest_customer_and_both_are_told_why() {
    let desk = Desk::at(&Desk::local().await).await;
    desk.hear(1, &["CRMID:1", "Email:s@example.com"]).await;
    desk.hear(2, &["Email:s@example.com"]).await;
    desk.hear(3, &["CRMID:2", "Email:s@example.com"]).await;
    let one = desk.profile("CRMID:1").await.unwrap();
    let two = desk.profile("CRMID:2").await.unwrap();
    assert_eq!((one.fragments.len(), two.fragments.len()), (1, 2), "with what was said of it");
    assert_eq!(two.id, desk.profile("Email:s@example.com").await.unwrap().id);
    for profile in [&one, &two] {
        let dropped: Vec<_> = profile.graph.dropped.iter().map(|dropped| &dropped.reason).collect();
        assert_eq!(dropped, [&DropReason::Unique { namespace: "CRMID".parse().unwrap() }]);
    }
    // An older row changes nothing, and neither does one that says what it said.
    desk.hear(2, &["CRMID:3", "Email:s@example.com"]).await;
    let same = desk.record(9, 9, &["CRMID:1", "Email:s@example.com"], "says something else");
    desk.apply(&desk.store, &same).await.unwrap();
    assert_eq!(desk.profile("Email:s@example.com").await.unwrap().id, two.id);
    desk.account().await;
}

#[tokio::test]
async fn a_full_graph_lets_go_of_the_oldest_browser_and_a_record_names_20_identities_at_most() {
    let desk = Desk::at(&Desk::local().await).await;
    let ecid = |number: u64| format!("ECID:{number:038}");
    desk.hear(1, &["CRMID:1", "Email:s@example.com"]).await;
    for number in 2..=49 {
        desk.hear(number, &["CRMID:1".to_owned(), ecid(number)]).await;
    }
    desk.hear(50, &[ecid(2)]).await;
    desk.hear(51, &["CRMID:1".to_owned(), ecid(51)]).await;
    let person = desk.profile("CRMID:1").await.unwrap();
    assert_eq!(person.graph.identities.len(), 50);
    let evicted = desk.profile(&ecid(2)).await.unwrap();
    assert_ne!(evicted.id, person.id);
    assert_eq!(evicted.fragments.len(), 1, "what was said of it is apart");

    let emails: Vec<String> = (0..21).map(|number| format!("Email:{number}@example.com")).collect();
    assert!(matches!(desk.hear(60, &emails).await, Outcome::SetAside("too_many_identities", _)));
    assert!(matches!(desk.hear(60, &emails[..20]).await, Outcome::Ingested { created: true }));
    let two = ["CRMID:7", "CRMID:8"];
    assert!(matches!(desk.hear(61, &two).await, Outcome::SetAside("identity_conflict", _)));
    desk.account().await;
}

#[tokio::test]
async fn a_split_outlives_old_evidence_and_not_a_newer_record() {
    let desk = Desk::at(&Desk::local().await).await;
    desk.hear(1, &["CRMID:1", "Email:a@example.com"]).await;
    desk.hear(2, &["Email:b@example.com"]).await;
    desk.hear(3, &["CRMID:1", "Email:b@example.com"]).await;
    let one = desk.profile("CRMID:1").await.unwrap().id;
    assert!(desk.split(&desk.store, "Email:b@example.com", 10).await.unwrap());
    let other = desk.profile("Email:b@example.com").await.unwrap();
    assert_ne!(other.id, one);
    assert_eq!((other.fragments.len(), other.graph.splits.len()), (1, 1));
    desk.hear(4, &["Email:a@example.com", "Email:b@example.com"]).await;
    assert_ne!(desk.profile("Email:b@example.com").await.unwrap().id, one, "it was so before the split");
    desk.hear(11, &["Email:b@example.com", "Email:a@example.com"]).await;
    assert_eq!(desk.profile("Email:b@example.com").await.unwrap().id, one, "somebody says so anew");
    desk.account().await;
}

const SECOND: &str = "sub@example.com";

/// A bank at which Bobby is known a second time, by another address, and is in the audience as both.
async fn known_twice(bank: &Bank) {
    let desk = Desk::at(&bank.flow.local).await;
    let mut record = desk.record(1, 1, &[format!("Email:{SECOND}")], "plus");
    value::insert(&mut record.attributes, &"hasFinancialAdvisor".parse().unwrap(), Value::Boolean(false));
    desk.apply(&desk.store, &record).await.unwrap();
    let second = BOBBYS_ANSWER.replace("bobby.bank@example.com", SECOND).replace("N-1", "N-9");
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, &second])).await;
}

/// A row by which Bobby's customer number has the other address too.
fn moved() -> String {
    customers(&[&BOBBY.replace("bobby.bank@example.com", SECOND).replace("2026-01-01", "2026-03-01")])
}

#[tokio::test]
async fn two_members_who_turn_out_to_be_one_stay_a_member_and_stand_once() {
    let bank = Bank::with_a_member().await;
    known_twice(&bank).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes().len(), 2, "they stand twice");
    let loser = bank.profile("Email", SECOND).await.id;
    bank.flow.bring("crm/moved.csv", &moved()).await;
    let one = bank.profile("Email", SECOND).await;
    assert_eq!(one.id, bank.profile("CRMID", "C-1").await.id);
    assert_ne!(one.id, loser);
    assert!(bank.hashes().contains(&digest(SECOND)), "nobody has left");
    bank.catch_up().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::from([digest(SECOND)]), "once, by the newest address");
    let delivery = bank.delivery(SECOND, FACEBOOK).await;
    assert!(delivery.also.is_empty() && !delivery.dirty, "{delivery:?}");
    let calls = bank.calls();
    bank.catch_up().await;
    assert_eq!(bank.calls(), calls, "nothing is left to do");
}

#[tokio::test]
async fn a_call_that_was_under_way_when_its_profile_became_another_is_made_good() {
    let bank = Bank::with_a_member().await;
    known_twice(&bank).await;
    bank.flow.evaluate().await;
    bank.vendor.inject(Fault::HangAfterProcessing);
    let death = async {
        while bank.hashes().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! { () = bank.flow.wake(FACEBOOK) => panic!("the worker survived"), () = death => {} }
    let loser = bank.profile("Email", SECOND).await;
    assert!(loser.deliveries[&FACEBOOK.parse().unwrap()].intent.is_some());
    bank.flow.bring("crm/moved.csv", &moved()).await;
    // They turn out to be poor: what may stand must go, whoever sent it.
    let poor = BOBBYS_ANSWER.replace("over_1m", "under_100k");
    let poor = [poor.clone(), poor.replace("bobby.bank@example.com", SECOND).replace("N-1", "N-9")];
    bank.flow.bring(&answer_of("2026-02-03"), &answer(&poor.each_ref().map(String::as_str))).await;
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    for _ in 0..3 {
        bank.catch_up().await;
    }
    assert_eq!(bank.hashes(), BTreeSet::new());
    let left = bank.flow.local.store.profiles.load_all(&loser.id).await.unwrap().unwrap();
    assert!(left.deliveries.is_empty(), "{:?}", left.deliveries);
}
