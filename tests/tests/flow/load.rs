//! Merge and split under load: writers link, send, enter audiences and split at random, all at once. A model beside them
//! notes what each of them was told had been written, and in the end all of it is there, once, with its person.

#![expect(clippy::panic, reason = "a writer that is told what cannot be fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws::{Settlement, Store};
use domain::delivery::{
    Cells, Delivery, Intent, Operation, Outcome, OutcomeResult, Sent, SourceHash, Step, Target, Vendor,
    next_step,
};
use domain::fragment::OrderToken;
use domain::identity::{IdentityKey, ProfileId};
use domain::membership::{Membership, MembershipStatus};
use domain::name::{AudienceName, DataflowName};
use ingest::row::Outcome as Applied;
use jiff::{SignedDuration, Timestamp};
use tests::flow::Local;

use crate::desk::Desk;

/// How many write at once.
const WRITERS: u64 = 8;

/// How many identities of each kind there are: few, so that writers meet.
const PEOPLE: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_writers_merge_and_split_for_seconds() {
    run(1, Duration::from_secs(10)).await;
}

/// `TRIBUTARY_LOAD_SEEDS` and `TRIBUTARY_LOAD_SECONDS` say how many seeds, and how long each.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn nothing_is_lost_while_writers_merge_and_split_for_minutes() {
    let number =
        |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let seconds = Duration::from_secs(number("TRIBUTARY_LOAD_SECONDS", 60));
    for seed in 1..=number("TRIBUTARY_LOAD_SEEDS", 10) {
        run(seed, seconds).await;
    }
}

/// What must be there, as the writers were told.
#[derive(Default)]
struct Model {
    /// The newest record of each primary identity.
    fragments: BTreeMap<IdentityKey, OrderToken>,
    /// What stands at vendors, and for which profile it was sent.
    stands: BTreeMap<Cells, ProfileId>,
    /// Who entered an audience of their own.
    members: Vec<(ProfileId, AudienceName)>,
    /// When each two identities were last said to be one.
    asked: BTreeMap<(IdentityKey, IdentityKey), BTreeSet<u64>>,
    counts: BTreeMap<&'static str, u64>,
}

struct Load {
    desk: Desk,
    model: Mutex<Model>,
    clock: AtomicU64,
    until: Instant,
}

async fn run(seed: u64, lasts: Duration) {
    let local: Local = Desk::local().await;
    let desk = Desk::at(&local).await;
    let load = Arc::new(Load {
        desk,
        model: Mutex::default(),
        clock: AtomicU64::new(1),
        until: Instant::now() + lasts,
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            // A store each, as each function has.
            let store = local.tables();
            let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (number + 1));
            tokio::spawn(Writer { load: load.clone(), store, dice, number }.write())
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let unsettled = load.desk.unsettled().await.len();
    load.desk.sweep().await;
    let left = load.check().await;
    let counts = std::mem::take(&mut load.model.lock().unwrap().counts);
    println!(
        "seed {seed}, {} s: {counts:?}; {unsettled} profiles unsettled before the sweep; {left}",
        lasts.as_secs()
    );
}

/// Numbers by chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn identity(&mut self) -> String {
        let person = self.below(PEOPLE);
        self.identity_of(person)
    }

    /// Mostly one of a person, often one of whoever shares much with them, rarely anybody's.
    fn identity_of(&mut self, person: u64) -> String {
        let number = match self.below(50) {
            0 => self.below(PEOPLE),
            1..10 => person ^ 1,
            _ => person,
        };
        match self.below(4) {
            0 => format!("CRMID:{number}"),
            1 => format!("Phone_E.164:+1555000{:04}", number),
            2 => format!("ECID:{number:038}"),
            _ => format!("Email:{number}@example.com"),
        }
    }
}

struct Writer {
    load: Arc<Load>,
    store: Store,
    dice: Dice,
    number: u64,
}

impl Writer {
    async fn write(mut self) {
        while Instant::now() < self.load.until {
            let what = match self.dice.below(100) {
                0..70 => self.hear().await,
                70..82 => self.deliver().await,
                82..92 => self.enter().await,
                92..97 => self.split().await,
                _ => self.settle().await,
            };
            *self.load.model.lock().unwrap().counts.entry(what).or_default() += 1;
        }
    }

    fn tick(&self) -> u64 {
        self.load.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// A record, now and then one that comes late.
    async fn hear(&mut self) -> &'static str {
        let (person, more) = (self.dice.below(PEOPLE), self.dice.below(3));
        let mut texts: BTreeSet<String> = (0..=more).map(|_| self.dice.identity_of(person)).collect();
        let customer = texts.iter().find(|text| text.starts_with("CRMID")).cloned();
        texts.retain(|text| !text.starts_with("CRMID") || Some(text) == customer.as_ref());
        let mut texts: Vec<String> = texts.into_iter().collect();
        let first = usize::try_from(self.dice.below(texts.len() as u64)).unwrap();
        texts.swap(0, first);
        if self.dice.below(3) == 0 {
            texts.push(format!("NorthlightID:{}", self.dice.below(PEOPLE)));
        }
        let row = self.tick();
        let time = if self.dice.below(10) == 0 { row.saturating_sub(self.dice.below(50)) } else { row } / 4;
        let record = self.load.desk.record(time, row, &texts, &row.to_string());
        let mut busy = 0;
        loop {
            match self.load.desk.apply(&self.store, &record).await {
                Ok(Applied::Ingested { .. } | Applied::Older) => break,
                Ok(Applied::SetAside("too_many_identities", _)) => {
                    return "records that would change too much";
                }
                // The message comes again.
                Err(error) if error.to_string().contains("too many writers") && busy < 50 => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        let mut model = self.load.model.lock().unwrap();
        let newest = model.fragments.entry(record.primary.key.clone()).or_insert(record.token);
        *newest = (*newest).max(record.token);
        let keys: BTreeSet<&IdentityKey> = record.identities().map(|identity| &identity.key).collect();
        for one in &keys {
            for other in keys.iter().filter(|other| *other > one) {
                model.asked.entry(((*one).clone(), (*other).clone())).or_default().insert(time);
            }
        }
        if busy > 0 { "records that came again" } else { "records" }
    }

    async fn whoever(&mut self) -> Option<ProfileId> {
        let key = self.load.desk.identity(&self.dice.identity()).key;
        let named = self.store.identities.link(&key).await.unwrap()?;
        Some(self.store.live(&named).await.unwrap()?.0)
    }

    /// One step of the dataflow of which this writer is the worker: sends, or withdraws what was sent.
    async fn deliver(&mut self) -> &'static str {
        let flow: DataflowName = format!("flow_{}", self.number).parse().unwrap();
        let Some(profile) = self.whoever().await else { return "nobody" };
        let profiles = &self.store.profiles;
        let delivery = profiles.load_all(&profile).await.unwrap().unwrap().deliveries.remove(&flow);
        let delivery = delivery.unwrap_or_default();
        if delivery.intent.is_some() {
            return "calls under way";
        }
        let target = if delivery.may_stand().is_empty() {
            let cells = Cells::from([("EMAIL".to_owned(), format!("{}-{}", self.number, self.tick()))]);
            let source = SourceHash::of(&cells);
            profiles.mark(&profile, &flow, Timestamp::now()).await.unwrap();
            Target::Present(cells, source)
        } else {
            Target::Absent
        };
        let vendor = Vendor { idempotent: true, overwrites: false };
        match next_step(&delivery, &target, true, vendor, Timestamp::now()) {
            Step::Turn(stands) => {
                profiles.turn(&profile, &flow, &delivery, &stands).await.unwrap();
                "turns"
            }
            Step::Call(operation, cells, source) => {
                self.call(&profile, &flow, &delivery, (operation, cells, source)).await
            }
            other => panic!("{other:?}"),
        }
    }

    async fn call(
        &mut self,
        profile: &ProfileId,
        flow: &DataflowName,
        delivery: &Delivery,
        (operation, cells, source): (Operation, Cells, SourceHash),
    ) -> &'static str {
        let profiles = &self.store.profiles;
        let now = Timestamp::now();
        let attempt = format!("{}-{}", self.number, self.tick());
        let deadline = now.saturating_add(SignedDuration::from_secs(60)).unwrap();
        let intent = Intent {
            attempt: attempt.clone(),
            operation,
            cells: cells.clone(),
            source: source.clone(),
            deadline,
            receipt: None,
        };
        if !profiles.intend(profile, flow, None, &intent).await.unwrap() {
            return "calls that were not made";
        }
        {
            let mut model = self.load.model.lock().unwrap();
            match operation {
                Operation::Add => _ = model.stands.insert(cells.clone(), profile.clone()),
                Operation::Remove => _ = model.stands.remove(&cells),
            }
        }
        tokio::time::sleep(Duration::from_millis(self.dice.below(40))).await;
        let sent = (operation == Operation::Add).then_some(Sent { cells, source, at: now, sequence: 1 });
        let settlement = Settlement {
            attempt: Some(&attempt),
            sent: sent.as_ref(),
            outcome: &Outcome { at: now, result: OutcomeResult::Delivered { operation } },
            failures: 0,
            done: true,
            generation: delivery.generation,
            due: now,
            keep_intent: false,
        };
        assert!(profiles.settle(profile, flow, &settlement).await.unwrap(), "an intent is somebody else's");
        "calls"
    }

    /// Somebody enters an audience of their own.
    async fn enter(&mut self) -> &'static str {
        let Some(profile) = self.whoever().await else { return "nobody" };
        let mut memberships = self.store.profiles.memberships(&profile).await.unwrap();
        let read = memberships.version;
        let audience: AudienceName = format!("a{}", self.tick()).parse().unwrap();
        let membership = Membership {
            status: MembershipStatus::Realized,
            since: Timestamp::UNIX_EPOCH,
            definition: serde_json::from_str("\"d\"").unwrap(),
        };
        memberships.audiences.insert(audience.clone(), membership);
        memberships.version += 1;
        if !self.store.profiles.put_memberships(&profile, &memberships, read).await.unwrap() {
            return "entries that were refused";
        }
        self.load.model.lock().unwrap().members.push((profile, audience));
        "entries"
    }

    async fn split(&mut self) -> &'static str {
        let (text, at) = (self.dice.identity(), self.tick() / 4);
        if self.load.desk.split(&self.store, &text, at).await.unwrap() {
            "splits"
        } else {
            "nothing to split"
        }
    }

    /// What an evaluation does in between.
    async fn settle(&mut self) -> &'static str {
        if let Some(profile) = self.whoever().await {
            self.store.settle(&self.load.desk.catalogue, &profile, Timestamp::now()).await.unwrap();
        }
        "settlings"
    }
}

impl Load {
    /// Holds what is stored against the model.
    async fn check(&self) -> String {
        let fragments = self.desk.account().await;
        let all = self.desk.everything().await;
        let model = self.model.lock().unwrap();

        let found: BTreeMap<&IdentityKey, OrderToken> =
            fragments.iter().map(|(key, fragment)| (&key.primary, fragment.token)).collect();
        assert_eq!(found, model.fragments.iter().map(|(key, token)| (key, *token)).collect(), "fragments");

        let live = |profile: &ProfileId| {
            let mut profile = profile.clone();
            while let Some(into) = &all[&profile].graph.merged_into {
                profile = into.clone();
            }
            profile
        };
        let mut stands = BTreeMap::new();
        for (id, profile) in &all {
            for sent in profile.deliveries.values().flat_map(Delivery::may_stand) {
                assert_eq!(stands.insert(sent.cells, id.clone()), None, "it stands with two");
            }
        }
        let expected: BTreeMap<_, _> =
            model.stands.iter().map(|(cells, profile)| (cells.clone(), live(profile))).collect();
        assert_eq!(stands, expected, "deliveries");

        for (profile, audience) in &model.members {
            let profile = live(profile);
            assert!(all[&profile].memberships.is_realized(audience), "{profile} is not in {audience}");
        }
        for edge in all.values().flat_map(|profile| &profile.graph.edges) {
            assert!(model.asked[&edge.between].contains(&edge.at), "nobody asked for a link");
        }
        let merged = all.values().filter(|profile| profile.graph.merged_into.is_some()).count();
        format!(
            "{} fragments, {} memberships, {} deliveries on {} profiles, {merged} more merged away",
            found.len(),
            model.members.len(),
            stands.len(),
            all.len() - merged
        )
    }
}
