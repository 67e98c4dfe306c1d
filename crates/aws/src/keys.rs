//! The keys of items: the one place that knows how they are written.

use domain::fragment::FragmentKey;
use domain::identity::{IdentityKey, ProfileId};
use domain::name::{DataflowName, DatasetName, OfferName};
use domain::refusal::Activation;
use jiff::civil::Date;

pub(crate) const GRAPH: &str = "G";
pub(crate) const BATCH_MEMBERSHIPS: &str = "M#batch";
pub(crate) const EDGE_MEMBERSHIPS: &str = "M#edge#";
pub(crate) const VISITOR: &str = "V";
pub(crate) const DAY: &str = "day#";
/// Into how many items the count of a day is split.
pub(crate) const DAY_SHARDS: u8 = 16;
pub(crate) const LINK: &str = "L";
pub(crate) const FRAGMENT: &str = "F#";
pub(crate) const DELIVERY: &str = "D#";
pub(crate) const REFERENCE: &str = "R#";
pub(crate) const SPLITS: &str = "splits";
pub(crate) const SPLIT: &str = "split#";

pub(crate) fn fragment(key: &FragmentKey) -> String {
    format!("{FRAGMENT}{key}")
}

/// The partition of a visitor: apart from every person's, and never merged.
pub(crate) fn visitor(ecid: &IdentityKey) -> String {
    format!("edge#{ecid}")
}

/// Whose partition it is, if it is a visitor's.
pub(crate) fn visitor_of(pk: &str) -> Option<IdentityKey> {
    pk.strip_prefix("edge#")?.parse().ok()
}

pub(crate) fn edge_memberships(ecid: &IdentityKey) -> String {
    format!("{EDGE_MEMBERSHIPS}{ecid}")
}

pub(crate) fn delivery(dataflow: &DataflowName) -> String {
    format!("{DELIVERY}{dataflow}")
}

/// The partition of a dataset's batches. Batches of objects that no dataset claims share one.
pub(crate) fn dataset(name: Option<&DatasetName>) -> String {
    format!("dataset#{}", name.map_or("", DatasetName::as_str))
}

pub(crate) fn batch(number: u64) -> String {
    format!("batch#{number:012}")
}

pub(crate) fn chunk(number: u32) -> String {
    format!("chunk#{number:06}")
}

pub(crate) fn waiting(time: jiff::Timestamp, number: u64) -> String {
    format!("waiting#{:015}#{number:012}", time.as_millisecond().max(0))
}

pub(crate) fn split(at: jiff::Timestamp, from: &ProfileId) -> String {
    format!("{SPLIT}{:015}#{from}", at.as_millisecond().max(0))
}

pub(crate) fn run(id: &str) -> String {
    format!("run#{id}")
}

pub(crate) fn slice(number: u32) -> String {
    format!("slice#{number:06}")
}

/// The partition of what is known of an activation.
pub(crate) fn activation(activation: &Activation) -> String {
    match activation {
        Activation::Dataflow { dataflow, .. } => self::dataflow(dataflow),
        Activation::Offer { offer } => self::offer(offer),
        Activation::Datastream { datastream } => format!("datastream#{datastream}"),
    }
}

pub(crate) fn offer(name: &OfferName) -> String {
    format!("offer#{name}")
}

/// What was reported of an offer on a day, by some of its visitors.
pub(crate) fn day(day: Date, shard: u8) -> String {
    format!("{DAY}{day}#{shard}")
}

pub(crate) fn dataflow(name: &DataflowName) -> String {
    format!("dataflow#{name}")
}
