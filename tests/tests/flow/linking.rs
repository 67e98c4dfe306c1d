//! Linking a visitor while everything goes wrong: whoever links dies at any of its writes, is told twice, or is held up
//! at any of its calls, and what comes of it is the same.
//!
//! The queue has one worker at a time link a visitor. Two meet all the same where a message becomes visible while its
//! worker still works; and what comes after a message that has become a dead letter is linked without it.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::sqs::SqsEvent;
use domain::profile::Profile;
use ingest::handler::Ingest;
use serde_json::{Value, json};
use tests::flow::{Gate, event};

use crate::shop::{Browser, Shop, mover_known_as, token};

/// What happens at a browser of the shop.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Northlight's script recognises the visitor, who is shown an offer.
    View,
    /// A customer logs in.
    LogIn(char),
    /// A customer logs in at another browser, of their own.
    LogInElsewhere(char),
    /// The visitor allows nothing any more.
    Withdraw,
    /// The visitor allows everything again.
    Agree,
}
use Step::{Agree, LogIn, LogInElsewhere, View, Withdraw};

/// A browser, up to the link that goes wrong, and what happens there next.
struct Story {
    name: &'static str,
    before: &'static [Step],
    then: Step,
    next: &'static [Step],
}

const STORIES: [Story; 6] = [
    Story {
        name: "a known one logs in",
        before: &[LogInElsewhere('B'), View, LogIn('A')],
        then: LogIn('B'),
        next: &[LogIn('A'), View],
    },
    Story { name: "seen first", before: &[], then: View, next: &[LogIn('A')] },
    Story { name: "logs in", before: &[View], then: LogIn('A'), next: &[LogIn('B')] },
    Story { name: "a new one logs in", before: &[View, LogIn('A')], then: LogIn('B'), next: &[LogIn('A')] },
    Story {
        name: "two swap browsers",
        before: &[View, LogIn('A'), LogInElsewhere('B')],
        then: LogIn('B'),
        next: &[LogInElsewhere('A')],
    },
    Story { name: "withdraws", before: &[View, LogIn('A')], then: Withdraw, next: &[Agree, View] },
];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    /// The worker dies, and the message comes again.
    Death,
    /// The worker dies again and again, until the message is a dead letter; more happens, and is linked.
    DeadLetter,
    /// The message is delivered to another worker too, which is faster.
    Twice,
    /// The message is delivered to another worker too, which is faster, as is the one after it: more has happened, and is
    /// linked, before the first one goes on.
    Overtaken,
}

impl Wrong {
    /// At which calls it makes a difference: who has died at a read has written no more than who dies at the next write.
    fn matters_at(self) -> fn(&str) -> bool {
        match self {
            Wrong::Death | Wrong::DeadLetter => |call| {
                call.starts_with("DynamoDB") && !call.ends_with(".GetItem") && !call.ends_with(".Query")
            },
            Wrong::Twice | Wrong::Overtaken => |call| call.starts_with("DynamoDB"),
        }
    }
}

/// A browser of a story, and the customers who use it.
struct Play<'a> {
    shop: &'a Shop,
    /// What tells this play's customers and IDs from others'.
    name: String,
    browser: Browser,
    elsewhere: Browser,
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_link_whose_worker_dies_at_any_write_comes_to_the_same() {
    every_story(Wrong::Death).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn what_a_dead_letter_left_behind_is_made_good_by_the_next_link_or_the_next_run() {
    every_story(Wrong::DeadLetter).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_link_that_is_overtaken_at_any_call_comes_to_the_same() {
    every_story(Wrong::Overtaken).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_link_that_two_workers_make_at_once_comes_to_the_same() {
    every_story(Wrong::Twice).await;
}

/// Lets it go wrong at each call of each story, and compares with the same story without.
async fn every_story(wrong: Wrong) {
    let shop = Shop::open().await;
    let goes_on = matches!(wrong, Wrong::DeadLetter | Wrong::Overtaken);
    let mut differ = 0;
    for story in &STORIES {
        let name = |call: &str| format!("{}-{call}", story.name.replace(' ', "_"));
        let play = Play::of(&shop, name("undisturbed"));
        // In a box each: together they are too much for the stack of a thread.
        let expected = Box::pin(play.undisturbed(story, goes_on)).await;
        for call in 0.. {
            let play = Play::of(&shop, name(&call.to_string()));
            let Some(outcome) = Box::pin(play.disturbed(story, wrong, call)).await else { break };
            if outcome != expected {
                println!("{}, {wrong:?} at call {call}: {outcome} instead of {expected}", story.name);
                differ += 1;
            }
        }
        println!("{}: {wrong:?} at each call", story.name);
    }
    assert_eq!(differ, 0, "what goes wrong leaves something behind");
}

impl<'a> Play<'a> {
    fn of(shop: &'a Shop, name: String) -> Play<'a> {
        Play { shop, name, browser: Browser::default(), elsewhere: Browser::default() }
    }

    /// The outcome where everything that happens is linked at once.
    async fn undisturbed(mut self, story: &Story, goes_on: bool) -> Value {
        self.link_each(story.before).await;
        self.link_each(&[story.then]).await;
        if goes_on {
            self.link_each(story.next).await;
        }
        self.outcome().await
    }

    /// The outcome where it goes wrong at a call of the link; none where the link makes no such call.
    async fn disturbed(mut self, story: &Story, wrong: Wrong, call: usize) -> Option<Value> {
        self.link_each(story.before).await;
        Box::pin(self.step(story.then)).await;
        let local = &self.shop.flow.local;
        let gate = Gate::on(local, wrong.matters_at(), call).await;
        let worker = Ingest::new(gate.store(local));
        let message = self.message(&self.browser);
        {
            let mut link = Box::pin(worker.handle(message));
            if let Some(ended) = gate.hold(&mut link).await {
                assert!(ended.batch_item_failures.is_empty());
                return None;
            }
            match wrong {
                Wrong::Death | Wrong::DeadLetter => {}
                Wrong::Twice => self.link(&self.browser).await,
                Wrong::Overtaken => self.link_each(story.next).await,
            }
            if matches!(wrong, Wrong::Twice | Wrong::Overtaken) {
                gate.open();
                if link.await.batch_item_failures.is_empty() {
                    return Some(self.outcome().await);
                }
            }
        }
        match wrong {
            Wrong::DeadLetter => {
                self.link_each(story.next).await;
                self.make_good().await;
            }
            Wrong::Death | Wrong::Twice | Wrong::Overtaken => self.link(&self.browser).await,
        }
        Some(self.outcome().await)
    }

    async fn link_each(&mut self, steps: &[Step]) {
        for step in steps {
            Box::pin(self.step(*step)).await;
            let browser = if matches!(step, LogInElsewhere(_)) { &self.elsewhere } else { &self.browser };
            self.link(browser).await;
        }
    }

    /// What dispatch sends of a changed visitor.
    fn message(&self, browser: &Browser) -> SqsEvent {
        event(json!({"visitor": {"ecid": self.shop.key(&browser.ecid())}}).to_string())
    }

    async fn link(&self, browser: &Browser) {
        let linked = Box::pin(self.shop.flow.ingest.handle(self.message(browser))).await;
        assert!(linked.batch_item_failures.is_empty(), "a link that nobody disturbs fails");
    }

    /// Links what was begun and not ended, as evaluate asks for it.
    async fn make_good(&self) {
        let key = self.shop.key(&self.browser.ecid());
        if !self.shop.flow.local.store.visitors.get(&key).await.unwrap().is_linked() {
            self.link(&self.browser).await;
        }
    }

    async fn step(&mut self, step: Step) {
        let consent = |general: &str| json!({"consent": [{"standard": "Adobe", "version": "1.0", "value": {"general": general}}]});
        let login = |customer| json!({"tributary": {"token": token(&self.customer(customer))}});
        let request = ulid::Ulid::generate().to_string();
        let answer = match step {
            View => self.browser.view(self.shop, mover_known_as(&self.partner_id())).await,
            LogIn(customer) => self.browser.tell(self.shop, json!({}), login(customer)).await,
            LogInElsewhere(customer) => self.elsewhere.tell(self.shop, json!({}), login(customer)).await,
            Agree => self.browser.send(self.shop, "privacy/set-consent", &request, consent("in")).await,
            Withdraw => self.browser.send(self.shop, "privacy/set-consent", &request, consent("out")).await,
        };
        assert!(answer.status.is_success(), "{step:?}: {}", answer.body);
    }

    fn customer(&self, customer: char) -> String {
        format!("{customer}-{}", self.name)
    }

    fn partner_id(&self) -> String {
        format!("NL-{}", self.name)
    }

    /// Who holds what, in words that do not differ among plays.
    async fn outcome(&self) -> Value {
        let store = &self.shop.flow.local.store;
        let key = self.shop.key(&self.browser.ecid());
        let stored = store.visitors.get(&key).await.unwrap();
        let holder = store.identities.link(&key).await.unwrap();
        let partner_id = self.shop.key_of("NorthlightID", &self.partner_id());
        let references = store.identities.references(&partner_id).await.unwrap();
        let mut people = BTreeMap::new();
        for customer in ['A', 'B'] {
            let profile = self.shop.profile("CRMID", &self.customer(customer)).await;
            // Of whom nothing is known but the number, it does not matter whether that was ever noted.
            if let Some(profile) = profile.filter(|profile| !is_a_number_alone(profile)) {
                people.insert(customer, self.facts(&profile));
            }
        }
        let held = self.shop.profile("ECID", &self.browser.ecid()).await;
        let outcome = json!({
            "holder": held.as_ref().map(|profile| self.facts(profile)),
            "people": people,
            // A reference too many does no harm: what it leads to is looked at.
            "is_referred_to": references.iter().any(|reference| Some(&reference.profile) == holder.as_ref()),
            "is_noted": stored.link.seen == stored.version && stored.link.profile == holder,
            "is_settled": stored.is_linked(),
            "is_counted": stored.link.counted == stored.visitor.notified,
        });
        let mut text = outcome.to_string();
        let strangers =
            [(self.browser.ecid.as_deref(), "here"), (self.elsewhere.ecid.as_deref(), "elsewhere")];
        for (ecid, name) in strangers {
            if let Some(ecid) = ecid {
                text = text.replace(ecid, name).replace(self.shop.key(ecid).as_str(), name);
            }
        }
        in_order(serde_json::from_str(&text.replace(&self.name, "")).unwrap())
    }

    fn facts(&self, profile: &Profile) -> Value {
        let identities: BTreeSet<String> = profile
            .graph
            .identities
            .iter()
            .map(|(key, node)| {
                format!(
                    "{}:{}",
                    node.namespace,
                    if node.namespace.as_str() == "ECID" { key.as_str() } else { &node.value }
                )
            })
            .collect();
        let fragments: BTreeMap<String, Value> = profile
            .fragments
            .iter()
            .map(|(key, fragment)| {
                let partner_ids: Vec<&str> =
                    fragment.partner_ids.iter().map(|id| id.value.as_str()).collect();
                (format!("{key}"), json!({"attributes": fragment.attributes, "partner_ids": partner_ids}))
            })
            .collect();
        let named: BTreeSet<String> = profile.graph.fragments.iter().map(|key| format!("{key}")).collect();
        let edge: BTreeMap<&str, Vec<&str>> = profile
            .edge_memberships
            .iter()
            .map(|(key, memberships)| {
                (key.as_str(), memberships.audiences.keys().map(|name| name.as_str()).collect())
            })
            .collect();
        json!({"identities": identities, "fragments": fragments, "named": named, "edge": edge})
    }
}

/// What stands in any order, in one.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, in_order(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(in_order).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

/// Whether nothing is known of a customer but the number.
fn is_a_number_alone(profile: &Profile) -> bool {
    profile.graph.identities.len() == 1 && profile.fragments.is_empty() && profile.edge_memberships.is_empty()
}
