//! What a deployment leaves behind besides profiles: what may be read by more people, and stay longer, than they.

use serde_json::Value;

use super::{Deployed, aws};

/// What something is that a deployment left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A line of a function's log.
    LogLine,
    /// The partition and sort key of an item.
    ItemKey,
    /// A delivery state, the whole item.
    DeliveryState,
    /// An item of the ledger, the whole of it.
    LedgerItem,
    /// An object of the delivery log.
    DeliveryLog,
    /// The key of an object.
    ObjectKey,
    /// A file for somebody else.
    Export,
    /// A message.
    Message,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::LogLine,
        Kind::ItemKey,
        Kind::DeliveryState,
        Kind::LedgerItem,
        Kind::DeliveryLog,
        Kind::ObjectKey,
        Kind::Export,
        Kind::Message,
    ];
}

/// Something that a deployment left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
}

impl Trace {
    /// A trace of a kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Trace {
        Trace { kind, text: text.into() }
    }
}

impl Deployed {
    /// Everything besides the profiles' own items that the deployment has left so far.
    ///
    /// # Panics
    /// Where something of it cannot be read.
    pub async fn traces(&self) -> Vec<Trace> {
        let mut traces = self.log_lines();
        traces.extend(self.items().await);
        traces.extend(self.objects().await);
        traces.extend(self.dead_letters().await);
        traces
    }

    fn log_lines(&self) -> Vec<Trace> {
        let groups = aws(&["logs", "describe-log-groups"]);
        let groups = strings(&groups, "logGroups", "logGroupName");
        let own = groups.into_iter().filter(|group| group.contains(&self.name));
        let lines = own.flat_map(|group| {
            let events = aws(&["logs", "filter-log-events", "--log-group-name", &group]);
            strings(&events, "events", "message")
        });
        lines.map(|line| Trace::new(Kind::LogLine, line)).collect()
    }

    /// The keys of all items, and the whole of delivery states and of the ledger.
    ///
    /// # Panics
    /// Where a table cannot be read.
    pub async fn items(&self) -> Vec<Trace> {
        let deployment = &self.store.deployment;
        let mut traces = Vec::new();
        for table in [&deployment.profiles, &deployment.identities, &deployment.ledger] {
            let pages = aws_sdk_dynamodb::Client::new(&self.config).scan().table_name(table).into_paginator();
            let items = pages.items().send().collect::<Result<Vec<_>, _>>().await.expect("a table is read");
            for item in items {
                let [pk, sk] = ["pk", "sk"].map(|name| item.get(name).and_then(|key| key.as_s().ok()));
                let key = format!("{} {}", pk.map_or("", String::as_str), sk.map_or("", String::as_str));
                if *table == deployment.ledger {
                    traces.push(Trace::new(Kind::LedgerItem, format!("{item:?}")));
                } else if sk.is_some_and(|sk| sk.starts_with("D#")) {
                    traces.push(Trace::new(Kind::DeliveryState, format!("{item:?}")));
                }
                traces.push(Trace::new(Kind::ItemKey, key));
            }
        }
        traces
    }

    async fn objects(&self) -> Vec<Trace> {
        let deployment = &self.store.deployment;
        let mut traces = Vec::new();
        for bucket in [&deployment.control, &deployment.data, &deployment.exports] {
            for key in self.store.objects.list(bucket, "").await.expect("a bucket is read") {
                let kind = match key.split('/').next() {
                    _ if *bucket == deployment.exports => Some(Kind::Export),
                    Some("deliveries") => Some(Kind::DeliveryLog),
                    _ => None,
                };
                if let Some(kind) = kind {
                    let content = self.store.objects.read(bucket, &key).await.expect("a bucket is read");
                    let content = String::from_utf8_lossy(&content.unwrap_or_default()).into_owned();
                    traces.push(Trace::new(kind, content));
                }
                traces.push(Trace::new(Kind::ObjectKey, key));
            }
        }
        traces
    }

    /// The messages that could not be dealt with.
    ///
    /// # Panics
    /// Where a queue cannot be read.
    pub async fn dead_letters(&self) -> Vec<Trace> {
        let queues = aws_sdk_sqs::Client::new(&self.config).list_queues().queue_name_prefix(&self.name);
        let urls = queues.send().await.expect("queues are listed").queue_urls.unwrap_or_default();
        let mut traces = Vec::new();
        for url in urls.iter().filter(|url| url.contains("DeadLetters")) {
            let bodies = self.waiting(url).await.into_iter();
            traces.extend(bodies.map(|body| Trace::new(Kind::Message, body)));
        }
        traces
    }
}

/// One text of each member of a list.
fn strings(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let members = answer.get(list).and_then(Value::as_array).into_iter().flatten();
    members.filter_map(|member| member.get(name)?.as_str().map(str::to_owned)).collect()
}
